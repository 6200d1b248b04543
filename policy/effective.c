/* Sections of several documents, one inside the other. */
#include "policy/effective.h"

#include "platform/xml.h"
#include "policy/front.h"

#define SECTIONS 4u
#define SCOPES_MAX 8u

static const char *const section_names[SECTIONS] = { "inbound", "backend", "outbound", "on-error" };

struct document {
    struct front front;
    const struct xml_node *sections[SECTIONS]; /* NULL: left out, which acts like <base/> alone */
};

struct effective {
    const struct policy_source *sources;
    struct document *documents;
    size_t n;
    struct buf *out;
};

static void find_sections(struct document *d, const struct xml_node *parent)
{
    for (unsigned i = 0; i < SECTIONS; i++)
        d->sections[i] = xml_child(parent, section_names[i]);
}

static bool read_document(struct arena *a, const struct policy_source *source, struct document *d, struct err *err)
{
    struct front_error ferr;
    struct xml_error xerr;

    if (!source->text.n)
        return true;
    if (!front_read(a, source->text, &d->front, &ferr))
        return err_set(err, "%s scope: %s", source->scope, ferr.message);
    const struct xml_document *xml = xml_parse(a, d->front.text, NULL, &xerr);
    if (!xml)
        return err_set(err, "%s scope: %s", source->scope, xerr.message);
    const struct xml_node *policies = xml_child(xml->root, "policies");
    find_sections(d, policies ? policies : xml->root);
    return true;
}

#define INDENT "        "

/* A line of its own; the lines within keep what they have in front. */
static void put_line(struct effective *e, struct slice text)
{
    text = slice_trim(text);
    if (!text.n)
        return;
    buf_puts(e->out, "\n" INDENT);
    buf_put(e->out, text);
}

static void put_source(struct effective *e, const struct document *d, uint32_t from, uint32_t to)
{
    size_t begin = front_offset(&d->front, from), end = front_offset(&d->front, to);

    if (from < to && begin < end)
        put_line(e, slice_sub(d->front.source, begin, end));
}

static void put_base(struct effective *e, unsigned section, size_t scope);

/* The text between the tags, every <base/> in it replaced. */
static void put_inner(struct effective *e, unsigned section, size_t scope, const struct xml_node *n, uint32_t *at)
{
    const struct document *d = &e->documents[scope];

    for (const struct xml_node *k = xml_child(n, NULL); k; k = xml_next(k, NULL)) {
        if (!slice_eq(k->name, SLICE("base"))) {
            put_inner(e, section, scope, k, at);
            continue;
        }
        put_source(e, d, *at, k->at);
        *at = k->end;
        put_base(e, section, scope + 1);
    }
}

static void put_section(struct effective *e, unsigned section, size_t scope)
{
    const struct xml_node *n = e->documents[scope].sections[section];
    uint32_t at = n ? n->inner_at : 0;

    if (!n) {
        put_base(e, section, scope + 1);
        return;
    }
    put_inner(e, section, scope, n, &at);
    put_source(e, &e->documents[scope], at, n->inner_end);
}

/* What <base/> stands for: the next scope that there is; behind the last one the built-in default. */
static void put_base(struct effective *e, unsigned section, size_t scope)
{
    while (scope < e->n && !e->sources[scope].text.n)
        scope++;
    if (scope == e->n) {
        if (section == 1)
            put_line(e, SLICE("<forward-request />"));
        return;
    }
    buf_printf(e->out, "\n" INDENT "<!-- base: Begin %s scope -->", e->sources[scope].scope);
    put_section(e, section, scope);
    buf_printf(e->out, "\n" INDENT "<!-- base: End %s scope -->", e->sources[scope].scope);
}

bool policy_effective(struct arena *a, const struct policy_source *sources, size_t n, struct buf *out, struct err *err)
{
    struct document *documents = arena_array(a, struct document, SCOPES_MAX);
    struct effective e = { sources, documents, n, out };

    if (!documents || n > SCOPES_MAX)
        return err_set(err, "out of memory");
    for (size_t i = 0; i < n; i++)
        if (!read_document(a, &sources[i], &documents[i], err))
            return false;
    buf_puts(out, "<policies>\n");
    for (unsigned i = 0; i < SECTIONS; i++) {
        buf_printf(out, "    <%s>", section_names[i]);
        put_base(&e, i, 0);
        buf_printf(out, "\n    </%s>\n", section_names[i]);
    }
    buf_puts(out, "</policies>\n");
    return !out->failed || err_set(err, "out of memory");
}
