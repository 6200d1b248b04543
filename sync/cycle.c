/* One cycle: the first source that answers with something usable; its `latest`; the leaves that are
 * missing; accept, flip, activate (sync.md d4). Whatever fails, what is running goes on. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "platform/clock.h"
#include "platform/file.h"
#include "platform/log.h"
#include "sync/cycle_int.h"
#include "sync/repo_int.h"

#define TOKEN_FILE_MAX (16u << 10)
/* A clock that is this far behind what the publisher says is not set: it judges no dates. */
#define CLOCK_SLACK_S (24 * 60 * 60)

/* ---- failing ---- */

bool cycle_fail(struct cycle *c, enum sync_reason reason, const char *fmt, ...)
{
    char text[ERR_MAX];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    c->reason = reason;
    return err_set(&c->err, "%s", text);
}

bool cycle_fail_err(struct cycle *c, enum sync_reason otherwise)
{
    struct slice text = slice_from(c->err.text);

    c->reason = otherwise;
    if (slice_find(text, SLICE("signature: ")) >= 0)
        c->reason = SYNC_SIGNATURE;
    else if (slice_find(text, SLICE("digest: ")) >= 0)
        c->reason = SYNC_DIGEST;
    return false;
}

bool cycle_fail_store(struct cycle *c)
{
    c->reason = SYNC_STORE;
    return false;
}

bool cycle_get(struct cycle *c, struct slice path, size_t max, struct slice *out, bool *present)
{
    struct get g = { .source = c->source, .path = path, .max = max };

    *present = false;
    *out = SLICE_NONE;
    if (!path.p)
        return cycle_fail(c, SYNC_STORE, "out of memory");
    if (!source_get(&c->x, &g, &c->reason, &c->err))
        return false;
    c->out->retry_after_ms = g.retry_after_ms;
    if (g.status == 404)
        return true;
    if (g.status != 200)
        return source_refuse(&g, &c->reason, &c->err);
    *out = g.body;
    *present = true;
    return true;
}

/* ---- latest ---- */

/* What a login page sends is told from a damaged file: the latter still has the words of its head
 * line. */
static bool refuse_text(struct cycle *c, struct slice text)
{
    if (c->source->scheme == SOURCE_FILE ||
        slice_find(slice_first(text, 32), SLICE(" fresh ")) >= 0)
        return cycle_fail(c, SYNC_SIGNATURE, "signature: %s/latest: not a signed envelope",
                          c->channel);
    return cycle_fail(
        c, SYNC_PORTAL,
        "%.*s: its answer is no signed configuration: a login page or proxy is in the way",
        SLICE_ARG(c->source->host));
}

/* The ETag of this source, when what it was for is what is active. */
static struct slice known_etag(struct cycle *c)
{
    return store_active(c->store) ? store_meta(c->store, c->arena, c->etag_key) : SLICE_NONE;
}

/* *changed false: 304, nothing new. */
static bool get_latest(struct cycle *c, bool *changed)
{
    struct get g = { .source = c->source,
                     .path = repo_latest_path(c->arena, c->channel),
                     .max = LATEST_BYTES_MAX };

    *changed = true;
    if (c->source->scheme != SOURCE_FILE && !roots_are_due(c))
        g.if_none_match = known_etag(c);
    if (!source_get(&c->x, &g, &c->reason, &c->err))
        return false;
    c->out->retry_after_ms = g.retry_after_ms;
    if (g.status == 304 && g.if_none_match.n) {
        *changed = false;
        return true;
    }
    if (g.status == 404 && c->source->scheme == SOURCE_FILE)
        return cycle_fail(c, SYNC_CONNECT, "%s/%.*s: not there", c->source->base,
                          SLICE_ARG(g.path));
    if (g.status != 200)
        return source_refuse(&g, &c->reason, &c->err);
    if (!envelope_has_magic(g.body))
        return refuse_text(c, g.body);
    if (g.too_large)
        return cycle_fail(c, SYNC_INVALID, "%s/latest: larger than %u bytes", c->channel,
                          LATEST_BYTES_MAX);
    c->text = g.body;
    c->etag = g.etag;
    return true;
}

static bool parse_latest(struct cycle *c)
{
    if (latest_parse(c->arena, &c->root, c->text, c->latest, &c->err))
        return true;
    (void)cycle_fail_err(c, SYNC_INVALID);
    /* An unknown key is told in the words of interface.md 2.1, everything else with the name of the
     * file. */
    return slice_starts(slice_from(c->err.text), SLICE("signature: key "))
               ? false
               : err_wrap(&c->err, "%s/latest", c->channel);
}

