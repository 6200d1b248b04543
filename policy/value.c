/* Attributes and texts of a policy's element: literals are checked and copied now, expressions compiled now,
 * so that a request finds either a ready value or bytecode. Every fault is reported where it stands in the
 * file, behind escapes and named values. */
#include <stdarg.h>
#include <stdio.h>

#include "platform/base/hash.h"
#include "platform/base/nearest.h"
#include "platform/http.h"
#include "policy/comp_int.h"
#include "policy/liquid/liquid.h"
#include "policy/expr/named.h"
#include "policy/expr/scan.h"

/* A text of the document, decoded, and where it came from. */
struct origin {
    const struct xml_node *node;
    const struct xml_attr *attr; /* NULL: the element's text */
    const char *what;            /* name of attribute or element */
    struct slice text;
};

/* ---- places ---- */

static size_t locate_text(const struct comp *c, const struct xml_node *n, size_t offset)
{
    for (const struct xml_node *k = n->children; k; k = k->next) {
        if (k->type != XML_TEXT && k->type != XML_CDATA)
            continue;
        if (offset < k->text.n || !k->next) {
            struct slice raw = slice_sub(c->xml->text, k->inner_at, k->inner_end);
            return k->inner_at + (k->type == XML_CDATA ? offset : xml_locate(raw, false, offset));
        }
        offset -= k->text.n;
    }
    return n->inner_at;
}

/* The source offset of byte `offset` of the decoded text. */
static size_t locate(const struct comp *c, const struct origin *o, size_t offset)
{
    size_t at;

    if (o->attr)
        at = o->attr->value_at + xml_locate(slice_skip(c->xml->text, o->attr->value_at), true, offset);
    else
        at = locate_text(c, o->node, offset);
    return front_offset(&c->front, at);
}

static size_t place(const struct comp *c, const struct xml_node *n, const char *attr)
{
    const struct xml_attr *a = attr ? xml_attr(n, attr) : NULL;

    return front_offset(&c->front, a ? a->name_at : n->at);
}

void comp_error(struct comp *c, const struct xml_node *n, const char *attr, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    diag_vat(c, place(c, n, attr), POLICY_ERROR, fmt, args);
    va_end(args);
}

void comp_warning(struct comp *c, const struct xml_node *n, const char *attr, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    diag_vat(c, place(c, n, attr), POLICY_WARNING, fmt, args);
    va_end(args);
}

bool comp_failed(const struct comp *c)
{
    return c->pc->diagnostics.errors > c->errors_before;
}

/* ---- memory ---- */

void comp_no_memory(struct comp *c)
{
    diag_at(c, 0, POLICY_ERROR, "the configuration is too large: no memory left to compile this document");
}

void *comp_memory(struct comp *c, size_t n)
{
    void *p = arena_alloc(c->pc->program, n);

    if (p)
        return p;
    comp_no_memory(c);
    return c->pc->dummy;
}

void *comp_array_of(struct comp *c, size_t count, size_t size)
{
    void *p = arena_alloc_array(c->pc->program, count, size);

    if (!p)
        comp_no_memory(c);
    return p;
}

struct arena *comp_arena(struct comp *c)
{
    return c->pc->program;
}

struct slice comp_copy(struct comp *c, struct slice s)
{
    return arena_copy(c->pc->program, s.p ? s : SLICE(""));
}

/* ---- taking ---- */

void value_ask(struct comp *c, const char *name)
{
    if (c->asked && c->asked->n < ASKED_MAX)
        c->asked->names[c->asked->n++] = name;
}

static const struct xml_attr *take_attr(struct comp *c, const struct xml_node *n, const char *name)
{
    const struct xml_attr *a = xml_attr(n, name);

    value_ask(c, name);
    if (a)
        c->attr_taken[a->index] = TAKEN;
    return a;
}

void comp_attr_ignore(struct comp *c, const struct xml_node *n, const char *name)
{
    take_attr(c, n, name);
}

bool comp_has_attr(const struct xml_node *n, const char *name)
{
    return xml_attr(n, name) != NULL;
}

/* ---- one value ---- */

static bool substitute(struct comp *c, struct slice s, struct named *out, struct slice *bad)
{
    const struct named_source from = { c->pc->names.named_value, c->pc->names.data, c->pc->open };

    return named_substitute(&c->pc->scratch, &from, s, out, bad);
}

