/* The plan of a download; see plan.h. */
#include "sync/plan.h"

bool plan_begin(struct plan *p, struct arena *a, const struct manifest *m, unsigned overhead)
{
    *p = (struct plan){ .manifest = m,
                        .fan = tree_fan(m->bits),
                        .n_nodes = tree_nodes(m->bits),
                        .n_leaves = tree_leaves(m->bits),
                        .overhead = overhead,
                        .pack = m->pack_length && m->pack_seq == m->seq };
    p->unknown = p->n_nodes;
    p->leaves = arena_array(a, struct tree_entry, p->n_leaves);
    p->node_known = arena_array(a, bool, p->n_nodes);
    p->here = arena_array(a, bool, p->n_leaves);
    p->offsets = arena_array(a, uint64_t, p->n_leaves + 1);
    return p->leaves && p->node_known && p->here && p->offsets;
}

uint64_t plan_head(const struct plan *p)
{
    return (uint64_t)p->n_leaves * TREE_ENTRY_BYTES;
}

static void fill_offsets(struct plan *p)
{
    uint64_t at = plan_head(p);

    for (uint32_t i = 0; i < p->n_leaves; i++) {
        p->offsets[i] = at;
        at += p->leaves[i].z;
    }
    p->offsets[p->n_leaves] = at;
    /* The manifest is signed; a pack of another length is not the one these leaves are in. */
    p->pack = p->pack && at == p->manifest->pack_length;
}

void plan_node(struct plan *p, uint32_t i, const struct tree_entry *entries)
{
    if (p->node_known[i])
        return;
    memcpy(p->leaves + (size_t)i * p->fan, entries, p->fan * sizeof *entries);
    for (uint32_t slot = i * p->fan; slot < (i + 1) * p->fan; slot++)
        p->here[slot] = p->leaves[slot].raw == 0; /* an empty leaf is nothing */
    p->node_known[i] = true;
    if (--p->unknown == 0)
        fill_offsets(p);
}

void plan_base(struct plan *p, const struct tree_entry *leaves, unsigned bits)
{
    struct tree_entry node;

    for (uint32_t i = 0; bits == p->manifest->bits && i < p->n_nodes; i++) {
        tree_node_entry(leaves + (size_t)i * p->fan, p->fan, &node);
        if (tree_entry_eq(&node, &p->manifest->nodes[i]))
            plan_node(p, i, leaves + (size_t)i * p->fan);
    }
}

void plan_leaf(struct plan *p, uint32_t i)
{
    p->here[i] = true;
}

void plan_leaf_lost(struct plan *p, uint32_t i)
{
    p->here[i] = false;
    p->decided = false;
}

void plan_no_pack(struct plan *p)
{
    p->pack = false;
    p->decided = false;
}

struct plan_run plan_leaf_run(const struct plan *p, uint32_t i)
{
    return (struct plan_run){ p->offsets[i], p->offsets[i + 1] };
}

/* ---- nodes ---- */

static void next_node(const struct plan *p, struct plan_step *out)
{
    uint64_t objects = (uint64_t)p->unknown * (p->fan * TREE_ENTRY_BYTES + p->overhead);

    *out = (struct plan_step){ .action = PLAN_NODE };
    if (p->pack && p->fresh_start && p->unknown == p->n_nodes) {
        *out = (struct plan_step){ .action = PLAN_RUN, .run = { 0, p->manifest->pack_length } };
        return;
    }
    if (p->pack && p->unknown > 1 && plan_head(p) + p->overhead < objects) {
        *out = (struct plan_step){ .action = PLAN_RUN, .run = { 0, plan_head(p) } };
        return;
    }
    while (p->node_known[out->index])
        out->index++;
}

/* ---- leaves ---- */

static bool is_missing(const struct plan *p, uint32_t i)
{
    return !p->here[i];
}

/* The widest gap stays open, the others are read through, until few enough runs are left: a list of
 * the widest gaps, kept sorted. */
struct gaps {
    uint64_t width[PLAN_RUNS_MAX];
    struct plan_run gap[PLAN_RUNS_MAX];
    unsigned n;
};

static void keep_gap(struct gaps *g, struct plan_run gap)
{
    uint64_t width = gap.to - gap.from;
    unsigned i = g->n;

    if (g->n == PLAN_RUNS_MAX - 1) {
        if (width <= g->width[g->n - 1])
            return;
        i--;
    } else {
        g->n++;
    }
    for (; i > 0 && g->width[i - 1] < width; i--) {
        g->width[i] = g->width[i - 1];
        g->gap[i] = g->gap[i - 1];
    }
    g->width[i] = width;
    g->gap[i] = gap;
}

static void cut_runs(struct plan *p, const struct gaps *g, uint64_t from, uint64_t to)
{
    p->n_runs = 1;
    p->runs[0] = (struct plan_run){ from, to };
    for (;;) {
        struct plan_run *last = &p->runs[p->n_runs - 1];
        const struct plan_run *first = NULL; /* gap within the last run */
        for (unsigned i = 0; i < g->n; i++)
            if (g->gap[i].from > last->from && g->gap[i].to < last->to &&
                (!first || g->gap[i].from < first->from))
                first = &g->gap[i];
        if (!first)
            return;
        p->runs[p->n_runs] = (struct plan_run){ first->to, last->to };
        last->to = first->from;
        p->n_runs++;
    }
}

static void decide(struct plan *p)
{
    struct gaps gaps = { .n = 0 };
    uint64_t objects = 0, runs = 0, from = 0, to = 0;

    p->next = 0;
    p->n_runs = 0;
    for (uint32_t i = 0; i < p->n_leaves; i++) {
        if (!is_missing(p, i))
            continue;
        objects += p->leaves[i].z + p->overhead;
        if (!to)
            from = p->offsets[i];
        else if (p->offsets[i] - to > p->overhead)
            keep_gap(&gaps, (struct plan_run){ to, p->offsets[i] });
        to = p->offsets[i + 1];
    }
    if (to)
        cut_runs(p, &gaps, from, to);
    for (unsigned i = 0; i < p->n_runs; i++)
        runs += p->runs[i].to - p->runs[i].from + p->overhead;
    /* At the same price objects: they need no ranges, and caches keep them for ever. */
    p->by_objects = !p->pack || objects <= runs;
    p->decided = true;
}

static bool run_is_open(const struct plan *p, const struct plan_run *run, uint64_t *from)
{
    for (uint32_t i = p->next; i < p->n_leaves; i++)
        if (is_missing(p, i) && p->offsets[i] >= run->from && p->offsets[i] < run->to) {
            *from = p->offsets[i];
            return true;
        }
    return false;
}

static void next_leaf(struct plan *p, struct plan_step *out)
{
    *out = (struct plan_step){ .action = PLAN_DONE };
    if (!p->decided)
        decide(p);
    while (p->next < p->n_leaves && !is_missing(p, p->next))
        p->next++;
    if (p->next == p->n_leaves)
        return;
    if (p->by_objects) {
        *out = (struct plan_step){ .action = PLAN_LEAF, .index = p->next };
        return;
    }
    for (unsigned i = 0; i < p->n_runs; i++) {
        uint64_t from;
        if (run_is_open(p, &p->runs[i], &from)) {
            *out = (struct plan_step){ .action = PLAN_RUN, .run = { from, p->runs[i].to } };
            return;
        }
    }
    /* A leaf that was lost after the decision. */
    *out = (struct plan_step){ .action = PLAN_LEAF, .index = p->next };
}

void plan_next(struct plan *p, struct plan_step *out)
{
    if (p->unknown)
        next_node(p, out);
    else
        next_leaf(p, out);
}
