/* XML of any bytes: what libxml2 calls well-formed, our scanner makes a tree of whose parts lie inside one
 * another, in order. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "platform/xml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_attrs(const struct xml_document *doc, const struct xml_node *n)
{
    for (const struct xml_attr *a = n->attrs; a; a = a->next) {
        assert(a->name.n && a->name_at > n->at && a->value_at > a->name_at && a->value_at < n->inner_at);
        assert(a->index < doc->attrs && slice_eq(a->name, slice_of(doc->text.p + a->name_at, a->name.n)));
        assert(a->value_at + xml_locate(slice_skip(doc->text, a->value_at), true, a->value.n) < n->inner_at);
    }
}

static void check_node(const struct xml_document *doc, const struct xml_node *n, uint32_t from, uint32_t to)
{
    for (; n; n = n->next) {
        assert(n->at >= from && n->at <= n->inner_at && n->inner_at <= n->inner_end &&
               n->inner_end <= n->end && n->end <= to);
        assert(n->index < doc->nodes);
        check_attrs(doc, n);
        if (n->children)
            check_node(doc, n->children, n->inner_at, n->inner_end);
        from = n->end;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct xml_options options = { .comments = size && (data[0] & 1) };
    struct slice text = slice_skip(slice_of(data, size), 1);
    struct xml_error err = { 0 };
    struct arena a;

    arena_init_growing(&a, 64u << 20);
    const struct xml_document *doc = xml_parse(&a, text, &options, &err);
    if (doc)
        check_node(doc, doc->top, 0, (uint32_t)text.n);
    else
        assert(err.offset <= text.n && err.message[0] && err.line);
    arena_free(&a);
    return 0;
}