static void compile_expression(struct comp *c, const struct origin *o, const struct named *named,
                               struct value *v)
{
    struct slice text = slice_trim(named->text);
    size_t lead = (size_t)(text.p - named->text.p);
    size_t span = expr_scan_span(text);
    struct expr_options options = { .open_names = c->pc->open };
    struct expr_error err = { 0 };

    if (span && span < text.n) {
        v->tail = comp_copy(c, slice_skip(text, span));
        diag_at(c, locate(c, o, named_offset(named, lead + span)), POLICY_WARNING,
                "text behind the expression of '%s' is appended to its result", o->what);
        text = slice_first(text, span);
    }
    v->reads_response = slice_find(text, SLICE("context.Response")) >= 0;
    v->expr = expr_compile(c->pc->program, text, &options, &err);
    if (!v->expr)
        diag_at(c, locate(c, o, named_offset(named, lead + err.offset)), POLICY_ERROR,
                "expression of '%s': %s", o->what, err.message);
}

static bool is_all(struct slice s, bool (*is)(char c))
{
    for (size_t i = 0; i < s.n; i++) {
        if (!is(s.p[i]))
            return false;
    }
    return s.n > 0;
}

static bool is_gap_char(char c)
{
    return ascii_is_alpha(c) || ascii_is_digit(c) || c == '-' || c == '_';
}

/* "{retry-count}", "RETRY_COUNT": a template's gap, to be filled before the document is used. Checking takes it
 * as unknown text. */
static bool is_placeholder(struct slice s)
{
    if (s.n > 2 && s.p[0] == '{' && s.p[s.n - 1] == '}')
        return is_all(slice_sub(s, 1, s.n - 1), is_gap_char);
    return expr_is_gap_name(s);
}

static void report_unknown_value(struct comp *c, size_t offset, struct slice name)
{
    struct slice near = comp_did_you_mean(c, POLICY_NAMED_VALUE, name);

    diag_at(c, offset, POLICY_ERROR, "named value '%.*s' is not known%.*s", SLICE_ARG(name),
            SLICE_ARG(near.n ? near : SLICE(": add it, or correct the name")));
}

/* True when v is a literal (of unknown content when it is open). */
static bool compile_value(struct comp *c, const struct origin *o, unsigned flags, struct value *v,
                          bool *is_open)
{
    struct named named;
    struct slice bad = SLICE_NONE;

    *is_open = false;
    v->what = o->what;
    if (!substitute(c, o->text, &named, &bad)) {
        report_unknown_value(c, locate(c, o, (size_t)(bad.p - o->text.p) - 2), bad);
        v->text = SLICE("");
        *is_open = true; /* told once */
        return true;
    }
    if (expr_is_expression(named.text)) {
        if (flags & VALUE_LITERAL) {
            diag_at(c, locate(c, o, 0), POLICY_ERROR, "'%s' takes no expression", o->what);
            return false;
        }
        compile_expression(c, o, &named, v);
        return false;
    }
    *is_open = named.unknown || (c->pc->open && is_placeholder(slice_trim(named.text)));
    v->text = comp_copy(c, named.text);
    if ((flags & VALUE_NOT_EMPTY) && slice_trim(v->text).n == 0)
        diag_at(c, locate(c, o, 0), POLICY_ERROR, "'%s' must not be empty", o->what);
    return true;
}

/* The attribute's origin; false when it is absent, which is reported when it is required. */
static bool find_attr(struct comp *c, const struct xml_node *n, const char *name, unsigned flags,
                      struct origin *o)
{
    const struct xml_attr *a = take_attr(c, n, name);

    if (!a) {
        if (flags & VALUE_REQUIRED)
            comp_error(c, n, NULL, "<%.*s> needs the attribute '%s'", SLICE_ARG(n->name), name);
        return false;
    }
    *o = (struct origin){ .node = n, .attr = a, .what = name, .text = a->value };
    return true;
}

struct value comp_attr(struct comp *c, const struct xml_node *n, const char *name, unsigned flags)
{
    struct value v = { .what = name };
    struct origin o;
    bool is_open;

    if (find_attr(c, n, name, flags, &o))
        compile_value(c, &o, flags, &v, &is_open);
    return v;
}

static bool bool_literal(struct slice s, bool *out)
{
    *out = slice_eq_icase(s, SLICE("true"));
    return *out || slice_eq_icase(s, SLICE("false"));
}

