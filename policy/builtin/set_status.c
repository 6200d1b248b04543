/* set-status: code and reason of the response. reference/policies.md 7 "set-status". In inbound it makes the
 * response that on-error and the rest of the pipeline then see. */
#include "policy/rt.h"

struct plan {
    enum comp_target on;
    struct value code, reason;
};

static bool compile(struct comp *c, const struct xml_node *n, const void **plan)
{
    struct plan *p = comp_new(c, struct plan);

    *plan = p;
    p->on = comp_on(c) == ON_FRESH ? ON_FRESH : ON_RESPONSE;
    p->code = comp_attr_int(c, n, "code", VALUE_REQUIRED, STATUS_MIN, STATUS_MAX, 200);
    p->reason = comp_attr(c, n, "reason", VALUE_OPTIONAL);
    return !comp_failed(c);
}

static enum verdict run(struct rt *rt, const void *plan)
{
    const struct plan *p = plan;
    struct slice reason;
    int64_t code;

    if (!rt_int(rt, &p->code, &code) || !rt_text(rt, &p->reason, &reason))
        return VERDICT_FAIL;
    struct rt_message *m = rt_message(rt, p->on);
    m->status = (int)code;
    m->reason = http_is_field_value(reason) ? reason : SLICE_NONE;
    rt_trace(rt, "%d %.*s", m->status, SLICE_ARG(m->reason));
    return VERDICT_NEXT;
}

const struct policy_def policy_set_status = {
    .name = "set-status",
    .sections = SECTIONS_ALL,
    .compile = compile,
    .run = run,
    .doc = "Set status code and reason of the response",
};
