/* set-body: replace the body by text, by the bytes of an expression, by the XML that stands in the element, or by
 * what a Liquid template makes of it. reference/policies.md 7 "set-body". Content-Type stays, but for its charset,
 * which becomes utf-8.
 *
 *   set-body = content / <value> content </value>
 *   content  = text / expression / markup / template */
#include "policy/rt.h"

struct plan {
    enum comp_target on;
    struct value body;
    const struct liquid *liquid; /* NULL: body */
    struct liquid_body reads;    /* how the template sees the body */
};

enum { TEMPLATE_NONE, TEMPLATE_LIQUID };
static const struct value_name templates[] = { { "none", TEMPLATE_NONE },
                                               { "liquid", TEMPLATE_LIQUID },
                                               { 0 } };

static const struct value_name nils[] = { { "blank", 0 }, { "null", 1 }, { 0 } };

/* The <value> that is the element's only child, else the element. */
static const struct xml_node *wrapped(struct comp *c, const struct xml_node *n)
{
    const struct xml_node *only = xml_child(n, NULL);

    if (!only || !slice_eq(only->name, SLICE("value")) || xml_next(only, NULL))
        return n;
    return comp_child(c, n, "value", VALUE_REQUIRED);
}

static struct value compile_content(struct comp *c, const struct xml_node *n)
{
    const struct xml_node *content = wrapped(c, n);

    if (content != n || !xml_child(n, NULL))
        return comp_text(c, content, VALUE_OPTIONAL);
    return (struct value){ .text = comp_inner(c, n, false), .what = "set-body" };
}

static bool compile(struct comp *c, const struct xml_node *n, const void **plan)
{
    struct plan *p = comp_new(c, struct plan);
    struct value kind = comp_attr_enum(c, n, "template", VALUE_LITERAL, templates, TEMPLATE_NONE);

    *plan = p;
    p->on = comp_on(c);
    p->reads.nil_is_null = comp_attr_enum(c, n, "xsi-nil", VALUE_LITERAL, nils, 0).number == 1;
    p->reads.keep_dates = !comp_attr_bool(c, n, "parse-date", VALUE_LITERAL, true).number;
    if (kind.number == TEMPLATE_LIQUID)
        p->liquid = comp_liquid(c, wrapped(c, n));
    else
        p->body = compile_content(c, n);
    return !comp_failed(c);
}

/* "text/html; charset=latin1" to "text/html; charset=utf-8" */
static bool set_charset(struct rt *rt, struct rt_message *m)
{
    struct http_field *f = http_fields_find(&m->fields, SLICE("Content-Type"));
    struct slice rest, part;
    struct buf b;
    bool found = false;

    if (!f)
        return true;
    buf_init(&b, rt->arena);
    for (rest = f->value; slice_cut(&rest, ';', &part);) {
        bool charset = slice_starts_icase(slice_trim(part), SLICE("charset="));
        found |= charset;
        if (b.n)
            buf_putc(&b, ';');
        buf_put(&b, charset ? SLICE(" charset=utf-8") : part);
    }
    if (found)
        f->value = buf_slice(&b);
    return !b.failed;
}

static bool make_body(struct rt *rt, const struct plan *p, struct rt_message *m, struct slice *data)
{
    struct expr_value value;

    *data = p->body.text;
    if (p->liquid)
        return rt_liquid(rt, p->liquid, m, &p->reads, data);
    if (!p->body.expr)
        return true;
    if (!rt_value(rt, &p->body, &value))
        return false;
    return expr_value_bytes(rt->arena, value, data) || (rt_fail_memory(rt), false);
}

static enum verdict run(struct rt *rt, const void *plan)
{
    const struct plan *p = plan;
    struct rt_message *m = rt_message(rt, p->on);
    struct slice data;

    if (!make_body(rt, p, m, &data))
        return VERDICT_FAIL;
    if (!set_charset(rt, m))
        return rt_fail_memory(rt);
    if (!rt_set_body(rt, m, data))
        return VERDICT_FAIL;
    rt_trace(rt, "%zu bytes", data.n);
    return VERDICT_NEXT;
}

const struct policy_def policy_set_body = {
    .name = "set-body",
    .sections = SECTIONS_ALL,
    .flags = POLICY_NO_WEBSOCKET,
    .compile = compile,
    .run = run,
    .doc = "Replace the body of request or response",
};