struct value comp_attr_bool(struct comp *c, const struct xml_node *n, const char *name, unsigned flags,
                            bool otherwise)
{
    struct value v = { .what = name, .number = otherwise };
    struct origin o;
    bool is_open, b;

    if (!find_attr(c, n, name, flags, &o) || !compile_value(c, &o, flags, &v, &is_open) || is_open)
        return v;
    if (!bool_literal(slice_trim(v.text), &b)) {
        diag_at(c, locate(c, &o, 0), POLICY_ERROR, "'%s' is \"%.*s\": expected true, false or an expression",
                name, SLICE_ARG(v.text));
        return v;
    }
    v.number = b;
    return v;
}

/* [ "-" / "+" ] digits */
static bool int_literal(struct slice s, int64_t *out)
{
    bool negative = s.n && s.p[0] == '-';
    uint64_t u;

    if (s.n && (s.p[0] == '-' || s.p[0] == '+'))
        s = slice_skip(s, 1);
    if (!slice_to_u64(s, INT64_MAX, &u))
        return false;
    *out = negative ? -(int64_t)u : (int64_t)u;
    return true;
}

struct value comp_attr_int(struct comp *c, const struct xml_node *n, const char *name, unsigned flags,
                           int64_t min, int64_t max, int64_t otherwise)
{
    struct value v = { .what = name, .number = otherwise, .min = min, .max = max };
    struct origin o;
    bool is_open;
    int64_t i;

    if (!find_attr(c, n, name, flags, &o) || !compile_value(c, &o, flags, &v, &is_open) || is_open)
        return v;
    if (!int_literal(slice_trim(v.text), &i))
        diag_at(c, locate(c, &o, 0), POLICY_ERROR, "'%s' is \"%.*s\": expected a whole number", name,
                SLICE_ARG(v.text));
    else if (i < min || i > max)
        diag_at(c, locate(c, &o, 0), POLICY_ERROR, "'%s' is %lld: expected %lld to %lld", name, (long long)i,
                (long long)min, (long long)max);
    else
        v.number = i;
    return v;
}

static struct slice list_names(struct comp *c, const struct value_name *names)
{
    struct buf b;

    buf_init(&b, &c->pc->scratch);
    for (; names->name; names++)
        buf_printf(&b, "%s%s", b.n ? ", " : "", names->name);
    return buf_slice(&b);
}

struct value comp_attr_enum(struct comp *c, const struct xml_node *n, const char *name, unsigned flags,
                            const struct value_name *names, int otherwise)
{
    struct value v = { .what = name, .number = otherwise, .names = names };
    struct origin o;
    bool is_open;

    if (!find_attr(c, n, name, flags, &o) || !compile_value(c, &o, flags, &v, &is_open) || is_open)
        return v;
    for (const struct value_name *k = names; k->name; k++) {
        if (slice_eq_icase(slice_trim(v.text), slice_from(k->name))) {
            v.number = k->value;
            return v;
        }
    }
    diag_at(c, locate(c, &o, 0), POLICY_ERROR, "'%s' is \"%.*s\": expected one of %.*s", name,
            SLICE_ARG(v.text), SLICE_ARG(list_names(c, names)));
    return v;
}

struct value comp_attr_field(struct comp *c, const struct xml_node *n, const char *name, unsigned flags)
{
    struct value v = { .what = name };
    struct origin o;
    bool is_open;

    if (!find_attr(c, n, name, flags, &o) || !compile_value(c, &o, flags | VALUE_NOT_EMPTY, &v, &is_open))
        return v;
    v.text = slice_trim(v.text);
    if (v.text.n && !is_open && !http_is_token(v.text))
        diag_at(c, locate(c, &o, 0), POLICY_ERROR, "'%s' is \"%.*s\": not a header name", name,
                SLICE_ARG(v.text));
    v.number = hash_name(v.text);
    return v;
}

struct slice comp_attr_text(struct comp *c, const struct xml_node *n, const char *name, unsigned flags)
{
    return comp_attr(c, n, name, flags | VALUE_LITERAL).text;
}

/* ---- texts ---- */

static const char *name_of(struct comp *c, const struct xml_node *n)
{
    const char *z = arena_cstr(c->pc->program, n->name);

    return z ? z : "";
}

