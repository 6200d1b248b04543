/* What is used by what is served: from the policies on, over fragments, to backends, pools and named values. A secret that nothing
 * served uses may lack its value; a placeholder URL that is never called is no error. */
#include "app/artifact/artifact_int.h"

#include "app/names.h"

bool policy_is_served(const struct tree *t, const struct policy_file *p)
{
    if (slice_starts(p->scope, SLICE("product/"))) {
        const struct resource *product = tree_find(t, RESOURCE_PRODUCT, slice_skip(p->scope, 8));
        return product && !product->skipped;
    }
    if (!slice_starts(p->scope, SLICE("api/")))
        return true;
    struct slice rest = slice_skip(p->scope, 4), id;
    slice_cut(&rest, '/', &id);
    const struct resource *api = tree_find(t, RESOURCE_API, id);
    return api && !api->skipped;
}

static bool is_name_byte(char c)
{
    return ascii_is_alpha(c) || ascii_is_digit(c) || c == '-' || c == '_' || c == '.';
}

/* `id` stands in text as a word of its own: quoted, or as part of an expression. */
static bool names(struct slice text, struct slice id)
{
    size_t from = 0;
    ptrdiff_t found;

    while (id.n && (found = slice_find(slice_skip(text, from), id)) >= 0) {
        size_t at = from + (size_t)found, end = at + id.n;
        if ((at == 0 || !is_name_byte(text.p[at - 1])) && (end == text.n || !is_name_byte(text.p[end])))
            return true;
        from = at + 1;
    }
    return false;
}

/* A pool's members are called through it. */
static void mark_backend(struct tree *t, struct resource *backend)
{
    struct json_iter it = json_iter(json_path(backend->properties, "pool", "services", NULL));

    if (backend->used)
        return;
    backend->used = true;
    while (json_next(&it)) {
        struct resource *member = tree_find(t, RESOURCE_BACKEND, name_last_segment(json_str(json_get(it.value, "id"))));
        if (member)
            mark_backend(t, member);
    }
}

/* backends: some policy chooses one by its id, which may come from a variable that another policy sets. */
static void mark_text(struct tree *t, struct slice text, bool backends)
{
    bool fragments = slice_find(text, SLICE("include-fragment")) >= 0;

    for (struct resource *r = t->first; r && (fragments || backends); r = r->next) {
        if (backends && r->kind == RESOURCE_BACKEND && !r->used && names(text, r->id))
            mark_backend(t, r);
        if (fragments && r->kind == RESOURCE_FRAGMENT && !r->used && names(text, r->id)) {
            r->used = true;
            mark_text(t, r->fragment, backends);
        }
    }
}

static bool any_chooses_backend(const struct tree *t)
{
    for (const struct policy_file *p = t->policies; p; p = p->next)
        if (policy_is_served(t, p) && slice_find(p->xml, SLICE("backend-id")) >= 0)
            return true;
    for (const struct resource *r = t->first; r; r = r->next)
        if (r->kind == RESOURCE_FRAGMENT && slice_find(r->fragment, SLICE("backend-id")) >= 0)
            return true;
    return false;
}

void artifact_mark_used(struct tree *t)
{
    bool backends = any_chooses_backend(t);

    for (const struct policy_file *p = t->policies; p; p = p->next)
        if (policy_is_served(t, p))
            mark_text(t, p->xml, backends);
}

/* `{{name}}`, with or without spaces inside the braces, stands in text. */
static bool uses_named_value(struct slice text, struct slice name)
{
    ptrdiff_t at;

    while ((at = slice_find(text, SLICE("{{"))) >= 0) {
        text = slice_skip(text, (size_t)at + 2);
        ptrdiff_t end = slice_find(text, SLICE("}}"));
        if (end < 0)
            return false;
        if (slice_eq(slice_trim(slice_first(text, (size_t)end)), name))
            return true;
    }
    return false;
}

static void put_place(struct buf *places, struct slice file)
{
    buf_puts(places, places->n ? ", " : "");
    buf_put(places, file);
}

/* The text of a used fragment or backend has it. */
static bool resource_has(struct tree *t, const struct resource *r, bool (*has)(struct slice text, struct slice name), struct slice name)
{
    struct arena_mark mark = arena_mark(t->arena);
    struct buf text;

    if (r->kind == RESOURCE_FRAGMENT)
        return r->used && has(r->fragment, name);
    if (r->kind != RESOURCE_BACKEND || !r->used)
        return false;
    buf_init(&text, t->arena);
    json_write(&text, r->properties);
    bool found = has(buf_slice(&text), name);
    arena_reset(t->arena, mark);
    return found;
}

bool artifact_is_named(struct tree *t, struct slice word)
{
    for (const struct policy_file *p = t->policies; p; p = p->next)
        if (policy_is_served(t, p) && names(p->xml, word))
            return true;
    for (const struct resource *r = t->first; r; r = r->next)
        if (resource_has(t, r, names, word))
            return true;
    return false;
}

struct slice artifact_places_of(struct tree *t, struct slice named_value)
{
    struct buf places;
    const struct resource *r = t->first;

    buf_init(&places, t->arena);
    for (const struct policy_file *p = t->policies; p; p = p->next)
        if (policy_is_served(t, p) && uses_named_value(p->xml, named_value))
            put_place(&places, p->file);
    for (; r; r = r->next)
        if (resource_has(t, r, uses_named_value, named_value))
            put_place(&places, r->kind == RESOURCE_FRAGMENT ? r->fragment_file : r->file);
    return buf_slice(&places);
}
