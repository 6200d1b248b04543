/* xml-to-json: the body, XML, becomes JSON. reference/policies.md 7 "xml-to-json".
 *
 * kind="direct" (the convention of Newtonsoft.Json):
 *   element with text alone -> its text; <a/> -> null; <a></a> -> ""; else an object of
 *   attribute x -> "@x", text -> "#text", child -> its name, several of a name -> an array at the first
 *   <?xml version="1.0"?> -> "version": "1.0" in front of the root
 * kind="javascript-friendly": names without "@" and "#", text beside other members as "$", no declaration.
 * A colon in a name becomes "$"; this and the declaration as published output of the original shows. Comments
 * are left out. */
#include "policy/rt.h"

struct plan {
    struct convert_rule rule;
    struct value kind, always_array;
};

enum { KIND_FRIENDLY, KIND_DIRECT };
static const struct value_name kinds[] = { { "javascript-friendly", KIND_FRIENDLY },
                                           { "direct", KIND_DIRECT },
                                           { 0 } };
static const struct value_name applies[] = { { "always", 0 }, { "content-type-xml", 1 }, { 0 } };
static const char *const xml_types[] = { "application/xml", "text/xml", "+xml", NULL };

static bool compile(struct comp *c, const struct xml_node *n, const void **plan)
{
    struct plan *p = comp_new(c, struct plan);

    *plan = p;
    convert_compile(c, n, applies, &p->rule);
    p->kind = comp_attr_enum(c, n, "kind", VALUE_REQUIRED, kinds, KIND_DIRECT);
    p->always_array = comp_attr_bool(c, n, "always-array-child-elements", VALUE_OPTIONAL, false);
    comp_attr_ignore(c, n, "empty-values");
    comp_attr_ignore(c, n, "trim");
    return !comp_failed(c);
}

struct writer {
    struct arena *arena;
    struct buf out;
    bool friendly, always_array;
};

/* Children of one name. */
struct group {
    struct slice name;
    struct member {
        const struct xml_node *node;
        struct member *next;
    } *first, *last;
    struct group *next;
};

static void put_key(struct writer *w, const char *mark, struct slice name)
{
    struct buf key;

    buf_init(&key, w->arena);
    buf_puts(&key, mark);
    for (size_t i = 0; i < name.n; i++)
        buf_putc(&key, name.p[i] == ':' ? '$' : name.p[i]);
    buf_put_json(&w->out, buf_slice(&key));
    buf_putc(&w->out, ':');
    w->out.failed |= key.failed;
}

static void put_comma(struct writer *w, bool *first)
{
    if (!*first)
        buf_putc(&w->out, ',');
    *first = false;
}

static bool add_to_group(struct writer *w, struct map *by_name, struct group ***tail,
                         const struct xml_node *k)
{
    struct group *g = map_get(by_name, k->name);
    struct member *m = arena_new(w->arena, struct member);

    if (!g) {
        g = arena_new(w->arena, struct group);
        if (!g || !map_put(by_name, k->name, g))
            return false;
        g->name = k->name;
        **tail = g;
        *tail = &g->next;
    }
    if (!m)
        return false;
    m->node = k;
    if (g->last)
        g->last->next = m;
    else
        g->first = m;
    g->last = m;
    return true;
}

/* The child elements, grouped by name in the order of their first. */
static struct group *group_children(struct writer *w, const struct xml_node *n)
{
    struct group *groups = NULL, **tail = &groups;
    struct map by_name;

    map_init(&by_name, w->arena);
    for (const struct xml_node *k = xml_child(n, NULL); k; k = xml_next(k, NULL)) {
        if (!add_to_group(w, &by_name, &tail, k)) {
            w->out.failed = true;
            return NULL;
        }
    }
    return groups;
}

static bool is_blank(struct slice s)
{
    return slice_trim(s).n == 0;
}

static bool is_xmlns(struct slice name)
{
    return slice_eq(name, SLICE("xmlns")) || slice_starts(name, SLICE("xmlns:"));
}

static void put_element(struct writer *w, const struct xml_node *n);

static void put_group(struct writer *w, const struct group *g)
{
    bool array = g->first != g->last || w->always_array, first = true;

    put_key(w, "", g->name);
    if (array)
        buf_putc(&w->out, '[');
    for (const struct member *m = g->first; m; m = m->next) {
        put_comma(w, &first);
        put_element(w, m->node);
    }
    if (array)
        buf_putc(&w->out, ']');
}

