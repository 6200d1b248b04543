/* Characters of patterns: escapes, classes in brackets, and errors. */
#include "policy/expr/lib/rx_parse_int.h"
#include "policy/expr/text.h"

#include <stdio.h>

/* ---- errors ---- */

void *rx_fail(struct rx_parser *x, const char *fmt, ...)
{
    va_list args;

    if (!x->failed) {
        x->failed = true;
        x->err->offset = x->at;
        va_start(args, fmt);
        vsnprintf(x->err->text, sizeof x->err->text, fmt, args);
        va_end(args);
    }
    return NULL;
}

void *rx_no_memory(struct rx_parser *x)
{
    return rx_fail(x, "The pattern is too large.");
}

struct rx_set *rx_new_set(struct rx_parser *x)
{
    struct rx_set *s = arena_new(x->rx->arena, struct rx_set);

    return s ? s : rx_no_memory(x);
}

/* ---- escapes ---- */

static uint32_t take_hex(struct rx_parser *x, unsigned n)
{
    uint32_t v = 0;

    for (unsigned i = 0; i < n; i++, x->at++) {
        int d = rx_more(x) && x->p[x->at] < 128 ? ascii_hex_value((char)x->p[x->at]) : -1;

        if (d < 0) {
            rx_fail(x, "Insufficient or invalid hexadecimal digits.");
            return 0;
        }
        v = v << 4 | (uint32_t)d;
    }
    return v;
}

static uint32_t take_octal(struct rx_parser *x)
{
    uint32_t v = 0;

    for (unsigned i = 0; i < 3 && rx_more(x) && x->p[x->at] >= '0' && x->p[x->at] <= '7'; i++) {
        v = v * 8 + (x->p[x->at++] - '0');
        if (rx_has(x, RX_ECMASCRIPT) && v >= 32)
            break;
    }
    return v & 0xff;
}

static uint32_t take_control(struct rx_parser *x)
{
    uint32_t c;

    if (!rx_more(x)) {
        rx_fail(x, "Missing control character.");
        return 0;
    }
    c = x->p[x->at++];
    if (c >= 'a' && c <= 'z')
        c -= 32;
    if (c < '@' || c > '_') {
        rx_fail(x, "Unrecognized control character.");
        return 0;
    }
    return c - '@';
}

/* What stands behind a backslash, as one character. */
uint32_t rx_take_escape(struct rx_parser *x)
{
    uint32_t c = x->p[x->at++];

    if (c >= '0' && c <= '7') {
        x->at--;
        return take_octal(x);
    }
    switch (c) {
    case 'x': return take_hex(x, 2);
    case 'u': return take_hex(x, 4);
    case 'a': return 7;
    case 'b': return 8;
    case 'e': return 27;
    case 'f': return 12;
    case 'n': return 10;
    case 'r': return 13;
    case 't': return 9;
    case 'v': return 11;
    case 'c': return take_control(x);
    default:
        if (!rx_has(x, RX_ECMASCRIPT) && rx_is_word(c)) {
            struct buf b;

            buf_init(&b, x->rx->arena);
            rx_put_units(&b, x->p + x->at - 1, 1);
            rx_fail(x, "Unrecognized escape sequence \\%.*s.", SLICE_ARG(buf_slice(&b)));
        }
        return c;
    }
}

/* "{Name}" behind \p or \P. */
static bool take_property(struct rx_parser *x, struct rx_set *s, bool negate)
{
    struct buf b;
    uint32_t from;

    if (x->n - x->at < 3)
        return rx_fail(x, "Incomplete \\p{X} character escape.");
    if (!rx_take(x, '{'))
        return rx_fail(x, "Malformed \\p{X} character escape.");
    from = x->at;
    while (rx_more(x) && (rx_is_word(x->p[x->at]) || x->p[x->at] == '-'))
        x->at++;
    buf_init(&b, x->rx->arena);
    rx_put_units(&b, x->p + from, x->at - from);
    if (!rx_take(x, '}'))
        return rx_fail(x, "Incomplete \\p{X} character escape.");
    if (!rx_set_add_property(x->rx->arena, s, buf_slice(&b), negate))
        return rx_fail(x, "Unknown property '%.*s'.", SLICE_ARG(slice_first(buf_slice(&b), 80)));
    return true;
}

