/* send-one-way-request: a call that nobody waits for. reference/policies.md 8 "send-one-way-request". What becomes of it
 * does not change the request. */
#include "policy/rt.h"

static bool compile(struct comp *c, const struct xml_node *n, const void **plan)
{
    struct send_plan *p = comp_new(c, struct send_plan);

    *plan = p;
    send_compile(c, n, p);
    return !comp_failed(c);
}

static enum verdict run(struct rt *rt, const void *plan)
{
    struct rt_send send;
    enum verdict v = send_prepare(rt, plan, &send);

    if (v != VERDICT_NEXT)
        return v;
    bool sent = rt->host->send_one_way && rt->host->send_one_way(rt, &send);
    rt_trace(rt, "%.*s: %s", SLICE_ARG(send.url), sent ? "sent" : "dropped, too many are under way");
    return VERDICT_NEXT;
}

const struct policy_def policy_send_one_way_request = {
    .name = "send-one-way-request",
    .sections = SECTIONS_ALL,
    .compile = compile,
    .run = run,
    .doc = "Call a service without waiting for its response",
};
