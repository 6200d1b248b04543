/* The requests that policies make themselves. See send.h. */
#include "policy/send.h"

/* The original's default, and the longest that one request may hold a worker. */
#define TIMEOUT_S 60
#define TIMEOUT_S_MAX 3600

enum { SEND_NEW, SEND_COPY };
static const struct value_name modes[] = { { "new", SEND_NEW }, { "copy", SEND_COPY }, { 0 } };
static const char *const children[] = { "set-method", "set-header", "set-body", "authentication-basic",
                                        "authentication-certificate", "authentication-managed-identity", "proxy",
                                        NULL };

void send_compile(struct comp *c, const struct xml_node *n, struct send_plan *p)
{
    p->mode = comp_attr_enum(c, n, "mode", VALUE_OPTIONAL, modes, SEND_NEW);
    p->timeout = comp_attr_int(c, n, "timeout", VALUE_OPTIONAL, 1, TIMEOUT_S_MAX, TIMEOUT_S);
    const struct xml_node *url = comp_child(c, n, "set-url", VALUE_OPTIONAL);
    if (url)
        p->url = comp_text_trimmed(c, url, VALUE_NOT_EMPTY);
    else if (!p->mode.expr && p->mode.number == SEND_NEW)
        comp_warning(c, n, NULL, "<%.*s> has no <set-url>, which it needs unless its mode is \"copy\": it will fail",
                     SLICE_ARG(n->name));
    comp_block_on(c, n, ON_SENT, children, &p->children);
}

/* mode="copy": method, fields and, on the way in, the body of the present request. */
static bool copy_request(struct rt *rt, struct rt_message *m)
{
    struct slice body = SLICE_NONE;
    bool on_the_way_in = rt->section == SECTION_INBOUND || rt->section == SECTION_BACKEND;

    m->method = rt->request.method;
    m->host_set = rt->request.host_set;
    if (on_the_way_in && !rt_body(rt, &rt->request, &body)) /* first: it may take Content-Encoding away */
        return false;
    if (!http_fields_own(&m->fields, rt->arena, &rt->request.fields)) {
        rt_fail_memory(rt);
        return false;
    }
    m->body = (struct rt_body){ body.n ? RT_BODY_SLICE : RT_BODY_NONE, body };
    return true;
}

/* The URL that the present request would be sent to. */
static struct slice present_url(struct rt *rt)
{
    struct expr_url u;

    rt_url(&rt->request, &u);
    bool v6 = slice_find_byte(u.host, ':') >= 0;
    struct slice port = u.port ? rt_printf(rt, ":%u", u.port) : SLICE_NONE;
    return rt_printf(rt, "%.*s://%s%.*s%s%.*s%.*s%s%.*s", SLICE_ARG(u.scheme), v6 ? "[" : "", SLICE_ARG(u.host),
                     v6 ? "]" : "", SLICE_ARG(port), SLICE_ARG(u.path), u.query.n ? "?" : "", SLICE_ARG(u.query));
}

static bool evaluate(struct rt *rt, const struct send_plan *p, struct rt_send *s, int *mode)
{
    int64_t seconds;

    if (!rt_enum(rt, &p->mode, mode) || !rt_int(rt, &p->timeout, &seconds) || !rt_text(rt, &p->url, &s->url))
        return false;
    s->timeout_ms = (uint64_t)seconds * 1000;
    s->url = slice_trim(s->url);
    if (!s->url.n && *mode == SEND_COPY)
        s->url = present_url(rt);
    if (slice_starts_icase(s->url, SLICE("http://")) || slice_starts_icase(s->url, SLICE("https://")))
        return true;
    rt_fail(rt, NULL, "ExpressionValueEvaluationFailure",
            rt_printf(rt, "The URL \"%.*s\" is not absolute: give http://... or https://...", SLICE_ARG(s->url)));
    return false;
}

enum verdict send_prepare(struct rt *rt, const struct send_plan *p, struct rt_send *s)
{
    struct rt_message *m = rt_new_request(rt), *outer = rt->sent;
    int mode;

    if (!m)
        return rt_fail_memory(rt);
    if (!evaluate(rt, p, s, &mode) || (mode == SEND_COPY && !copy_request(rt, m)))
        return VERDICT_FAIL;
    rt->sent = m;
    enum verdict v = rt_run(rt, &p->children);
    rt->sent = outer;
    s->message = m;
    return v;
}