static struct value text_value(struct comp *c, const struct xml_node *n, unsigned flags, bool trim)
{
    struct origin o = { .node = n, .what = name_of(c, n), .text = xml_text(&c->pc->scratch, n) };
    struct value v = { .what = o.what };
    bool is_open;

    c->node_taken[n->index] |= TAKEN_TEXT;
    if (!o.text.p)
        o.text = SLICE("");
    if (compile_value(c, &o, flags, &v, &is_open)) {
        if (trim)
            v.text = slice_trim(v.text);
        if ((flags & VALUE_REQUIRED) && !is_open && slice_trim(v.text).n == 0)
            comp_error(c, n, NULL, "<%.*s> must not be empty", SLICE_ARG(n->name));
    }
    return v;
}

struct value comp_text(struct comp *c, const struct xml_node *n, unsigned flags)
{
    return text_value(c, n, flags, false);
}

struct value comp_text_trimmed(struct comp *c, const struct xml_node *n, unsigned flags)
{
    return text_value(c, n, flags, true);
}

struct values comp_texts(struct comp *c, const struct xml_node *n, const char *child, unsigned flags)
{
    struct values all = { 0 };
    uint32_t count = 0;

    for (const struct xml_node *k = xml_child(n, child); k; k = xml_next(k, child))
        count++;
    value_ask(c, child);
    if (count == 0)
        return all;
    struct value *v = comp_array(c, struct value, count);
    if (!v)
        return all;
    for (const struct xml_node *k = comp_next(c, n, NULL, child); k; k = comp_next(c, n, k, child))
        v[all.n++] = comp_text_trimmed(c, k, flags);
    all.v = v;
    return all;
}

struct slice comp_inner(struct comp *c, const struct xml_node *n, bool keep_braces)
{
    struct slice raw = slice_sub(c->xml->text, n->inner_at, n->inner_end);
    struct slice bad;
    struct named named;

    c->node_taken[n->index] |= TAKEN_MARKUP;
    if (keep_braces)
        return comp_copy(c, raw);
    if (!substitute(c, raw, &named, &bad)) {
        report_unknown_value(c, front_offset(&c->front, n->inner_at + (size_t)(bad.p - raw.p) - 2), bad);
        return SLICE("");
    }
    return comp_copy(c, named.text);
}

/* ---- Liquid ---- */

/* References inside of {{ }} and {% %} decoded in place, the rest of them blanks, so that places stay what they are. */
static struct slice decode_markup(struct comp *c, struct slice raw)
{
    char *text = arena_cstr(&c->pc->scratch, raw);
    size_t at = 0, end;

    for (; text && at + 1 < raw.n; at = end) {
        end = at + 1;
        if (raw.p[at] != '{' || (raw.p[at + 1] != '{' && raw.p[at + 1] != '%'))
            continue;
        ptrdiff_t n = slice_find(slice_skip(raw, at), raw.p[at + 1] == '{' ? SLICE("}}") : SLICE("%}"));
        if (n < 0)
            break;
        end = at + (size_t)n;
        struct slice inside = slice_sub(raw, at, end - (raw.p[end - 1] == '-' && n > 2));
        struct slice decoded = slice_find_byte(inside, '&') < 0 ? inside : xml_decode(&c->pc->scratch, inside, false);
        if (!decoded.p || decoded.n > inside.n)
            continue;
        memset(text + at, ' ', inside.n);
        memcpy(text + at, decoded.p, decoded.n);
    }
    return text ? slice_of(text, raw.n) : SLICE("");
}

const struct liquid *comp_liquid(struct comp *c, const struct xml_node *n)
{
    const struct xml_node *text = n->children;
    bool markup = xml_child(n, NULL) != NULL;
    struct slice raw = slice_sub(c->xml->text, n->inner_at, n->inner_end), source;
    struct liquid_error err;
    const struct liquid *l;
    size_t at;

    c->node_taken[n->index] |= markup ? TAKEN_MARKUP : TAKEN_TEXT;
    source = markup ? decode_markup(c, raw) : xml_text(&c->pc->scratch, n);
    l = liquid_compile(c->pc->program, source.p ? source : SLICE(""), &err);
    if (l)
        return l;
    if (markup)
        at = n->inner_at + err.offset;
    else if (text && !text->next && text->type == XML_TEXT)
        at = n->inner_at + xml_locate(raw, false, err.offset);
    else
        at = n->inner_at;
    diag_at(c, front_offset(&c->front, at), POLICY_ERROR, "Liquid: %s", err.message);
    return NULL;
}

