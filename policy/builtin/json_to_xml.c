/* json-to-xml: the body, JSON, becomes XML. reference/policies.md 7 "json-to-xml".
 *
 *   member   -> element of its name; what no name may hold as _xHHHH_ (XmlConvert.EncodeLocalName)
 *   array    -> its element once per item; an empty one -> an empty element
 *   null     -> xsi:nil="true"                 true, false -> True, False
 *   member "{prefix}[{separator}p]"            -> declares a namespace on the element around it
 *   member {attribute-block-name}              -> its members become attributes of the element around it
 * A document that has not exactly one member becomes <Document>. */
#include "policy/rt.h"

#define XSI_NIL " xsi:nil=\"true\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" />"

struct plan {
    struct convert_rule rule;
    struct value separator, prefix, block;
};

static const struct value_name applies[] = { { "always", 0 }, { "content-type-json", 1 }, { 0 } };
static const char *const json_types[] = { "application/json", "text/json", "+json", NULL };

static bool compile(struct comp *c, const struct xml_node *n, const void **plan)
{
    struct plan *p = comp_new(c, struct plan);

    *plan = p;
    convert_compile(c, n, applies, &p->rule);
    comp_attr_bool(c, n, "parse-date", VALUE_LITERAL, true); /* dates keep their text either way */
    p->separator = comp_attr(c, n, "namespace-separator", VALUE_OPTIONAL);
    p->prefix = comp_attr(c, n, "namespace-prefix", VALUE_OPTIONAL);
    p->block = comp_attr(c, n, "attribute-block-name", VALUE_OPTIONAL);
    return !comp_failed(c);
}

struct writer {
    struct buf out;
    struct slice separator, prefix, block; /* empty: none */
};

static bool is_name_char(unsigned char c, bool first)
{
    if (ascii_is_alpha((char)c) || c == '_' || c >= 0x80)
        return true;
    return !first && (ascii_is_digit((char)c) || c == '-' || c == '.');
}

/* A JSON name as XML name; the separator becomes a colon where namespaces are in use. */
static void put_name(struct writer *w, struct slice name)
{
    bool first = true;

    for (size_t i = 0; i < name.n; first = false) {
        if (i && w->prefix.n && w->separator.n && slice_starts(slice_skip(name, i), w->separator)) {
            buf_putc(&w->out, ':');
            i += w->separator.n;
            continue;
        }
        unsigned char c = (unsigned char)name.p[i++];
        if (is_name_char(c, first))
            buf_putc(&w->out, (char)c);
        else
            buf_printf(&w->out, "_x%04X_", c);
    }
    if (name.n == 0)
        buf_putc(&w->out, '_');
}

static void put_scalar(struct writer *w, const struct json *j, bool is_attr)
{
    struct slice text;

    if (json_type(j) == JSON_BOOL)
        text = json_bool(j, false) ? SLICE("True") : SLICE("False");
    else
        text = json_type(j) == JSON_NUMBER ? json_number_text(j) : json_str(j);
    if (is_attr)
        xml_put_attr(&w->out, text);
    else
        xml_put_text(&w->out, text);
}

static void put_attribute(struct writer *w, struct slice name, const struct json *value)
{
    buf_putc(&w->out, ' ');
    put_name(w, name);
    buf_puts(&w->out, "=\"");
    put_scalar(w, value, true);
    buf_putc(&w->out, '"');
}

static bool is_declaration(const struct writer *w, struct slice name)
{
    if (!w->prefix.n || !slice_starts(name, w->prefix))
        return false;
    struct slice rest = slice_skip(name, w->prefix.n);
    return rest.n == 0 || (w->separator.n && slice_starts(rest, w->separator));
}

static bool is_block(const struct writer *w, struct slice name, const struct json *value)
{
    return w->block.n && slice_eq(name, w->block) && json_type(value) == JSON_OBJECT;
}

static void put_attributes(struct writer *w, const struct json *object)
{
    for (struct json_iter it = json_iter(object); json_next(&it);) {
        if (is_declaration(w, it.key))
            put_attribute(w, it.key, it.value);
        if (!is_block(w, it.key, it.value))
            continue;
        for (struct json_iter a = json_iter(it.value); json_next(&a);)
            put_attribute(w, a.key, a.value);
    }
}

