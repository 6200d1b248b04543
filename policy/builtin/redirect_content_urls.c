/* redirect-content-urls: links in the body. reference/policies.md 7: outbound, the backend's base URL becomes
 * the gateway's; inbound the other way round. Headers are not touched. */
#include "policy/rt.h"

struct plan {
    enum comp_target on;
};

static bool compile(struct comp *c, const struct xml_node *n, const void **plan)
{
    struct plan *p = comp_new(c, struct plan);

    (void)n;
    *plan = p;
    p->on = comp_on(c);
    return !comp_failed(c);
}

static struct slice put_url(struct rt *rt, struct slice scheme, struct slice host, unsigned port,
                            struct slice path)
{
    unsigned usual = slice_eq(scheme, SLICE("https")) ? 443 : 80;
    struct slice colon = port && port != usual ? rt_printf(rt, ":%u", port) : SLICE("");

    return rt_printf(rt, "%.*s://%.*s%.*s%s%.*s", SLICE_ARG(scheme), SLICE_ARG(host), SLICE_ARG(colon),
                     path.n && path.p[0] != '/' ? "/" : "", SLICE_ARG(path));
}

static enum verdict run(struct rt *rt, const void *plan)
{
    const struct plan *p = plan;
    const struct fact_backend *b = rt->request.url.backend;

    if (!b || !rt->api)
        return VERDICT_NEXT;
    struct slice inner = put_url(rt, b->scheme, b->host, b->port, b->path);
    struct slice outer =
        put_url(rt, rt->original.scheme, rt->original.host, rt->original.port, rt->api->path);
    if (!inner.p || !outer.p)
        return rt_fail_memory(rt);
    bool to_client = p->on == ON_RESPONSE;
    struct rt_message *m = rt_message(rt, p->on);
    return rt_replace_in_body(rt, m, to_client ? inner : outer, to_client ? outer : inner) ? VERDICT_NEXT
                                                                                           : VERDICT_FAIL;
}

const struct policy_def policy_redirect_content_urls = {
    .name = "redirect-content-urls",
    .sections = IN_INBOUND | IN_OUTBOUND,
    .flags = 0,
    .compile = compile,
    .run = run,
    .doc = "Rewrite links in the body to point at the gateway",
};
