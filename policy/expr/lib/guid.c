/* Guid, Stopwatch. */
#include <string.h>

#include "platform/clock.h"
#include "platform/crypto.h"
#include "policy/expr/lib/time.h"

/* ---- Guid ---- */

static struct expr_value guid_value(struct vm *vm, const uint8_t bytes[16])
{
    uint8_t *p = vm_alloc(vm, 16);

    if (!p)
        return expr_value_null();
    memcpy(p, bytes, 16);
    return (struct expr_value){ .kind = EXPR_GUID, .p = p };
}

NATIVE(guid_empty)
{
    static const uint8_t zero[16];

    return (struct expr_value){ .kind = EXPR_GUID, .p = zero };
}

NATIVE(guid_new_guid)
{
    uint8_t bytes[16];

    crypto_random(bytes, sizeof bytes);
    bytes[7] = (uint8_t)((bytes[7] & 0x0f) | 0x40); /* version 4: RFC 9562 5.4 */
    bytes[8] = (uint8_t)((bytes[8] & 0x3f) | 0x80);
    return guid_value(vm, bytes);
}

static bool read_hex(struct slice s, bool dashes, uint8_t out[16])
{
    static const uint8_t order[16] = { 3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15 };
    size_t at = 0;

    if (s.n != (dashes ? 36u : 32u))
        return false;
    for (unsigned i = 0; i < 16; i++) {
        if (dashes && (i == 4 || i == 6 || i == 8 || i == 10) && s.p[at++] != '-')
            return false;
        int high = ascii_hex_value(s.p[at]), low = ascii_hex_value(s.p[at + 1]);
        if (high < 0 || low < 0)
            return false;
        out[order[i]] = (uint8_t)(high << 4 | low);
        at += 2;
    }
    return true;
}

/* {0xdddddddd,0xdddd,0xdddd,{0xdd,...}}: the digits alone tell. */
static bool read_x(struct slice s, uint8_t out[16])
{
    char digits[32];
    static const uint8_t widths[11] = { 8, 4, 4, 2, 2, 2, 2, 2, 2, 2, 2 };
    size_t n = 0;

    for (unsigned f = 0; f < 11; f++) {
        ptrdiff_t at = slice_find(s, SLICE("0x"));
        if (at < 0)
            return false;
        s = slice_skip(s, (size_t)at + 2);
        size_t have = 0;
        while (have < s.n && ascii_hex_value(s.p[have]) >= 0)
            have++;
        if (have == 0 || have > widths[f])
            return false;
        for (size_t i = have; i < widths[f]; i++)
            digits[n++] = '0';
        memcpy(digits + n, s.p, have);
        n += have;
        s = slice_skip(s, have);
    }
    return slice_eq(s, SLICE("}}")) && read_hex(slice_of(digits, n), false, out);
}

/* format: D N B P X, or 0 for any. */
static bool read_guid(struct slice s, char format, uint8_t out[16])
{
    s = slice_trim(s);
    bool braces = s.n > 2 && s.p[0] == '{' && s.p[s.n - 1] == '}', brackets = s.n > 2 && s.p[0] == '(' && s.p[s.n - 1] == ')';

    switch (format) {
    case 'D':
        return read_hex(s, true, out);
    case 'N':
        return read_hex(s, false, out);
    case 'B':
        return braces && read_hex(slice_sub(s, 1, s.n - 1), true, out);
    case 'P':
        return brackets && read_hex(slice_sub(s, 1, s.n - 1), true, out);
    case 'X':
        return braces && read_x(s, out);
    case 0:
        return read_hex(s, true, out) || read_hex(s, false, out) ||
               ((braces || brackets) && read_hex(slice_sub(s, 1, s.n - 1), true, out)) || (braces && read_x(s, out));
    default:
        return false;
    }
}

static char guid_format(struct expr_value format)
{
    struct slice f = format.kind == EXPR_STRING ? text_slice(format) : SLICE_NONE;

    return f.n == 1 ? ascii_upper(f.p[0]) : '?';
}

static struct expr_value parse_guid(struct vm *vm, struct expr_value text, char format, const char *param)
{
    uint8_t bytes[16];

    if (text.kind == EXPR_NULL)
        return vm_throw_arg_null(vm, param);
    if (read_guid(text_slice(text), format, bytes))
        return guid_value(vm, bytes);
    return vm_throw(vm, TYPE_FORMATEXCEPTION, "Unrecognized Guid format.");
}

static struct expr_value try_guid(struct vm *vm, struct expr_value text, char format, struct expr_value *out)
{
    uint8_t bytes[16] = { 0 };
    bool ok = text.kind == EXPR_STRING && read_guid(text_slice(text), format, bytes);

    if (!ok)
        memset(bytes, 0, sizeof bytes);
    *out = guid_value(vm, bytes);
    return val_bool(ok);
}

NATIVE(guid_new)
{
    return parse_guid(vm, a[0], 0, "g");
}

