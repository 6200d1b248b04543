/* rewrite-uri: another path and query towards the backend. reference/policies.md 7 "rewrite-uri".
 *
 *   template = path [ "?" query ]        {name} in both: a parameter of the operation's template, undecoded
 *
 * Query: the template's parameters first; then, with copy-unmatched-params, those of the request that are
 * neither part of the operation's template nor of this one. */
#include "policy/rt.h"

struct plan {
    struct value template, copy;
};

/* An expression must be all of the template: the braces of one inside would be taken for parameters. */
static void check_whole(struct comp *c, const struct xml_node *n, const struct value *v)
{
    struct slice text = v->expr ? v->tail : v->text;

    if (slice_trim(v->tail).n || slice_find(text, SLICE("@(")) >= 0 || slice_find(text, SLICE("@{")) >= 0)
        comp_error(c, n, "template", "'template' must be an expression as a whole, or hold none");
}

static bool compile(struct comp *c, const struct xml_node *n, const void **plan)
{
    struct plan *p = comp_new(c, struct plan);

    *plan = p;
    p->template = comp_attr(c, n, "template", VALUE_REQUIRED);
    check_whole(c, n, &p->template);
    p->copy = comp_attr_bool(c, n, "copy-unmatched-params", VALUE_OPTIONAL, true);
    return !comp_failed(c);
}

/* "{*rest}" and "{rest}" name the same parameter. */
static const struct rt_parameter *find_parameter(const struct rt *rt, struct slice name)
{
    const struct rt_parameter *p = rt_parameter(rt, name);

    if (!p && name.n > 1 && name.p[0] == '*')
        p = rt_parameter(rt, slice_skip(name, 1));
    return p;
}

/* text with its {name}s filled in. False: failed. */
static bool fill_in(struct rt *rt, struct buf *b, struct slice text)
{
    while (text.n) {
        ptrdiff_t open = slice_find_byte(text, '{');
        ptrdiff_t close = open < 0 ? -1 : slice_find_byte(slice_skip(text, (size_t)open), '}');
        if (close < 0)
            break;
        struct slice name = slice_sub(text, (size_t)open + 1, (size_t)(open + close));
        const struct rt_parameter *p = find_parameter(rt, name);
        if (!p) {
            rt_fail(rt, NULL, "ParameterNotFound",
                    rt_printf(rt,
                              "The template names the parameter '%.*s', which the operation does not have.",
                              SLICE_ARG(name)));
            return false;
        }
        buf_put(b, slice_first(text, (size_t)open));
        buf_put(b, p->raw);
        text = slice_skip(text, (size_t)(open + close) + 1);
    }
    buf_put(b, text);
    return true;
}

static bool has_name(struct slice query, struct slice encoded)
{
    struct uri_pair pair;

    while (uri_query_next(&query, &pair)) {
        if (slice_eq_icase(pair.name, encoded))
            return true;
    }
    return false;
}

static bool in_operation(const struct rt *rt, struct slice encoded)
{
    const struct fact_operation *o = rt->operation;

    for (unsigned i = 0; o && i < o->query_names.n; i++) {
        if (uri_name_is(encoded, o->query_names.v[i]))
            return true;
    }
    return false;
}

static void copy_unmatched(struct rt *rt, struct buf *b, struct slice template_query)
{
    struct slice rest = rt->request.url.query;
    struct uri_pair pair;

    while (uri_query_next(&rest, &pair)) {
        if (in_operation(rt, pair.name) || has_name(template_query, pair.name))
            continue;
        if (b->n)
            buf_putc(b, '&');
        buf_put(b, pair.whole);
    }
}

static enum verdict rewrite(struct rt *rt, struct slice template, bool copy)
{
    ptrdiff_t mark = slice_find_byte(template, '?');
    struct slice path = mark < 0 ? template : slice_first(template, (size_t)mark);
    struct slice query = mark < 0 ? SLICE_NONE : slice_skip(template, (size_t)mark + 1);
    struct buf to_path, to_query;

    buf_init(&to_path, rt->arena);
    if (path.n == 0 || path.p[0] != '/')
        buf_putc(&to_path, '/');
    if (!fill_in(rt, &to_path, path))
        return VERDICT_FAIL;
    path = buf_slice(&to_path);
    buf_init(&to_query, rt->arena);
    if (!fill_in(rt, &to_query, query))
        return VERDICT_FAIL;
    if (copy)
        copy_unmatched(rt, &to_query, query);
    query = buf_slice(&to_query);
    if (to_path.failed || to_query.failed)
        return rt_fail_memory(rt);
    rt->request.url.path = path;
    rt->request.url.query = query;
    rt_trace(rt, "%.*s?%.*s", SLICE_ARG(path), SLICE_ARG(query));
    return VERDICT_NEXT;
}

static enum verdict run(struct rt *rt, const void *plan)
{
    const struct plan *p = plan;
    struct slice template;
    bool copy;

    if (!rt_text(rt, &p->template, &template) || !rt_bool(rt, &p->copy, &copy))
        return VERDICT_FAIL;
    return rewrite(rt, slice_trim(template), copy);
}

const struct policy_def policy_rewrite_uri = {
    .name = "rewrite-uri",
    .sections = IN_INBOUND,
    .compile = compile,
    .run = run,
    .doc = "Change path and query of the request to the backend",
};
