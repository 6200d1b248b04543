/* WebUtility, HttpUtility. */
#include "policy/expr/lib/percent.h"
#include "policy/expr/lib/string_int.h"

static const struct percent_style web_style = { .safe = "-_.!*()", .plus = true };
static const struct percent_style http_style = { .safe = "-_.!*()", .plus = true, .lower = true };

NATIVE(web_url_encode)
{
    return a[0].kind == EXPR_NULL ? a[0] : percent_encode(vm, text_slice(a[0]), &web_style);
}

NATIVE(http_url_encode)
{
    return a[0].kind == EXPR_NULL ? a[0] : percent_encode(vm, text_slice(a[0]), &http_style);
}

NATIVE(web_url_decode)
{
    return a[0].kind == EXPR_NULL ? a[0] : percent_decode(vm, text_slice(a[0]), true);
}

/* U+00A0..U+00FF and what is beyond the BMP become numbers, as .NET does; the rest of Unicode stays. */
NATIVE(web_html_encode)
{
    struct buf b;
    uint32_t cp;
    size_t n;

    if (a[0].kind == EXPR_NULL)
        return a[0];
    if (!vm_charge(vm, a[0].n / 64))
        return expr_value_null();
    buf_init(&b, vm->arena);
    for (const char *p = a[0].s; (n = text_decode(p, a[0].s + a[0].n, &cp)); p += n) {
        switch (cp) {
        case '<': buf_puts(&b, "&lt;"); continue;
        case '>': buf_puts(&b, "&gt;"); continue;
        case '"': buf_puts(&b, "&quot;"); continue;
        case '\'': buf_puts(&b, "&#39;"); continue;
        case '&': buf_puts(&b, "&amp;"); continue;
        default: break;
        }
        if ((cp >= 0xa0 && cp < 0x100) || cp > 0xffff)
            buf_printf(&b, "&#%u;", (unsigned)cp);
        else
            buf_put(&b, slice_of(p, n));
    }
    return b.failed ? vm_throw_budget(vm, "memory") : text_value(buf_slice(&b));
}