/* ---- classes ---- */

/* \d \w \s \p inside brackets: true when c was one. */
bool rx_class_escape(struct rx_parser *x, struct rx_set *s, uint32_t c, bool in_range)
{
    if (!c || c > 127 || !strchr("dDwWsSpP", (int)c))
        return false;
    x->at++;
    if (in_range) {
        rx_fail(x, "Cannot include class \\%c in character range.", (int)c);
        return true;
    }
    if (c == 'p' || c == 'P')
        take_property(x, s, c == 'P');
    else if (!rx_set_add_class(x->rx->arena, s, (char)c, rx_has(x, RX_ECMASCRIPT)))
        rx_no_memory(x);
    return true;
}

/* "-[...]" before the closing bracket; the cursor is behind "-". */
static void parse_subtraction(struct rx_parser *x, struct rx_set *s)
{
    x->at++;
    s->minus = rx_parse_class(x);
    if (!x->failed && (!rx_more(x) || x->p[x->at] != ']'))
        rx_fail(x, "A subtraction must be the last element in a character class.");
}

/* class := ['^'] [']'] { char | char '-' char | escape } ['-[' class ']'] ']'   behind the opening bracket */
struct rx_set *rx_parse_class(struct rx_parser *x)
{
    struct rx_set *s = rx_new_set(x);
    bool first = true, in_range = false;
    uint32_t from = 0;

    if (++x->depth > RX_DEPTH_MAX)
        return rx_fail(x, "The pattern is nested too deeply.");
    if (s)
        s->negated = rx_take(x, '^');
    for (; rx_more(x); first = false) {
        uint32_t c = x->p[x->at++];
        bool escaped = false;

        if (c == ']' && !first) {
            x->depth--;
            if (rx_has(x, RX_IGNORE_CASE) && !rx_set_add_other_case(x->rx->arena, s))
                return rx_no_memory(x);
            rx_set_finish(s);
            return s;
        }
        if (c == '\\' && rx_more(x)) {
            if (rx_class_escape(x, s, x->p[x->at], in_range))
                continue;
            c = x->p[x->at] == '-' ? x->p[x->at++] : rx_take_escape(x);
            escaped = true;
        }
        if (in_range) {
            in_range = false;
            if (c == '[' && !escaped) { /* it was no range: a subtraction behind a character */
                if (!rx_set_add(x->rx->arena, s, from, from))
                    return rx_no_memory(x);
                x->at--;
                parse_subtraction(x, s);
                continue;
            }
            if (from > c)
                return rx_fail(x, "[x-y] range in reverse order.");
            if (!rx_set_add(x->rx->arena, s, from, c))
                return rx_no_memory(x);
        } else if (rx_peek(x, 0) == '-' && x->at + 1 < x->n && rx_peek(x, 1) != ']') {
            from = c;
            in_range = true;
            x->at++;
        } else if (c == '-' && !escaped && rx_peek(x, 0) == '[' && !first) {
            parse_subtraction(x, s);
        } else if (!rx_set_add(x->rx->arena, s, c, c)) {
            return rx_no_memory(x);
        }
    }
    return rx_fail(x, "Unterminated [] set.");
}

bool rx_unescape(struct arena *a, struct slice text, struct buf *b, struct rx_error *err)
{
    struct rx rx = { .arena = a };
    struct rx_parser x = { .rx = &rx, .err = err };
    struct text_walk w = { text.p, text.p + text.n, 0 };
    uint16_t *units = arena_alloc_raw(a, (text.n + 1) * sizeof *units);
    uint32_t unit;

    if (!units)
        return rx_no_memory(&x);
    while (text_next(&w, &unit))
        units[x.n++] = (uint16_t)unit;
    x.p = units;
    while (rx_more(&x)) {
        uint32_t c = x.p[x.at++];

        if (c == '\\' && !rx_more(&x))
            return rx_fail(&x, "Illegal \\ at end of pattern.");
        text_put_unit(b, c == '\\' ? rx_take_escape(&x) : c);
    }
    return !x.failed;
}
