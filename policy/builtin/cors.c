/* cors: cross-origin requests of browsers (Fetch standard, 3.2). reference/policies.md 5 "cors".
 *
 * A preflight runs cors policies alone (policy_run_preflight); the first that matches, or terminates, answers
 * it. They also run before a request is refused (policy_run_refused), for their headers alone. On a plain
 * request a match adds its headers to the final response, whatever becomes of it; the first match counts. An
 * unmatched GET or HEAD ends in an empty 200 when terminate-unmatched-request is true, which is the original's
 * real default. */
#include "policy/rt.h"

struct plan {
    struct value credentials, terminate, max_age;
    struct values origins, methods, headers, expose;
    bool inbound;
};

static struct values compile_list(struct comp *c, const struct xml_node *n, const char *list,
                                  const char *item, unsigned flags)
{
    const struct xml_node *k = comp_child(c, n, list, flags);
    struct values none = { 0 };

    return k ? comp_texts(c, k, item, VALUE_OPTIONAL) : none;
}

static bool compile(struct comp *c, const struct xml_node *n, const void **plan)
{
    struct plan *p = comp_new(c, struct plan);
    const struct xml_node *methods = xml_child(n, "allowed-methods");

    *plan = p;
    p->inbound = comp_section(c) == SECTION_INBOUND;
    p->credentials = comp_attr_bool(c, n, "allow-credentials", VALUE_OPTIONAL, false);
    p->terminate = comp_attr_bool(c, n, "terminate-unmatched-request", VALUE_OPTIONAL, true);
    p->origins = compile_list(c, n, "allowed-origins", "origin", VALUE_REQUIRED);
    p->methods = compile_list(c, n, "allowed-methods", "method", VALUE_OPTIONAL);
    p->headers = compile_list(c, n, "allowed-headers", "header", VALUE_OPTIONAL);
    p->expose = compile_list(c, n, "expose-headers", "header", VALUE_OPTIONAL);
    if (methods)
        p->max_age = comp_attr_int(c, methods, "preflight-result-max-age", VALUE_OPTIONAL, 0, INT32_MAX, 0);
    if (!p->inbound)
        comp_warning(c, n, NULL, "policy 'cors' does nothing outside of inbound");
    return !comp_failed(c);
}

/* ---- matching ---- */

/* Without trailing slash and the scheme's own port. */
static struct slice plain_origin(struct slice s)
{
    s = slice_trim(s);
    if (s.n && s.p[s.n - 1] == '/')
        s.n--;
    if (slice_starts_icase(s, SLICE("https://")) && slice_ends(s, SLICE(":443")))
        s.n -= 4;
    else if (slice_starts_icase(s, SLICE("http://")) && slice_ends(s, SLICE(":80")))
        s.n -= 3;
    return s;
}

enum match { MATCH_NO, MATCH_YES, MATCH_ANY, MATCH_FAILED };

/* Is `wanted` in the list, or "*"? */
static enum match find(struct rt *rt, const struct values *list, struct slice wanted, bool is_origin)
{
    struct slice text;

    for (uint32_t i = 0; i < list->n; i++) {
        if (!rt_text(rt, &list->v[i], &text))
            return MATCH_FAILED;
        if (slice_eq(text, SLICE("*")))
            return MATCH_ANY;
        if (is_origin)
            text = plain_origin(text);
        if (slice_eq_icase(text, wanted))
            return MATCH_YES;
    }
    return MATCH_NO;
}

static enum match find_method(struct rt *rt, const struct plan *p, struct slice method)
{
    if (p->methods.n == 0)
        return slice_eq(method, SLICE("GET")) || slice_eq(method, SLICE("POST")) ? MATCH_YES : MATCH_NO;
    return find(rt, &p->methods, method, false);
}

/* Every header of the comma-separated list must be allowed. */
static enum match find_headers(struct rt *rt, const struct plan *p, struct slice wanted)
{
    struct slice part;

    while (slice_cut(&wanted, ',', &part)) {
        part = slice_trim(part);
        enum match m = part.n ? find(rt, &p->headers, part, false) : MATCH_YES;
        if (m != MATCH_YES)
            return m;
    }
    return MATCH_YES;
}

/* ---- answering ---- */

static struct slice join(struct rt *rt, const struct values *list)
{
    struct slice text;
    struct buf b;

    buf_init(&b, rt->arena);
    for (uint32_t i = 0; i < list->n; i++) {
        if (!rt_text(rt, &list->v[i], &text))
            return SLICE_NONE;
        if (b.n)
            buf_putc(&b, ',');
        buf_put(&b, text);
    }
    return b.failed ? SLICE_NONE : buf_slice(&b);
}

/* The list as configured, or what was asked for when it is "*": with credentials browsers take no "*". */
static bool allow_list(struct rt *rt, struct slice name, const struct values *list, struct slice asked,
                       const char *otherwise)
{
    enum match m = find(rt, list, SLICE("*"), false);
    struct slice value;

    if (m == MATCH_FAILED)
        return false;
    value = m == MATCH_ANY ? asked : list->n ? join(rt, list) : slice_from(otherwise);
    return !value.n || rt_late_header(rt, name, value);
}

