/* Running: the sections of a pipeline in order, on-error after a failure (reference/gateway.md 2.4 and 4).
 *
 * Invariants
 * 1. rt->step is the running statement; rt_run puts back the one around it.
 * 2. base runs the next block of the section's chain; rt->level says which one runs, so that LastError.Scope
 * is right.
 * 3. After policy_run and its sisters rt->response is present, whatever happened.
 * 4. What was deferred runs once, after on-error, before the late headers are written. */
#include <stdarg.h>

#include "platform/base/hash.h"
#include "policy/comp_int.h"
#include "policy/rt_int.h"

/* ---- composing ---- */

static void chain_add(struct policy_chain *chain, const struct policy_document *d, enum section section)
{
    if (!d || !d->sections[section] || chain->n == POLICY_CHAIN_MAX)
        return;
    chain->blocks[chain->n] = d->sections[section];
    chain->scopes[chain->n] = d->scope;
    chain->n++;
}

static void compose(struct policy_pipeline *p, const struct policy_document *const *documents, unsigned n)
{
    for (unsigned s = 0; s < SECTION_COUNT; s++) {
        for (unsigned i = 0; i < n; i++)
            chain_add(&p->sections[s], documents[i], (enum section)s);
        chain_add(&p->sections[s], &list_default_document, (enum section)s);
    }
}

const struct policy_pipeline *policy_compose(struct arena *a, const struct policy_document *const *documents,
                                             unsigned n)
{
    struct policy_pipeline *p = arena_new(a, struct policy_pipeline);

    if (p)
        compose(p, documents, n);
    return p;
}

/* ---- statements ---- */

static void trace_step(struct rt *rt, const struct policy_step *step, unsigned lines_before)
{
    if (!(step->def->flags & POLICY_STRUCTURE) && rt->trace_lines == lines_before)
        rt_trace_line(rt, "done");
}

enum verdict rt_run(struct rt *rt, const struct policy_block *b)
{
    const struct policy_step *outer = rt->step;
    enum verdict v = VERDICT_NEXT;

    for (uint32_t i = 0; i < b->n && v == VERDICT_NEXT; i++) {
        const struct policy_step *step = &b->steps[i];
        unsigned lines = rt->trace_lines;

        if (step->def->flags & rt->skip)
            continue;
        rt->step = step;
        v = step->def->run(rt, step->plan);
        if (UNLIKELY(rt->tracing)) {
            rt->step = step;
            trace_step(rt, step, lines);
        }
    }
    rt->step = outer;
    return v;
}

static enum verdict run_level(struct rt *rt, unsigned level)
{
    const struct policy_chain *chain = &rt->pipeline->sections[rt->section];
    unsigned before = rt->level;

    if (level >= chain->n)
        return VERDICT_NEXT;
    rt->level = level;
    enum verdict v = rt_run(rt, chain->blocks[level]);
    rt->level = before;
    return v;
}

enum verdict rt_run_base(struct rt *rt)
{
    return run_level(rt, rt->level + 1);
}

enum policy_scope rt_scope(const struct rt *rt)
{
    const struct policy_chain *chain = rt->pipeline ? &rt->pipeline->sections[rt->section] : NULL;

    return chain && rt->level < chain->n ? chain->scopes[rt->level] : SCOPE_GLOBAL;
}

/* ---- sections ---- */

static enum verdict run_section(struct rt *rt, enum section section)
{
    rt->section = section;
    rt->level = 0;
    rt->step = NULL;
    return run_level(rt, 0);
}

static void run_deferred(struct rt *rt, struct rt_deferred **list)
{
    while (*list) {
        struct rt_deferred *d = *list;

        *list = d->next;
        rt->step = d->step;
        d->run(rt, d->plan, d->data);
    }
    rt->step = NULL;
}

void policy_run_sent(struct rt *rt)
{
    run_deferred(rt, &rt->after_sending);
}

static void finish(struct rt *rt)
{
    rt_need_response(rt);
    run_deferred(rt, &rt->deferred);
    for (uint32_t i = 0; i < rt->late_fields.n; i++) {
        struct http_field *f = &rt->late_fields.v[i];
        struct slice value = f->value;

        if (!rt_set_header(rt, &rt->response, f->name, f->hash, &value, 1, EXISTS_OVERRIDE))
            break;
    }
}

static void run_on_error(struct rt *rt)
{
    enum verdict v =
        run_section(rt, SECTION_ON_ERROR); /* a failure in it has set its own answer, and nothing follows */

    (void)v;
}

