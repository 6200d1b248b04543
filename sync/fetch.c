/* Carrying out a plan: nodes and leaves come in, are verified one by one, and are kept as they
 * come. What a cut leaves behind, verified pieces and the bytes after them, goes into the store,
 * and the next cycle, or the next process, goes on from there. */
#include <stdio.h>
#include <stdlib.h>

#include "platform/clock.h"
#include "sync/cycle_int.h"
#include "sync/plan.h"
#include "sync/repo_int.h"

/* Kept on disk when so much has come, or so much time has gone by. */
#define KEEP_BYTES (128u << 10)
#define KEEP_NS (NS_PER_S / 5)
/* A request costs about this much besides its body (sync.md d5); a file a little for its opening.
 */
#define OVERHEAD_HTTP 450u
#define OVERHEAD_FILE 64u
/* Answers in a row that bring nothing. */
#define IDLE_STEPS_MAX 3

struct download {
    struct cycle *cycle;
    struct plan plan;
    struct slice *raw;          /* of each leaf, as far as it came or was read */
    struct store_piece *pieces; /* verified; [kept, n) are not in the store yet */
    size_t n, kept, unkept_bytes;
    uint64_t kept_at;        /* monotonic */
    struct slice name;       /* of the partial: the manifest's hash */
    struct store_base base;  /* the active generation; gen == 0: none */
    bool earlier, continued; /* an earlier cycle left something; it was of use */
    unsigned idle_steps;
    /* the present run through the pack */
    struct slice pack; /* its path */
    struct plan_run run;
    uint64_t at;   /* where the present node or leaf begins */
    uint64_t skip; /* bytes to come that we have already */
    char *tail;    /* its bytes so far */
    size_t tail_n;
    char etag[257];
    bool tail_is_stored, restarted, whole_pack, bad_range;
};

/* ---- keeping ---- */

static bool keep(struct download *d)
{
    struct store_partial partial = { .name = d->name,
                                     .etag = slice_from(d->etag),
                                     .at = d->at,
                                     .tail = slice_of(d->tail, d->tail_n) };

    if (!store_put_pieces(d->cycle->store, d->pieces + d->kept, d->n - d->kept, &partial,
                          &d->cycle->err))
        return cycle_fail_store(d->cycle);
    d->kept = d->n;
    d->unkept_bytes = 0;
    d->kept_at = clock_mono_ns();
    return true;
}

/* At the end of a download that is not complete. Its own failure is told already. */
static void keep_rest(struct download *d)
{
    struct cycle *c = d->cycle;
    enum sync_reason reason = c->reason;
    struct err err = c->err;

    if (reason == SYNC_STORE || (d->kept == d->n && !d->tail_n))
        return;
    c->out->progress = true;
    (void)keep(d);
    c->reason = reason;
    c->err = err;
}

static bool keep_if_due(struct download *d)
{
    if (d->kept == d->n || (d->unkept_bytes < KEEP_BYTES && clock_mono_ns() - d->kept_at < KEEP_NS))
        return true;
    return keep(d);
}

static bool add_piece(struct download *d, const struct tree_entry *e, struct slice bytes, bool node)
{
    struct slice copy = arena_copy(d->cycle->arena, bytes);

    if (!copy.p)
        return cycle_fail(d->cycle, SYNC_STORE, "out of memory");
    d->pieces[d->n++] = (struct store_piece){ .entry = *e, .bytes = copy, .node = node };
    d->unkept_bytes += copy.n;
    return true;
}

/* ---- what came ---- */

static bool is_in_base(const struct download *d, uint32_t i)
{
    return d->base.gen && d->base.latest->manifest.bits == d->plan.manifest->bits &&
           tree_entry_eq(&d->base.leaves[i], &d->plan.leaves[i]);
}

/* Leaves of a node that became known may be in the store: of the base, of older generations, of an
 * earlier cycle. */
static void look_for_leaves(struct download *d, uint32_t node)
{
    struct plan *p = &d->plan;

    if (p->fresh_start)
        return;
    for (uint32_t i = node * p->fan; i < (node + 1) * p->fan; i++)
        if (!p->here[i] && store_has_leaf(d->cycle->store, &p->leaves[i])) {
            plan_leaf(p, i);
            d->continued |= !is_in_base(d, i);
        }
}

static bool node_came(struct download *d, uint32_t i, struct slice bytes, const char *where)
{
    struct cycle *c = d->cycle;
    struct tree_entry entries[1u << ((TREE_BITS_MAX + 1) / 2)];
    const struct tree_entry *e = &c->latest->manifest.nodes[i];

    if (!tree_node_open(e, bytes, entries, &c->err))
        return cycle_fail(c, SYNC_DIGEST, "%s: node %u: %s", where, i, c->err.text);
    for (uint32_t k = 0; k < d->plan.fan; k++)
        if (!tree_entry_check(&entries[k], &c->err))
            return cycle_fail(c, SYNC_INVALID, "%s: node %u: leaf %u: %s", where, i,
                              i * d->plan.fan + k, c->err.text);
    plan_node(&d->plan, i, entries);
    look_for_leaves(d, i);
    return add_piece(d, e, bytes, true);
}