/* ---- children ---- */

const struct xml_node *comp_next(struct comp *c, const struct xml_node *n, const struct xml_node *after,
                                 const char *name)
{
    const struct xml_node *k = after ? xml_next(after, name) : xml_child(n, name);

    if (!after && name)
        value_ask(c, name);
    if (k)
        c->node_taken[k->index] |= TAKEN;
    return k;
}

const struct xml_node *comp_any(struct comp *c, const struct xml_node *n, const struct xml_node *after)
{
    return comp_next(c, n, after, NULL);
}

const struct xml_node *comp_child(struct comp *c, const struct xml_node *n, const char *name, unsigned flags)
{
    const struct xml_node *k = comp_next(c, n, NULL, name);

    if (!k) {
        if (flags & VALUE_REQUIRED)
            comp_error(c, n, NULL, "<%.*s> needs the element <%s>", SLICE_ARG(n->name), name);
        return NULL;
    }
    const struct xml_node *second = comp_next(c, n, k, name);
    if (second) {
        comp_error(c, second, NULL, "<%s> may stand only once in <%.*s>", name, SLICE_ARG(n->name));
        c->node_taken[second->index] |= TAKEN_STATEMENT; /* what is in it is no news */
    }
    return k;
}

/* ---- what is left ---- */

static struct slice asked_name(const void *list, size_t i)
{
    return slice_from(((const struct asked *)list)->names[i]);
}

static void report_unknown(struct comp *c, size_t offset, const char *kind, struct slice name,
                           const struct xml_node *in)
{
    ptrdiff_t i = c->asked ? nearest_find(name, c->asked, c->asked->n, asked_name) : -1;

    if (i >= 0)
        diag_at(c, offset, POLICY_ERROR, "%s '%.*s' of <%.*s> is not known: did you mean '%s'?", kind,
                SLICE_ARG(name), SLICE_ARG(in->name), c->asked->names[i]);
    else
        diag_at(c, offset, POLICY_ERROR, "%s '%.*s' of <%.*s> is not known", kind, SLICE_ARG(name),
                SLICE_ARG(in->name));
}

void value_report_text(struct comp *c, const struct xml_node *n)
{
    struct slice text = xml_text(&c->pc->scratch, n), trimmed = slice_trim(text);

    if (!trimmed.n)
        return;
    diag_at(c, front_offset(&c->front, locate_text(c, n, (size_t)(trimmed.p - text.p))), POLICY_WARNING,
            "text in <%.*s> is not looked at", SLICE_ARG(n->name));
}

void value_report_rest(struct comp *c, const struct xml_node *n)
{
    for (const struct xml_attr *a = n->attrs; a; a = a->next) {
        if (!c->attr_taken[a->index] && !slice_eq(a->name, SLICE("id")) &&
            !slice_starts(a->name, SLICE("xmlns")))
            report_unknown(c, front_offset(&c->front, a->name_at), "attribute", a->name, n);
    }
    if (c->node_taken[n->index] & TAKEN_MARKUP)
        return;
    if (!(c->node_taken[n->index] & TAKEN_TEXT))
        value_report_text(c, n);
    for (const struct xml_node *k = xml_child(n, NULL); k; k = xml_next(k, NULL)) {
        if (!c->node_taken[k->index])
            report_unknown(c, front_offset(&c->front, k->at), "element", k->name, n);
        else if (!(c->node_taken[k->index] & TAKEN_STATEMENT))
            value_report_rest(c, k);
    }
}

/* ---- policies that are not built ---- */

void value_check_all(struct comp *c, const struct xml_node *n)
{
    struct value v;
    bool is_open;

    for (const struct xml_attr *a = n->attrs; a; a = a->next) {
        const char *name = arena_cstr(&c->pc->scratch, a->name);
        struct origin o = { .node = n, .attr = a, .what = name ? name : "", .text = a->value };
        compile_value(c, &o, 0, &v, &is_open);
    }
    if (xml_text(&c->pc->scratch, n).p)
        comp_text(c, n, 0);
    for (const struct xml_node *k = xml_child(n, NULL); k; k = xml_next(k, NULL))
        value_check_all(c, k);
}