static void begin(struct rt *rt)
{
    static const struct policy_pipeline none;

    if (!rt->pipeline) {
        struct policy_pipeline *p = arena_new(rt->arena, struct policy_pipeline);
        if (p)
            compose(p, NULL, 0);
        rt->pipeline = p ? p : &none;
    }
    rt->skip = rt->operation && rt->operation->is_websocket ? POLICY_NO_WEBSOCKET : 0;
}

static enum verdict run_awaiting(struct rt *rt)
{
    enum verdict v = VERDICT_NEXT;

    for (const struct rt_awaiting *w = rt->awaiting; w && v == VERDICT_NEXT; w = w->next) {
        rt->step = w->step;
        v = w->run(rt, w->plan, w->data);
    }
    rt->step = NULL;
    return v;
}

void policy_run(struct rt *rt)
{
    enum verdict v;

    begin(rt);
    v = run_section(rt, SECTION_INBOUND);
    if (v == VERDICT_NEXT)
        v = run_section(rt, SECTION_BACKEND);
    if (v == VERDICT_NEXT || v == VERDICT_ANSWERED) {
        rt_need_response(rt);
        v = run_awaiting(rt);
        if (v == VERDICT_NEXT)
            v = run_section(rt, SECTION_OUTBOUND);
    }
    if (v == VERDICT_FAIL)
        run_on_error(rt);
    finish(rt);
}

/* ---- cors policies alone (policies.md 5) ---- */

static bool is_base(const struct policy_step *step)
{
    return step->def == &policy_base;
}

static enum verdict run_cors_level(struct rt *rt, unsigned level);

static enum verdict run_cors_block(struct rt *rt, const struct policy_block *b, unsigned level)
{
    enum verdict v = VERDICT_NEXT;

    for (uint32_t i = 0; i < b->n && v == VERDICT_NEXT; i++) {
        const struct policy_step *step = &b->steps[i];

        rt->level = level;
        rt->step = step;
        if (is_base(step))
            v = run_cors_level(rt, level + 1);
        else if (step->def->splice)
            v = run_cors_block(rt, step->def->splice(step->plan), level);
        else if ((step->def->flags & POLICY_PREFLIGHT) && !(step->def->flags & rt->skip))
            v = step->def->run(rt, step->plan);
    }
    return v;
}

static enum verdict run_cors_level(struct rt *rt, unsigned level)
{
    const struct policy_chain *chain = &rt->pipeline->sections[SECTION_INBOUND];

    return level < chain->n ? run_cors_block(rt, chain->blocks[level], level) : VERDICT_NEXT;
}

/* What cors policies add to an answer they add to a refusal as well: without it a browser keeps the status
 * from its script. They cannot answer here. */
static void add_cors_fields(struct rt *rt)
{
    enum verdict v = run_cors_level(rt, 0);

    (void)v;
    rt->response.present = false;
    rt->level = 0;
    rt->step = NULL;
}

void policy_run_refused(struct rt *rt, const char *source, const struct rt_fault *fault)
{
    begin(rt);
    add_cors_fields(rt);
    rt_fail_fault(rt, source, fault);
    run_on_error(rt);
    finish(rt);
}

void policy_run_preflight(struct rt *rt)
{
    begin(rt);
    rt->section = SECTION_INBOUND;
    rt->preflight = true;
    if (run_cors_level(rt, 0) == VERDICT_FAIL)
        run_on_error(rt);
    finish(rt);
}

static bool level_has(const struct policy_chain *chain, unsigned level, unsigned flag);

static bool block_has(const struct policy_chain *chain, const struct policy_block *b, unsigned level,
                      unsigned flag)
{
    for (uint32_t i = 0; i < b->n; i++) {
        const struct policy_step *step = &b->steps[i];

        if ((step->def->flags & flag) || (is_base(step) && level_has(chain, level + 1, flag)) ||
            (step->def->splice && block_has(chain, step->def->splice(step->plan), level, flag)))
            return true;
    }
    return false;
}

static bool level_has(const struct policy_chain *chain, unsigned level, unsigned flag)
{
    return level < chain->n && block_has(chain, chain->blocks[level], level, flag);
}

bool policy_pipeline_has_cors(const struct policy_pipeline *p)
{
    return level_has(&p->sections[SECTION_INBOUND], 0, POLICY_PREFLIGHT);
}
