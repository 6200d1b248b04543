/* Policy documents of any bytes: the front maps every byte back into the source, what it accepts is told from
 * what libxml2 accepts, and compiling ends in diagnostics, never in a crash. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "platform/xml.h"
#include "policy/check.h"
#include "policy/front.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_places(const struct front *f)
{
    size_t before = 0;

    for (size_t i = 0; i < f->text.n; i++) {
        size_t at = front_offset(f, i);
        assert(at <= f->source.n && at >= before);
        before = at;
    }
}

static void check_front(struct arena *a, struct slice source)
{
    struct front_error ferr = { 0 };
    struct xml_error xerr = { 0 };
    struct front f;

    if (!front_read(a, source, &f, &ferr)) {
        assert(ferr.offset <= source.n && ferr.message[0]);
        return;
    }
    check_places(&f);
    if (!xml_parse(a, f.text, NULL, &xerr))
        assert(xerr.offset <= f.text.n && xerr.message[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice source = slice_of(data, size);
    struct arena a;

    arena_init_growing(&a, 64u << 20);
    check_front(&a, source);
    const struct policy_diagnostics *d = policy_check(&a, source, "fuzz.xml");
    for (size_t i = 0; i < d->n; i++)
        assert(d->v[i].line >= 1 && d->v[i].column >= 1 && d->v[i].message.n);
    arena_free(&a);
    return 0;
}