static bool leaf_came(struct download *d, uint32_t i, struct slice z, const char *where)
{
    struct cycle *c = d->cycle;
    const struct tree_entry *e = &d->plan.leaves[i];
    struct arena scratch;

    if (!tree_leaf_open(c->arena, e, z, &d->raw[i], &c->err))
        return cycle_fail(c, SYNC_DIGEST, "%s: leaf %u: %s", where, i, c->err.text);
    arena_init_growing(&scratch, 64u << 20);
    bool ok = tree_leaf_check(&scratch, d->raw[i], i, c->latest->manifest.bits, &c->err);
    arena_free(&scratch);
    if (!ok)
        return cycle_fail(c, SYNC_INVALID, "%s: leaf %u: %s", where, i, c->err.text);
    plan_leaf(&d->plan, i);
    d->idle_steps = 0;
    return add_piece(d, e, z, false);
}

/* ---- objects ---- */

static bool fetch_object(struct download *d, const struct plan_step *step)
{
    struct cycle *c = d->cycle;
    bool node = step->action == PLAN_NODE, present;
    const struct tree_entry *e =
        node ? &c->latest->manifest.nodes[step->index] : &d->plan.leaves[step->index];
    struct slice path = repo_object_path(c->arena, e), bytes;

    /* One byte more than it should have: what is longer is seen. */
    if (!cycle_get(c, path, (size_t)e->z + 1, &bytes, &present))
        return false;
    if (!present)
        return cycle_fail(c, SYNC_HTTP, "%.*s: no %.*s there", SLICE_ARG(c->source->host),
                          SLICE_ARG(path));
    d->idle_steps = 0;
    return (node ? node_came(d, step->index, bytes, path.p)
                 : leaf_came(d, step->index, bytes, path.p)) &&
           keep_if_due(d);
}

/* ---- runs of the pack ---- */

struct segment {
    bool node;
    uint32_t index;
    uint64_t size;
};

static uint32_t leaf_at(const struct plan *p, uint64_t at)
{
    uint32_t low = 0, high = p->n_leaves;

    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (p->offsets[middle] <= at)
            low = middle;
        else
            high = middle;
    }
    return low;
}

static struct segment segment_at(const struct plan *p, uint64_t at)
{
    uint64_t node = (uint64_t)p->fan * TREE_ENTRY_BYTES;

    if (at < plan_head(p))
        return (struct segment){ true, (uint32_t)(at / node), node };
    uint32_t i =
        leaf_at(p, at); /* the last one that begins here: empty ones before it begin here, too */
    return (struct segment){ false, i, p->leaves[i].z };
}

static bool segment_came(struct download *d, const struct segment *s)
{
    struct slice bytes = slice_of(d->tail, d->tail_n);

    if (s->node)
        return d->plan.node_known[s->index] || node_came(d, s->index, bytes, d->pack.p);
    return d->plan.here[s->index] || leaf_came(d, s->index, bytes, d->pack.p);
}

static bool on_bytes(void *arg, struct slice bytes)
{
    struct download *d = arg;
    size_t skipped = d->skip < bytes.n ? (size_t)d->skip : bytes.n;

    d->skip -= skipped;
    bytes = slice_skip(bytes, skipped);
    while (bytes.n && d->at < d->run.to) {
        /* When all nodes have come the pack's length can be told; it may not be what the manifest
         * says. */
        if (!d->plan.unknown && !d->plan.pack)
            return cycle_fail(d->cycle, SYNC_INVALID,
                              "manifest %lld: its pack should not have %llu bytes",
                              (long long)d->cycle->latest->manifest.seq,
                              (unsigned long long)d->cycle->latest->manifest.pack_length);
        struct segment s = segment_at(&d->plan, d->at);
        size_t take = s.size - d->tail_n < bytes.n ? (size_t)(s.size - d->tail_n) : bytes.n;
        memcpy(d->tail + d->tail_n, bytes.p, take);
        d->tail_n += take;
        bytes = slice_skip(bytes, take);
        if (d->tail_n < s.size)
            break;
        if (!segment_came(d, &s))
            return false;
        d->at += s.size;
        d->tail_n = 0;
        d->tail_is_stored = false;
        d->idle_steps = 0;
    }
    /* More than was asked for is not wanted; the end of what was is left to the sender, so that the
     * connection can be used again. */
    return keep_if_due(d) && !(bytes.n && d->at >= d->run.to);
}

