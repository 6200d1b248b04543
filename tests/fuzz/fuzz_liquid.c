/* Liquid templates of any bytes over bodies of any bytes, "template\n---\nbody": compiling ends in a tree or in a fault inside of
 * the source, rendering in text or in an exception, within its budget. */
#include <assert.h>
#include <stdint.h>

#include "policy/liquid/liquid.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void render(const struct liquid *l, struct slice text, enum liquid_format format, bool flag)
{
    struct arena work;
    struct expr_run run = { .arena = &work, .steps = 100000 };
    struct liquid_body body = { .text = text, .format = format, .keep_dates = flag, .nil_is_null = flag };
    struct expr_exception exc;
    struct slice out = { 0 };

    arena_init_growing(&work, 8u << 20);
    if (liquid_render(l, &body, &run, &out, &exc))
        assert(out.n <= LIQUID_OUTPUT_MAX + (1u << 20));
    else
        assert(exc.type.n && exc.message.n);
    arena_free(&work);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice source = slice_of(data, size), body = SLICE_NONE;
    ptrdiff_t cut = slice_find(source, SLICE("\n---\n"));
    struct liquid_error err = { 0 };
    const struct liquid *l;
    struct arena a;

    if (cut >= 0) {
        body = slice_skip(source, (size_t)cut + 5);
        source = slice_first(source, (size_t)cut);
    }
    arena_init_growing(&a, 16u << 20);
    l = liquid_compile(&a, source, &err);
    if (!l)
        assert(err.message[0] && err.offset <= source.n);
    for (int format = LIQUID_TEXT; l && format <= LIQUID_XML; format++)
        render(l, body, format, format == LIQUID_XML);
    arena_free(&a);
    return 0;
}