static bool has_members(const struct writer *w, const struct xml_node *n)
{
    if (xml_child(n, NULL))
        return true;
    for (const struct xml_attr *a = n->attrs; a; a = a->next) {
        if (!w->friendly || !is_xmlns(a->name))
            return true;
    }
    return false;
}

static void put_object(struct writer *w, const struct xml_node *n, struct slice text)
{
    bool first = true;

    buf_putc(&w->out, '{');
    for (const struct xml_attr *a = n->attrs; a; a = a->next) {
        if (w->friendly && is_xmlns(a->name))
            continue;
        put_comma(w, &first);
        put_key(w, w->friendly ? "" : "@", a->name);
        buf_put_json(&w->out, a->value);
    }
    if (!is_blank(text)) {
        put_comma(w, &first);
        put_key(w, "", w->friendly ? SLICE("$") : SLICE("#text"));
        buf_put_json(&w->out, text);
    }
    for (const struct group *g = group_children(w, n); g; g = g->next) {
        put_comma(w, &first);
        put_group(w, g);
    }
    buf_putc(&w->out, '}');
}

static void put_element(struct writer *w, const struct xml_node *n)
{
    struct slice text = xml_text(w->arena, n);

    if (has_members(w, n))
        put_object(w, n, text);
    else if (text.n == 0 && n->inner_at == n->end) /* <a/> */
        buf_puts(&w->out, "null");
    else
        buf_put_json(&w->out, text);
}

/* Pseudo-attributes of <?xml ... ?>, each with its comma; the document was parsed, so that they are in order. */
static void put_declaration(struct writer *w, struct slice body)
{
    struct slice rest = slice_trim(slice_starts(body, SLICE("\xEF\xBB\xBF")) ? slice_skip(body, 3) : body);
    ptrdiff_t end = slice_find(rest, SLICE("?>")), eq;

    if (!slice_starts(rest, SLICE("<?xml")) || end < 0)
        return;
    rest = slice_sub(rest, 5, (size_t)end);
    while ((eq = slice_find_byte(rest, '=')) >= 0) {
        struct slice name = slice_trim(slice_first(rest, (size_t)eq));
        rest = slice_trim(slice_skip(rest, (size_t)eq + 1));
        ptrdiff_t close = rest.n ? slice_find_byte(slice_skip(rest, 1), rest.p[0]) : -1;
        if (close < 0)
            return;
        put_key(w, "", name);
        buf_put_json(&w->out, slice_sub(rest, 1, (size_t)close + 1));
        buf_putc(&w->out, ',');
        rest = slice_skip(rest, (size_t)close + 2);
    }
}

static enum verdict run(struct rt *rt, const void *plan)
{
    const struct plan *p = plan;
    struct writer w = { .arena = rt->arena };
    struct xml_error err;
    struct slice body;
    bool wanted;
    int kind;

    if (!convert_wanted(rt, &p->rule, xml_types, "json", &body, &wanted))
        return VERDICT_FAIL;
    if (!wanted)
        return VERDICT_NEXT;
    if (!rt_enum(rt, &p->kind, &kind) || !rt_bool(rt, &p->always_array, &w.always_array))
        return VERDICT_FAIL;
    w.friendly = kind == KIND_FRIENDLY;
    const struct xml_document *doc = xml_parse(rt->arena, body, NULL, &err);
    if (!doc)
        return rt->arena->overflow ? rt_fail_memory(rt) : convert_malformed(rt, "XML", err.message);
    buf_init(&w.out, rt->arena);
    buf_putc(&w.out, '{');
    if (!w.friendly)
        put_declaration(&w, body);
    put_key(&w, "", doc->root->name);
    put_element(&w, doc->root);
    buf_putc(&w.out, '}');
    return convert_done(rt, &p->rule, w.out.failed ? SLICE_NONE : buf_slice(&w.out), "application/json");
}

const struct policy_def policy_xml_to_json = {
    .name = "xml-to-json",
    .sections = SECTIONS_ALL,
    .flags = POLICY_NO_WEBSOCKET,
    .compile = compile,
    .run = run,
    .doc = "Convert the body from XML to JSON",
};