static bool allow_origin(struct rt *rt, const struct plan *p, enum match matched, struct slice origin)
{
    bool credentials;

    if (!rt_bool(rt, &p->credentials, &credentials))
        return false;
    if (!rt_late_header(rt, SLICE("Access-Control-Allow-Origin"),
                        matched == MATCH_ANY && !credentials ? SLICE("*") : origin))
        return false;
    return !credentials || rt_late_header(rt, SLICE("Access-Control-Allow-Credentials"), SLICE("true"));
}

static enum verdict answer_empty(struct rt *rt)
{
    struct rt_message *m = rt_new_response(rt);

    if (!m)
        return rt_fail_memory(rt);
    rt->response = *m;
    return VERDICT_RETURN;
}

static enum verdict unmatched(struct rt *rt, const struct plan *p)
{
    bool terminate;

    if (!rt_bool(rt, &p->terminate, &terminate))
        return VERDICT_FAIL;
    rt_trace(rt, "not matched");
    return terminate ? answer_empty(rt) : VERDICT_NEXT;
}

/* The response depends on Origin, matched or not (RFC 9110 12.5.5). */
static void add_vary(struct rt *rt, const void *plan, void *data)
{
    static const struct slice name = SLICE_INIT("Vary");
    struct http_field *f = http_fields_find(&rt->response.fields, name);
    struct slice rest, part;

    (void)plan;
    (void)data;
    for (rest = f ? f->value : SLICE_NONE; rest.n && slice_cut(&rest, ',', &part);) {
        part = slice_trim(part);
        if (slice_eq(part, SLICE("*")) || slice_eq_icase(part, SLICE("Origin")))
            return;
    }
    struct slice value = f ? rt_printf(rt, "%.*s, Origin", SLICE_ARG(f->value)) : SLICE("Origin");
    if (value.p && !http_fields_set(&rt->response.fields, name, value))
        rt->arena->overflow = true;
}

/* ---- the two kinds of request ---- */

static enum verdict run_preflight(struct rt *rt, const struct plan *p, struct slice origin)
{
    struct slice method = http_fields_get(&rt->request.fields, SLICE("Access-Control-Request-Method"));
    struct slice headers = http_fields_get(&rt->request.fields, SLICE("Access-Control-Request-Headers"));
    enum match o = find(rt, &p->origins, origin, true), m = find_method(rt, p, method),
               h = find_headers(rt, p, headers);
    int64_t age;

    if (o == MATCH_FAILED || m == MATCH_FAILED || h == MATCH_FAILED)
        return VERDICT_FAIL;
    if (!o || !m || !h)
        return unmatched(rt, p);
    if (!allow_origin(rt, p, o, origin) ||
        !allow_list(rt, SLICE("Access-Control-Allow-Methods"), &p->methods, method, "GET,POST") ||
        !allow_list(rt, SLICE("Access-Control-Allow-Headers"), &p->headers, headers, "") ||
        !rt_int(rt, &p->max_age, &age))
        return VERDICT_FAIL;
    if (value_given(&p->max_age) &&
        !rt_late_header(rt, SLICE("Access-Control-Max-Age"), rt_printf(rt, "%lld", (long long)age)))
        return VERDICT_FAIL;
    rt_trace(rt, "preflight matched");
    return answer_empty(rt);
}

static bool is_same_origin(struct rt *rt, struct slice origin)
{
    const struct expr_url *u = &rt->original;
    struct slice own =
        u->port ? rt_printf(rt, "%.*s://%.*s:%u", SLICE_ARG(u->scheme), SLICE_ARG(u->host), u->port)
                : rt_printf(rt, "%.*s://%.*s", SLICE_ARG(u->scheme), SLICE_ARG(u->host));

    return slice_eq_icase(plain_origin(own), origin);
}

static enum verdict run_request(struct rt *rt, const struct plan *p, struct slice origin)
{
    struct slice method = rt->request.method;

    if (http_fields_find(&rt->late_fields, SLICE("Access-Control-Allow-Origin")) ||
        is_same_origin(rt, origin))
        return VERDICT_NEXT;
    enum match o = find(rt, &p->origins, origin, true);
    if (o == MATCH_FAILED)
        return VERDICT_FAIL;
    if (o == MATCH_NO)
        return slice_eq(method, SLICE("GET")) || slice_eq(method, SLICE("HEAD")) ? unmatched(rt, p)
                                                                                 : VERDICT_NEXT;
    if (!allow_origin(rt, p, o, origin))
        return VERDICT_FAIL;
    struct slice expose = join(rt, &p->expose);
    if (p->expose.n && (!expose.p || !rt_late_header(rt, SLICE("Access-Control-Expose-Headers"), expose)))
        return VERDICT_FAIL;
    rt_trace(rt, "matched");
    return VERDICT_NEXT;
}

static enum verdict run(struct rt *rt, const void *plan)
{
    const struct plan *p = plan;
    struct slice origin = plain_origin(http_fields_get(&rt->request.fields, SLICE("Origin")));

    if (!p->inbound)
        return VERDICT_NEXT;
    if (!rt_defer(rt, add_vary, p, NULL))
        return VERDICT_FAIL;
    if (!origin.n)
        return VERDICT_NEXT;
    return rt->preflight ? run_preflight(rt, p, origin) : run_request(rt, p, origin);
}

const struct policy_def policy_cors = {
    .name = "cors",
    .sections = IN_INBOUND | IN_OUTBOUND,
    .flags = POLICY_PREFLIGHT | POLICY_NO_WEBSOCKET,
    .compile = compile,
    .run = run,
    .doc = "Let browsers of other origins call",
};