/* Keys may have changed since: an unknown signature, and once a day, leads to a look for the next
 * root. */
static bool verify_latest(struct cycle *c)
{
    bool due = roots_are_due(c), moved = false;

    bool ok = parse_latest(c);
    if (!due && (ok || c->reason != SYNC_SIGNATURE))
        return ok;
    struct err why = c->err;
    enum sync_reason reason = c->reason;
    c->reason = SYNC_OK;
    bool asked = roots_advance(c, &moved);
    if (moved && asked)
        return parse_latest(c);
    if (!asked && ok && c->reason != SYNC_STORE && c->reason != SYNC_SIGNATURE) {
        c->reason = SYNC_OK; /* asked in vain: tomorrow again */
        return true;
    }
    if (ok && asked)
        return true;
    if (!ok) {
        c->err = why;
        c->reason = reason;
    }
    return false;
}

/* ---- is it for us, and new ---- */

static int64_t next_number(struct slice *version)
{
    struct slice part;
    uint64_t n = 0;

    if (slice_cut(version, '.', &part))
        (void)slice_to_u64(part, UINT32_MAX, &n);
    return (int64_t)n;
}

static bool is_older_than(struct slice ours, struct slice wanted)
{
    for (int i = 0; i < 3; i++) {
        int64_t x = next_number(&ours), y = next_number(&wanted);
        if (x != y)
            return x < y;
    }
    return false;
}

static bool check_date(struct cycle *c)
{
    const struct fresh *f = &c->latest->fresh;

    if (!f->expires || c->now <= f->expires)
        return true;
    /* Dates are judged only by a clock that runs after the publisher's. */
    if (c->now < f->issued - CLOCK_SLACK_S)
        return true;
    return cycle_fail(c, SYNC_INVALID,
                      "%s/latest: expired: an old state is shown (or this clock is wrong)",
                      c->channel);
}

static bool check_for_us(struct cycle *c)
{
    const struct latest *l = c->latest;
    int64_t seen = store_max_seq(c->store, slice_from(c->channel));

    if (!slice_eq(l->fresh.channel, slice_from(c->channel)))
        return cycle_fail(c, SYNC_INVALID, "%s/latest: it is of channel %.*s", c->channel,
                          SLICE_ARG(l->fresh.channel));
    if (l->fresh.seq < seen)
        return cycle_fail(c, SYNC_INVALID,
                          "%s/latest: publish %lld is shown, %lld was seen: an old state "
                          "(replayed, or a mirror that "
                          "lags)",
                          c->channel, (long long)l->fresh.seq, (long long)seen);
    if (l->fresh.seq < l->fresh.floor)
        return cycle_fail(c, SYNC_INVALID, "%s/latest: publish %lld is below its own floor %lld",
                          c->channel, (long long)l->fresh.seq, (long long)l->fresh.floor);
    if (l->manifest.min_gateway.n &&
        is_older_than(SLICE(HOLDFAST_VERSION), l->manifest.min_gateway))
        return cycle_fail(c, SYNC_INVALID,
                          "manifest %lld: for holdfast %.*s and later: this is " HOLDFAST_VERSION,
                          (long long)l->manifest.seq, SLICE_ARG(l->manifest.min_gateway));
    return check_date(c);
}

struct active {
    bool present;
    int64_t gen;
    struct latest *latest;
};

static bool read_active(struct cycle *c, struct active *out)
{
    struct store_base base;

    if (!store_base(c->store, c->arena, &base, &out->present, &c->err))
        return cycle_fail_store(c);
    out->gen = base.gen;
    out->latest = base.latest;
    return true;
}

/* What is written down with it: the source's ETag, and when roots were asked for. */
static size_t memory(struct cycle *c, struct store_meta_pair out[2])
{
    size_t n = 0;

    if (c->source->scheme != SOURCE_FILE)
        out[n++] = (struct store_meta_pair){ c->etag_key, c->etag };
    if (roots_are_due(c))
        out[n++] = (struct store_meta_pair){ "root_asked",
                                             arena_printf(c->arena, "%lld", (long long)c->now) };
    return n;
}

/* The generation is active already; a newer date, another ETag are kept, nothing else is written.
 */
static bool stay(struct cycle *c, const struct active *active)
{
    struct store_meta_pair meta[2];
    size_t n = memory(c, meta);
    bool dated = !slice_eq(active->latest->fresh_envelope.whole, c->latest->fresh_envelope.whole);
    bool known = c->source->scheme == SOURCE_FILE ||
                 slice_eq(store_meta(c->store, c->arena, c->etag_key), c->etag);

    c->out->outcome = SYNC_CURRENT;
    if (!dated && known && n < 2 && !roots_are_due(c))
        return true;
    return store_redate(c->store, dated ? c->latest->text : SLICE_NONE, meta, n, &c->err) ||
           cycle_fail_store(c);
}

