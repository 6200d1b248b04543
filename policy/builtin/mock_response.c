/* mock-response: end the pipeline with an example of the operation's description. reference/policies.md 2
 * "mock-response".
 *
 * Which: the one of `index` if there is one; else the first of that status and content type, else the first
 * of that status; else the bare status. */
#include "policy/rt.h"

struct plan {
    int64_t status, index; /* index -1: not given */
    struct slice content_type;
};

static bool compile(struct comp *c, const struct xml_node *n, const void **plan)
{
    struct plan *p = comp_new(c, struct plan);

    *plan = p;
    p->status = comp_attr_int(c, n, "status-code", VALUE_LITERAL, STATUS_MIN, STATUS_MAX, 200).number;
    p->index = comp_attr_int(c, n, "index", VALUE_LITERAL, 0, INT32_MAX, -1).number;
    p->content_type = slice_trim(comp_attr_text(c, n, "content-type", VALUE_OPTIONAL));
    return !comp_failed(c);
}

static const struct fact_response *find_response(const struct rt *rt, int64_t status)
{
    const struct fact_operation *o = rt->operation;

    for (unsigned i = 0; o && i < o->n_responses; i++) {
        if (o->responses[i].status == status)
            return &o->responses[i];
    }
    return NULL;
}

static const struct fact_sample *find_sample(const struct plan *p, const struct fact_response *r)
{
    if (!r || r->n == 0)
        return NULL;
    if (p->index >= 0 && p->index < r->n)
        return &r->samples[p->index];
    for (unsigned i = 0; i < r->n; i++) {
        if (slice_eq_icase(r->samples[i].content_type, p->content_type))
            return &r->samples[i];
    }
    return &r->samples[0];
}

static enum verdict run(struct rt *rt, const void *plan)
{
    const struct plan *p = plan;
    const struct fact_sample *sample = find_sample(p, find_response(rt, p->status));
    struct rt_message *m = rt_new_response(rt);

    if (!m)
        return rt_fail_memory(rt);
    m->status = (int)p->status;
    struct slice type = sample ? sample->content_type : p->content_type;
    if (type.n && !http_fields_add(&m->fields, SLICE("Content-Type"), type))
        return rt_fail_memory(rt);
    if (sample && sample->body.n)
        m->body = (struct rt_body){ RT_BODY_SLICE, sample->body };
    rt->response = *m;
    rt_trace(rt, "%d, %zu bytes", m->status, sample ? sample->body.n : 0);
    return VERDICT_RETURN;
}

const struct policy_def policy_mock_response = {
    .name = "mock-response",
    .sections = IN_INBOUND | IN_OUTBOUND | IN_ON_ERROR,
    .flags = POLICY_NO_WEBSOCKET,
    .compile = compile,
    .run = run,
    .doc = "Answer with an example of the operation's description",
};