static bool on_idle(void *arg)
{
    struct download *d = arg;

    return d->kept == d->n || keep(d);
}

static bool is_strong(struct slice etag)
{
    return etag.n && !slice_starts(etag, SLICE("W/"));
}

static bool on_begin(void *arg, uint64_t offset, struct slice etag)
{
    struct download *d = arg;
    uint64_t have = d->at + d->tail_n;

    if (!slice_eq(slice_from(d->etag), etag) && d->etag[0] && offset == 0) {
        have = d->at; /* another file of that name: what we have of the present leaf is of the old
                         one */
        d->tail_n = 0;
    }
    snprintf(d->etag, sizeof d->etag, "%.*s", is_strong(etag) ? (int)etag.n : 0,
             etag.p ? etag.p : "");
    d->bad_range = offset > have;
    if (d->bad_range)
        return false;
    d->skip = have - offset;
    d->whole_pack = d->skip > 0;
    /* It sends all of it, asked or not: then it is read to its end. */
    if (d->whole_pack)
        d->run.to = d->cycle->latest->manifest.pack_length;
    return true;
}

static bool make_room(struct download *d)
{
    if (!d->tail)
        d->tail =
            arena_alloc_raw(d->cycle->arena, (size_t)TREE_LEAF_MAX + TREE_LEAF_MAX / 1000 + 64);
    return d->tail || cycle_fail(d->cycle, SYNC_STORE, "out of memory");
}

/* Bytes that an earlier cycle got behind its last whole leaf. */
static bool take_tail(struct download *d)
{
    struct cycle *c = d->cycle;
    struct store_partial partial;
    bool present;

    if (!store_partial(c->store, c->arena, d->name, &partial, &present, &c->err))
        return cycle_fail_store(c);
    if (!present || partial.at != d->at)
        return true;
    snprintf(d->etag, sizeof d->etag, "%.*s", SLICE_ARG(slice_first(partial.etag, 256)));
    struct segment s = segment_at(&d->plan, d->at);
    if (partial.tail.n >= s.size)
        return true;
    memcpy(d->tail, partial.tail.p ? partial.tail.p : "", partial.tail.n);
    d->tail_n = partial.tail.n;
    d->tail_is_stored = d->tail_n > 0;
    d->continued |= d->tail_is_stored;
    return true;
}

/* Bytes kept from earlier turn out to be wrong, or of another file: the piece is asked for once
 * more from its beginning. */
static bool may_restart(struct download *d)
{
    if (d->restarted || !d->tail_is_stored || d->cycle->reason != SYNC_DIGEST)
        return false;
    d->restarted = true;
    d->tail_n = 0;
    d->tail_is_stored = false;
    d->etag[0] = 0;
    d->cycle->reason = SYNC_OK;
    return store_drop_partial(d->cycle->store, d->name, &d->cycle->err) ||
           cycle_fail_store(d->cycle);
}

static bool judge_run(struct download *d, const struct get *g)
{
    struct cycle *c = d->cycle;

    if (c->reason != SYNC_OK)
        return may_restart(d);
    /* No pack, one that is shorter than what we ask for, a host that sends another part of it than
     * that: from objects then. */
    if (g->status == 404 || (g->status == 416 && (d->tail_n || d->at)) || d->bad_range) {
        d->tail_n = 0;
        plan_no_pack(&d->plan);
        return true;
    }
    if (g->status != 200 && g->status != 206) {
        (void)source_refuse(g, &c->reason, &c->err);
        return false;
    }
    if (d->whole_pack)
        plan_no_pack(&d->plan); /* no ranges here: what is still missing comes as objects */
    if (d->at < d->run.to && !g->overrun && !g->cut)
        return cycle_fail(c, SYNC_DIGEST, "%s: digest: it ends at byte %llu of %llu", d->pack.p,
                          (unsigned long long)d->at + d->tail_n,
                          (unsigned long long)c->latest->manifest.pack_length);
    return true;
}

static bool fetch_run(struct download *d, const struct plan_run *run)
{
    struct cycle *c = d->cycle;
    const struct manifest *m = &c->latest->manifest;
    bool all;

    if (d->at != run->from) {
        d->at = run->from;
        d->tail_n = 0;
        d->tail_is_stored = false;
    }
    d->run = *run;
    d->skip = 0;
    d->whole_pack = d->bad_range = false;
    d->pack = repo_pack_path(c->arena, c->channel, m->pack_seq);
    if (!make_room(d) || (!d->tail_n && !d->restarted && !take_tail(d)))
        return false;
    all = d->at + d->tail_n == 0 && run->to == m->pack_length;
    struct get g = { .source = c->source,
                     .path = d->pack,
                     .from = d->at + d->tail_n,
                     .to = all ? 0 : run->to,
                     .if_range = slice_from(d->etag),
                     .begin = on_begin,
                     .bytes = on_bytes,
                     .idle = on_idle,
                     .arg = d };
    bool ok = source_get(&c->x, &g, &c->reason, &c->err);
    c->out->retry_after_ms = g.retry_after_ms;
    if (g.received)
        c->out->progress = true;
    return ok ? judge_run(d, &g) : may_restart(d);
}