static void put_member(struct writer *w, struct slice name, const struct json *value);

static void put_content(struct writer *w, const struct json *value)
{
    if (json_type(value) != JSON_OBJECT) {
        put_scalar(w, value, false);
        return;
    }
    for (struct json_iter it = json_iter(value); json_next(&it);) {
        if (!is_declaration(w, it.key) && !is_block(w, it.key, it.value))
            put_member(w, it.key, it.value);
    }
}

static void put_element(struct writer *w, struct slice name, const struct json *value)
{
    buf_putc(&w->out, '<');
    put_name(w, name);
    if (json_type(value) == JSON_NULL) {
        buf_puts(&w->out, XSI_NIL);
        return;
    }
    if (json_type(value) == JSON_OBJECT)
        put_attributes(w, value);
    size_t open = w->out.n;
    buf_putc(&w->out, '>');
    put_content(w, value);
    if (w->out.n == open + 1) {
        w->out.n = open;
        buf_puts(&w->out, " />");
        return;
    }
    buf_puts(&w->out, "</");
    put_name(w, name);
    buf_putc(&w->out, '>');
}

static void put_member(struct writer *w, struct slice name, const struct json *value)
{
    if (json_type(value) != JSON_ARRAY) {
        put_element(w, name, value);
        return;
    }
    if (json_count(value) == 0) {
        buf_putc(&w->out, '<');
        put_name(w, name);
        buf_puts(&w->out, " />");
        return;
    }
    for (struct json_iter it = json_iter(value); json_next(&it);) {
        if (json_type(it.value) == JSON_ARRAY) { /* an array of arrays keeps a level */
            buf_putc(&w->out, '<');
            put_name(w, name);
            buf_putc(&w->out, '>');
            put_member(w, name, it.value);
            buf_puts(&w->out, "</");
            put_name(w, name);
            buf_putc(&w->out, '>');
        } else {
            put_element(w, name, it.value);
        }
    }
}

/* The only member of the root that makes an element; false when there is not exactly one. */
static bool only_member(const struct json *root, struct slice *name, const struct json **value)
{
    struct json_iter it = json_iter(root);

    if (json_type(root) != JSON_OBJECT || json_count(root) != 1 || !json_next(&it) ||
        json_type(it.value) == JSON_ARRAY)
        return false;
    *name = it.key;
    *value = it.value;
    return true;
}

static void put_document(struct writer *w, const struct json *root)
{
    struct slice name;
    const struct json *value;

    if (only_member(root, &name, &value)) {
        put_element(w, name, value);
        return;
    }
    if (json_type(root) != JSON_ARRAY) {
        put_element(w, SLICE("Document"), root);
        return;
    }
    buf_puts(&w->out, "<Document>");
    put_member(w, SLICE("item"), root);
    buf_puts(&w->out, "</Document>");
}

static enum verdict run(struct rt *rt, const void *plan)
{
    const struct plan *p = plan;
    struct err err = { { 0 } };
    struct slice body;
    struct writer w;
    bool wanted;

    if (!convert_wanted(rt, &p->rule, json_types, "xml", &body, &wanted))
        return VERDICT_FAIL;
    if (!wanted)
        return VERDICT_NEXT;
    if (!rt_text(rt, &p->separator, &w.separator) || !rt_text(rt, &p->prefix, &w.prefix) ||
        !rt_text(rt, &p->block, &w.block))
        return VERDICT_FAIL;
    if (!w.separator.p)
        w.separator = SLICE("_");
    const struct json *root = json_parse(rt->arena, body, &err);
    if (!root)
        return rt->arena->overflow ? rt_fail_memory(rt) : convert_malformed(rt, "JSON", err.text);
    buf_init(&w.out, rt->arena);
    put_document(&w, root);
    return convert_done(rt, &p->rule, w.out.failed ? SLICE_NONE : buf_slice(&w.out), "application/xml");
}

const struct policy_def policy_json_to_xml = {
    .name = "json-to-xml",
    .sections = SECTIONS_ALL,
    .flags = POLICY_NO_WEBSOCKET,
    .compile = compile,
    .run = run,
    .doc = "Convert the body from JSON to XML",
};