NATIVE(guid_parse)
{
    return parse_guid(vm, a[0], 0, "input");
}

NATIVE(guid_parse_exact)
{
    char format = guid_format(a[1]);

    if (!memchr("DNBPX", format, 5))
        return vm_throw(vm, TYPE_FORMATEXCEPTION, "Format string can be only \"D\", \"d\", \"N\", \"n\", \"P\", \"p\", \"B\", \"b\", "
                        "\"X\" or \"x\".");
    return parse_guid(vm, a[0], format, "input");
}

NATIVE(guid_try_parse)
{
    return try_guid(vm, a[0], 0, &a[1]);
}

NATIVE(guid_try_parse_exact)
{
    return try_guid(vm, a[0], guid_format(a[1]), &a[2]);
}

NATIVE(guid_new_bytes)
{
    const struct bytes_object *bytes = a[0].kind == EXPR_OBJECT ? OBJECT(a[0], bytes_object) : NULL;

    if (!bytes)
        return vm_throw_arg_null(vm, "b");
    if (bytes->n != 16)
        return vm_throw(vm, TYPE_ARGUMENTEXCEPTION, "Byte array for Guid must be exactly 16 bytes long. (Parameter 'b')");
    return guid_value(vm, bytes->p);
}

/* (a, b, c, eight bytes or an array of them): the numbers are little-endian. */
NATIVE(guid_new_parts)
{
    uint8_t b[16];
    const struct bytes_object *rest = site->n == 4 && a[3].kind == EXPR_OBJECT ? OBJECT(a[3], bytes_object) : NULL;

    if (site->n == 4 && !rest)
        return vm_throw_arg_null(vm, "d");
    if (rest && rest->n != 8)
        return vm_throw(vm, TYPE_ARGUMENTEXCEPTION, "Byte array for Guid must be exactly 8 bytes long. (Parameter 'd')");
    for (unsigned i = 0; i < 8; i++)
        b[i] = (uint8_t)(i < 4 ? a[0].u >> 8 * i : i < 6 ? a[1].u >> 8 * (i - 4) : a[2].u >> 8 * (i - 6));
    for (unsigned i = 0; i < 8; i++)
        b[8 + i] = rest ? rest->p[i] : (uint8_t)a[3 + i].i;
    return guid_value(vm, b);
}

NATIVE(guid_to_bytes)
{
    return bytes_make(vm, a[0].p, 16);
}

/* ---- Stopwatch ---- */

struct stopwatch_object {
    struct object head;
    uint64_t started, elapsed; /* nanoseconds */
    bool running;
};

NATIVE(stopwatch_new)
{
    struct stopwatch_object *w = vm_new(vm, struct stopwatch_object);

    if (!w)
        return expr_value_null();
    memset(w, 0, sizeof *w);
    w->head.type = TYPE_OF(STOPWATCH);
    return object_value(w);
}

NATIVE(stopwatch_start)
{
    struct stopwatch_object *w = OBJECT(a[0], stopwatch_object);

    if (!w->running)
        w->started = clock_mono_ns();
    w->running = true;
    return expr_value_null();
}

NATIVE(stopwatch_start_new)
{
    struct expr_value v = net_stopwatch_new(vm, site, a);

    if (v.kind == EXPR_OBJECT)
        net_stopwatch_start(vm, site, &v);
    return v;
}

static uint64_t elapsed(const struct stopwatch_object *w)
{
    return w->elapsed + (w->running ? clock_mono_ns() - w->started : 0);
}

NATIVE(stopwatch_stop)
{
    struct stopwatch_object *w = OBJECT(a[0], stopwatch_object);

    w->elapsed = elapsed(w);
    w->running = false;
    return expr_value_null();
}

NATIVE(stopwatch_reset)
{
    struct stopwatch_object *w = OBJECT(a[0], stopwatch_object);

    w->elapsed = 0;
    w->running = false;
    return expr_value_null();
}

NATIVE(stopwatch_restart)
{
    net_stopwatch_reset(vm, site, a);
    return net_stopwatch_start(vm, site, a);
}

NATIVE(stopwatch_is_running)
{
    return val_bool(OBJECT(a[0], stopwatch_object)->running);
}

NATIVE(stopwatch_elapsed)
{
    return val_span((int64_t)(elapsed(OBJECT(a[0], stopwatch_object)) / 100));
}

NATIVE(stopwatch_elapsed_ms)
{
    return val_long((int64_t)(elapsed(OBJECT(a[0], stopwatch_object)) / NS_PER_MS));
}

NATIVE(stopwatch_elapsed_ticks)
{
    return val_long((int64_t)elapsed(OBJECT(a[0], stopwatch_object)));
}

/* Ticks of a nanosecond, as on Linux. */
NATIVE(stopwatch_frequency)
{
    return val_long(1000000000);
}

NATIVE(stopwatch_high_resolution)
{
    return val_bool(true);
}

NATIVE(stopwatch_timestamp)
{
    return val_long((int64_t)clock_mono_ns());
}