/* ---- all of it ---- */

static bool begin(struct download *d)
{
    struct cycle *c = d->cycle;
    const struct manifest *m = &c->latest->manifest;
    char hex[2 * CRYPTO_SHA256_BYTES];
    bool present;

    crypto_hex(c->latest->hash, CRYPTO_SHA256_BYTES, hex);
    d->name = arena_copy(c->arena, slice_of(hex, sizeof hex));
    d->raw = arena_array(c->arena, struct slice, tree_leaves(m->bits));
    d->pieces = arena_array(c->arena, struct store_piece,
                            (size_t)tree_leaves(m->bits) * 2 + tree_nodes(m->bits));
    d->kept_at = clock_mono_ns();
    if (!d->name.p || !d->raw || !d->pieces ||
        !plan_begin(&d->plan, c->arena, m,
                    c->source->scheme == SOURCE_FILE ? OVERHEAD_FILE : OVERHEAD_HTTP))
        return cycle_fail(c, SYNC_STORE, "out of memory");
    d->plan.fresh_start = !store_has_leaves(c->store);
    d->earlier = store_has_progress(c->store);
    if (!store_base(c->store, c->arena, &d->base, &present, &c->err))
        return cycle_fail_store(c);
    if (present)
        plan_base(&d->plan, d->base.leaves, d->base.latest->manifest.bits);
    else
        d->base.gen = 0;
    return true;
}

/* Nodes that an earlier cycle got; then leaves of all nodes that are known by now. */
static bool look_at_store(struct download *d)
{
    struct cycle *c = d->cycle;
    struct tree_entry entries[1u << ((TREE_BITS_MAX + 1) / 2)];
    struct slice bytes;
    bool present;

    for (uint32_t i = 0; i < d->plan.n_nodes; i++) {
        if (d->plan.node_known[i])
            continue;
        if (!store_node(c->store, c->arena, &c->latest->manifest.nodes[i], &bytes, &present,
                        &c->err))
            return cycle_fail_store(c);
        if (present && tree_node_open(&c->latest->manifest.nodes[i], bytes, entries, &c->err)) {
            plan_node(&d->plan, i, entries);
            d->continued = true;
        }
    }
    for (uint32_t i = 0; i < d->plan.n_nodes; i++)
        if (d->plan.node_known[i])
            look_for_leaves(d, i);
    return true;
}

static bool carry_out(struct download *d)
{
    struct plan_step step;

    for (;;) {
        plan_next(&d->plan, &step);
        if (step.action == PLAN_DONE)
            return true;
        if (++d->idle_steps > IDLE_STEPS_MAX)
            return cycle_fail(d->cycle, SYNC_HTTP, "%.*s: its answers bring nothing new",
                              SLICE_ARG(d->cycle->source->host));
        if (!(step.action == PLAN_RUN ? fetch_run(d, &step.run) : fetch_object(d, &step)))
            return false;
    }
}

/* Leaves that were here all along are read, and verified, only now; one that turns out damaged is
 * fetched. */
static bool read_rest(struct download *d, bool *lost)
{
    struct cycle *c = d->cycle;
    bool present;

    *lost = false;
    for (uint32_t i = 0; i < d->plan.n_leaves; i++) {
        if (d->raw[i].p || !d->plan.leaves[i].raw)
            continue;
        if (!store_leaf(c->store, c->arena, &d->plan.leaves[i], &d->raw[i], &present, &c->err))
            return cycle_fail_store(c);
        if (!present) {
            d->raw[i] = SLICE_NONE;
            plan_leaf_lost(&d->plan, i);
            *lost = true;
        }
    }
    return true;
}

bool fetch_leaves(struct cycle *c, struct fetched *out)
{
    struct download *d = arena_new(c->arena, struct download);
    bool lost = true;

    if (!d)
        return cycle_fail(c, SYNC_STORE, "out of memory");
    d->cycle = c;
    bool ok = begin(d) && look_at_store(d);
    /* Leaves can be lost once: what has come in this cycle is in memory. */
    while (ok && lost)
        ok = carry_out(d) && read_rest(d, &lost);
    c->out->resumed |= d->earlier && d->continued;
    if (!ok) {
        keep_rest(d);
        return false;
    }
    *out = (struct fetched){ .raw = d->raw,
                             .entries = d->plan.leaves,
                             .pieces = d->pieces + d->kept,
                             .n_pieces = d->n - d->kept };
    return true;
}