/* ---- taking it ---- */

static bool refuse_generation(struct cycle *c)
{
    struct err why = c->err;
    struct err ignored;

    if (!store_refuse(c->store, c->latest, why.text, &ignored))
        log_warn("StoreFault", "%s", ignored.text);
    c->err = why;
    c->reason = SYNC_INVALID;
    return false;
}

static bool flip(struct cycle *c, const struct fetched *f, int64_t *gen)
{
    struct store_meta_pair meta[2];
    struct store_staging st = { .latest = c->latest,
                                .leaves = f->entries,
                                .pieces = f->pieces,
                                .n_pieces = f->n_pieces,
                                .meta = meta,
                                .n_meta = memory(c, meta) };

    return store_flip(c->store, &st, gen, &c->err) || cycle_fail_store(c);
}

static bool activate(struct cycle *c, int64_t gen, void *program)
{
    const struct sync_hooks *h = &c->options->hooks;
    struct err why;
    int64_t back;

    if (h->activate && !h->activate(h->arg, program, &c->err)) {
        if (!store_fail(c->store, gen, c->err.text, &back, &why))
            log_warn("StoreFault", "%s", why.text);
        c->reason = SYNC_INVALID;
        return false;
    }
    c->out->outcome = SYNC_UPDATED;
    c->out->to = gen;
    /* It is live whatever the store says now; at the next start it is on trial once more. */
    if (!store_confirm(c->store, gen, &why))
        log_warn("StoreFault", "%s", why.text);
    return true;
}

static bool accept_and_flip(struct cycle *c, const struct fetched *f, struct store_generation *g)
{
    const struct sync_hooks *h = &c->options->hooks;
    void *program = NULL;
    int64_t gen;

    g->gen = store_next_number(c->store, c->latest);
    if (h->accept && !h->accept(h->arg, g, &program, &c->err))
        return refuse_generation(c);
    if (flip(c, f, &gen))
        return activate(c, gen, program);
    if (h->discard && program)
        h->discard(h->arg, program);
    return false;
}

static bool take(struct cycle *c)
{
    struct fetched fetched;
    struct store_generation g;

    if (!fetch_leaves(c, &fetched))
        return false;
    if (!store_fill(c->arena, c->latest, fetched.raw, &g, &c->err))
        return cycle_fail_err(c, SYNC_INVALID);
    return accept_and_flip(c, &fetched, &g);
}

/* ---- one source ---- */

static bool judge_latest(struct cycle *c)
{
    struct active active;
    struct slice refused;

    if (!check_for_us(c) || !read_active(c, &active))
        return false;
    if (active.present && memcmp(active.latest->hash, c->latest->hash, sizeof c->latest->hash) == 0)
        return stay(c, &active);
    if (store_pinned(c->store)) {
        snprintf(c->out->text, sizeof c->out->text,
                 "publish %lld is not taken: pinned to generation %lld until `holdfast rollback "
                 "--release`",
                 (long long)c->latest->manifest.seq, (long long)store_pinned(c->store));
        c->out->outcome = SYNC_CURRENT;
        return true;
    }
    if (active.present && slice_eq(active.latest->manifest.channel, c->latest->manifest.channel) &&
        active.latest->manifest.seq == c->latest->manifest.seq &&
        store_max_seq(c->store, slice_from(c->channel)) == c->latest->manifest.seq)
        return cycle_fail(c, SYNC_INVALID,
                          "manifest %lld: another one of this number is active here: publish again",
                          (long long)c->latest->manifest.seq);
    refused = store_refused(c->store, c->arena, c->latest->hash);
    if (refused.p && !c->retry_refused)
        return cycle_fail(c, SYNC_INVALID, "%.*s", SLICE_ARG(refused));
    return take(c);
}

static bool try_source(struct cycle *c)
{
    bool changed;

    c->reason = SYNC_OK;
    c->err.text[0] = 0;
    c->latest = arena_new(c->arena, struct latest);
    if (!c->latest)
        return cycle_fail(c, SYNC_STORE, "out of memory");
    if (!roots_obtain(c) || !get_latest(c, &changed))
        return false;
    snprintf(c->out->source, sizeof c->out->source, "%s", c->source->base);
    if (!changed) {
        c->out->outcome = SYNC_CURRENT;
        return true;
    }
    return verify_latest(c) && judge_latest(c);
}

/* A medium that cannot be written is no reason not to serve: once more, in memory. */
static bool try_source_anyway(struct cycle *c)
{
    if (try_source(c))
        return true;
    if (c->reason != SYNC_STORE || !store_medium_failed(c->store) ||
        !store_degrade(c->store, c->err.text))
        return false;
    return try_source(c);
}

/* ---- all sources ---- */

static bool is_offline(enum sync_reason r)
{
    return r != SYNC_SIGNATURE && r != SYNC_DIGEST && r != SYNC_INVALID;
}

static void note_failure(struct cycle *c, bool *any)
{
    struct sync_result *out = c->out;

    /* What was rejected says more than what could not be reached. */
    if (*any && (is_offline(c->reason) || out->outcome == SYNC_REJECTED))
        return;
    *any = true;
    out->outcome = is_offline(c->reason) ? SYNC_OFFLINE : SYNC_REJECTED;
    out->reason = c->reason;
    snprintf(out->text, sizeof out->text, "%s", c->err.text);
    snprintf(out->source, sizeof out->source, "%s", c->source->base);
}

/* Token = what is written, without the word, or the content of @FILE, read anew before every cycle.
 */
static bool read_token(struct cycle *c)
{
    struct slice text = slice_trim(slice_from(c->options->auth));

    if (text.n && text.p[0] == '@') {
        char *path = arena_cstr(c->arena, slice_skip(text, 1));
        if (!path || !file_read(c->arena, path, TOKEN_FILE_MAX, &text, &c->err))
            return err_wrap(&c->err, "config.service.auth");
        text = slice_trim(text);
    }
    if (slice_starts_icase(text, SLICE("GatewayKey ")))
        text = slice_trim(slice_skip(text, 11));
    c->x.authorization =
        text.n ? arena_printf(c->arena, "GatewayKey %.*s", SLICE_ARG(text)).p : NULL;
    return true;
}

static void name_etag(struct cycle *c)
{
    uint8_t hash[CRYPTO_SHA256_BYTES];
    char hex[17] = { 0 };
    struct slice name = arena_printf(c->arena, "%s %s", c->source->base, c->channel);

    crypto_sha256(name, hash);
    crypto_hex(hash, 8, hex);
    snprintf(c->etag_key, sizeof c->etag_key, "etag:%s", hex);
}

static void try_sources(struct cycle *c)
{
    const struct sync_options *o = c->options;
    bool any = false;

    c->out->outcome = SYNC_OFFLINE;
    if (!o->n_endpoints) {
        c->out->reason = SYNC_CONNECT;
        snprintf(c->out->text, sizeof c->out->text, "config.service.endpoint: not set");
    }
    for (size_t i = 0; i < o->n_endpoints; i++) {
        struct source source;
        c->source = &source;
        c->reason = SYNC_INVALID;
        if (source_is_azure(o->endpoints[i])) {
            source = (struct source){ .base = "" };
            (void)cycle_fail(c, SYNC_CONNECT,
                             "config.service.endpoint: Azure's own service: not asked");
            note_failure(c, &any);
            continue;
        }
        if (!source_parse(c->arena, o->endpoints[i], &source, &c->err)) {
            source = (struct source){ .base = "" };
            note_failure(c, &any);
            continue;
        }
        name_etag(c);
        c->x.skip_verify = o->skip_verify;
        c->x.exchange_ms = o->exchange_ms;
        if (try_source_anyway(c)) {
            c->out->reason = SYNC_OK;
            if (any && !store_pinned(c->store))
                c->out->text[0] = 0;
            return;
        }
        note_failure(c, &any);
    }
}

void cycle_run(const struct sync_options *options, bool retry_refused, const _Atomic bool *stopping,
               struct sync_result *out)
{
    struct arena a;
    struct cycle c = { .options = options,
                       .store = options->store,
                       .arena = &a,
                       .out = out,
                       .retry_refused = retry_refused };

    memset(out, 0, sizeof *out);
    arena_init_growing(&a, CYCLE_MEMORY_MAX);
    c.channel = options->channel ? options->channel : "default";
    c.now = (int64_t)(clock_wall_ns() / NS_PER_S);
    c.x.arena = &a;
    c.x.stopping = stopping;
    (void)store_recover(options->store);
    out->from = out->to = store_active(options->store);
    if (read_token(&c)) {
        try_sources(&c);
    } else {
        out->outcome = SYNC_OFFLINE;
        out->reason = SYNC_AUTH;
        snprintf(out->text, sizeof out->text, "%s", c.err.text);
    }
    out->requests = c.x.requests;
    out->bytes = c.x.bytes;
    root_free(&c.root);
    arena_free(&a);
}
