/* Values at the engine's border: made from and read as C data, printed, copied. */
#include <math.h>

#include "platform/base/utf8.h"
#include "policy/expr/decimal.h"
#include "policy/expr/format.h"
#include "policy/expr/lib/json.h"
#include "policy/expr/lib/lib.h"
#include "policy/expr/lib/number_parse.h"

#define UNIX_TICKS INT64_C(621355968000000000)

struct expr_value expr_value_from_text(struct arena *a, struct slice text)
{
    struct buf b;

    if (slice_is_ascii(text))
        return text_ascii(text);
    if (utf8_is_valid(text))
        return text_value(text);
    if (!a)
        return TEXT("");
    buf_init(&b, a);
    for (size_t i = 0; i < text.n; i++)
        text_put_unit(&b, (unsigned char)text.p[i]);
    return text_value(buf_slice(&b));
}

struct expr_value expr_value_from_bool(bool b)
{
    return val_bool(b);
}

struct expr_value expr_value_from_int(int32_t i)
{
    return val_int(i);
}

struct expr_value expr_value_from_long(int64_t i)
{
    return val_long(i);
}

struct expr_value expr_value_from_double(double d)
{
    return val_double(d);
}

struct expr_value expr_value_from_bytes(struct arena *a, struct slice bytes)
{
    struct bytes_object *o = arena_new(a, struct bytes_object);

    if (!o)
        return expr_value_null();
    o->head.type = &type_bytes;
    o->p = (uint8_t *)bytes.p;
    o->n = (uint32_t)bytes.n;
    return object_value(o);
}

struct expr_value expr_value_from_unix_ns(uint64_t ns)
{
    return (struct expr_value){ .kind = EXPR_DATETIME, .aux = 1, .i = UNIX_TICKS + (int64_t)(ns / 100) };
}

struct expr_value expr_value_from_message(const struct expr_message *m, bool is_response)
{
    return (struct expr_value){ .kind = EXPR_HOST, .aux = is_response ? TYPE_IRESPONSE : TYPE_IREQUEST, .p = m };
}

/* A machine for work outside an evaluation: no host, no pause. */
static void border_vm(struct vm *vm, struct expr_run *run, struct arena *a)
{
    *run = (struct expr_run){ .arena = a };
    vm_begin(vm, run);
}

bool expr_value_from_json(struct arena *a, struct slice text, struct expr_value *out)
{
    struct expr_run run;
    struct vm vm;
    struct jtoken *t;

    border_vm(&vm, &run, a);
    t = json_read(&vm, text, TYPE_JTOKEN);
    *out = t ? object_value(t) : expr_value_null();
    return t != NULL;
}

bool expr_value_text(struct arena *a, struct expr_value v, struct slice *text)
{
    struct expr_run run;
    struct vm vm;

    *text = SLICE_NONE;
    if (v.kind == EXPR_NULL)
        return true;
    if (v.kind == EXPR_STRING) {
        *text = slice_of(v.n ? v.s : "", v.n);
        return true;
    }
    border_vm(&vm, &run, a);
    *text = value_text(&vm, v);
    if (!text->p)
        *text = SLICE("");
    return !vm.thrown && !a->overflow;
}

bool expr_value_bool(struct expr_value v, bool *out)
{
    struct slice s;

    if (v.kind == EXPR_BOOL) {
        *out = v.i != 0;
        return true;
    }
    if (v.kind != EXPR_STRING)
        return false;
    s = slice_trim(text_slice(v));
    *out = slice_eq_icase(s, SLICE("true"));
    return *out || slice_eq_icase(s, SLICE("false"));
}

bool expr_value_double(struct expr_value v, double *out)
{
    struct expr_value number;

    if (v.kind == EXPR_STRING) {
        if (number_from_text(NULL, text_slice(v), STYLES_FLOAT | STYLE_THOUSANDS, EXPR_F64, &number) != PARSED)
            return false;
        *out = number.d;
        return true;
    }
    if (v.kind < EXPR_I8 || v.kind > EXPR_DECIMAL || op_convert(NULL, EXPR_F64, false, v, &number) != OP_FINE)
        return false;
    *out = number.d;
    return true;
}

bool expr_value_int(struct expr_value v, int64_t *out)
{
    struct expr_value number;
    double d;

    if (v.kind == EXPR_STRING) {
        if (number_from_text(NULL, text_slice(v), STYLES_INTEGER, EXPR_I64, &number) != PARSED)
            return false;
        *out = number.i;
        return true;
    }
    if ((v.kind >= EXPR_I8 && v.kind <= EXPR_I64) || v.kind == EXPR_ENUM) {
        *out = v.i;
        return true;
    }
    if (v.kind == EXPR_DECIMAL)
        return decimal_to_i64(decimal_of(v), out) && decimal_cmp(decimal_of(v), decimal_from_i64(*out)) == 0;
    if (!expr_value_double(v, &d) || trunc(d) != d || fabs(d) > 9e18)
        return false;
    *out = (int64_t)d;
    return true;
}

bool expr_value_is_bytes(struct expr_value v)
{
    return v.kind == EXPR_OBJECT && type_eq(type_of_value(v), &type_bytes);
}

bool expr_value_is_text(struct expr_value v)
{
    return v.kind == EXPR_STRING;
}

bool expr_value_bytes(struct arena *a, struct expr_value v, struct slice *out)
{
    if (!expr_value_is_bytes(v))
        return expr_value_text(a, v, out);
    *out = slice_of(OBJECT(v, bytes_object)->p, OBJECT(v, bytes_object)->n);
    if (!out->p)
        *out = SLICE("");
    return true;
}

const struct expr_message *expr_value_message(struct expr_value v)
{
    return v.kind == EXPR_HOST && (v.aux == TYPE_IRESPONSE || v.aux == TYPE_IREQUEST) ? v.p : NULL;
}

bool expr_value_is_basic(struct expr_value v)
{
    return v.kind <= EXPR_GUID;
}

struct slice expr_value_type_name(struct arena *a, struct expr_value v)
{
    struct buf b;

    if (v.kind == EXPR_NULL)
        return SLICE_NONE;
    buf_init(&b, a);
    type_print_full(&b, type_of_value(v));
    return buf_slice(&b);
}

static bool copy_value(struct vm *vm, struct expr_value v, struct expr_value *out);

static bool copy_token(struct vm *vm, const struct jtoken *t, struct jtoken **out)
{
    struct jtoken *copy = json_new(vm, t->head.type->id, (enum json_kind)t->kind), *child;

    *out = copy;
    if (!copy || !copy_value(vm, t->value, &copy->value))
        return false;
    for (uint32_t i = 0; i < t->n; i++)
        if (!copy_token(vm, t->items[i], &child) || !json_append(vm, copy, child))
            return false;
    return true;
}

static bool copy_list(struct vm *vm, const struct list_object *from, struct expr_value *out)
{
    struct list_object *l = list_make(vm, type_keep(vm->arena, from->head.type), from->n);

    for (uint32_t i = 0; l && i < from->n; i++)
        if (!copy_value(vm, from->items[i], &l->items[l->n++]))
            return false;
    *out = object_value(l);
    return l != NULL;
}

static bool copy_dict(struct vm *vm, const struct dict_object *from, struct expr_value *out)
{
    struct dict_object *d = dict_make(vm, type_keep(vm->arena, from->head.type), from->comparer);
    struct expr_value key, value;

    for (uint32_t i = 0; d && i < from->n; i++)
        if (from->entries[i].live &&
            (!copy_value(vm, from->entries[i].key, &key) || !copy_value(vm, from->entries[i].value, &value) || !dict_put(vm, d, key, value)))
            return false;
    *out = object_value(d);
    return d != NULL;
}

static bool copy_object(struct vm *vm, struct expr_value v, struct expr_value *out)
{
    const struct type *t = type_of_value(v);
    struct expr_value fields[16];
    const struct tuple_object *o = v.p;
    struct jtoken *token;

    switch (t->id) {
    case TYPE_LIST:
    case TYPE_QUEUE:
    case TYPE_STACK:
    case TYPE_READONLYCOLLECTION:
        return copy_list(vm, v.p, out);
    case TYPE_DICTIONARY:
    case TYPE_HASHSET:
    case TYPE_SORTEDDICTIONARY:
    case TYPE_SORTEDSET:
        return copy_dict(vm, v.p, out);
    case TYPE_ARRAY:
        if (!type_eq(t, &type_bytes))
            return copy_list(vm, v.p, out);
        *out = bytes_make(vm, OBJECT(v, bytes_object)->p, OBJECT(v, bytes_object)->n);
        return !vm->thrown;
    case TYPE_ANONYMOUS:
    case TYPE_TUPLE:
    case TYPE_VALUETUPLE:
    case TYPE_KEYVALUEPAIR:
    case TYPE_JWT:
    case TYPE_BASICAUTHCREDENTIALS:
    case TYPE_AUTHORIZATION:
        for (uint32_t i = 0; i < o->n && i < 16; i++)
            if (!copy_value(vm, o->f[i], &fields[i]))
                return false;
        *out = tuple_make(vm, type_keep(vm->arena, t), o->n, fields);
        return !vm->thrown;
    default:
        if (!jtoken_is(v) || !copy_token(vm, v.p, &token))
            return false;
        *out = object_value(token);
        return true;
    }
}

static bool copy_value(struct vm *vm, struct expr_value v, struct expr_value *out)
{
    *out = v;
    switch (v.kind) {
    case EXPR_STRING:
        out->s = arena_copy(vm->arena, text_slice(v)).p;
        if (v.n == 0)
            out->s = "";
        break;
    case EXPR_DECIMAL:
        *out = decimal_value(vm->arena, decimal_of(v));
        break;
    case EXPR_GUID:
        out->p = arena_copy(vm->arena, slice_of(v.p, 16)).p;
        break;
    case EXPR_HOST:
        return false;
    case EXPR_OBJECT:
        if (vm->depth_left == 0)
            return false;
        vm->depth_left--;
        if (!copy_object(vm, v, out))
            return false;
        vm->depth_left++;
        break;
    default:
        break;
    }
    return !vm->arena->overflow;
}

bool expr_value_copy(struct arena *to, struct expr_value v, struct expr_value *out)
{
    struct expr_run run;
    struct vm vm;

    border_vm(&vm, &run, to);
    return copy_value(&vm, v, out);
}

/* ---- printing ---- */

static void put_base64(struct buf *b, const uint8_t *p, size_t n)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    for (size_t i = 0; i < n; i += 3) {
        uint32_t w = (uint32_t)p[i] << 16 | (i + 1 < n ? (uint32_t)p[i + 1] << 8 : 0) | (i + 2 < n ? p[i + 2] : 0u);

        buf_putc(b, digits[w >> 18]);
        buf_putc(b, digits[w >> 12 & 63]);
        buf_putc(b, i + 1 < n ? digits[w >> 6 & 63] : '=');
        buf_putc(b, i + 2 < n ? digits[w & 63] : '=');
    }
}

static void print_json(struct vm *vm, struct buf *b, struct expr_value v, unsigned depth);

static void print_fields(struct vm *vm, struct buf *b, const struct tuple_object *o, unsigned depth)
{
    const struct type *t = o->head.type;

    buf_putc(b, '{');
    for (uint32_t i = 0; i < o->n; i++) {
        if (i)
            buf_putc(b, ',');
        if (t->id == TYPE_ANONYMOUS)
            buf_put_json(b, t->names[i]);
        else if (t->id == TYPE_KEYVALUEPAIR)
            buf_puts(b, i ? "\"Value\"" : "\"Key\"");
        else
            buf_printf(b, "\"Item%u\"", i + 1);
        buf_putc(b, ':');
        print_json(vm, b, o->f[i], depth);
    }
    buf_putc(b, '}');
}

static void print_text(struct vm *vm, struct buf *b, struct expr_value v, unsigned depth);

static void print_entries(struct vm *vm, struct buf *b, struct expr_value v, unsigned depth)
{
    struct iter it;
    struct expr_value x;
    bool first = true;

    buf_putc(b, '{');
    if (!iter_open(vm, v, &it))
        return;
    while (iter_next(vm, &it, &x) > 0) {
        struct buf key;

        if (!first)
            buf_putc(b, ',');
        first = false;
        buf_init(&key, vm->arena);
        print_text(vm, &key, OBJECT(x, tuple_object)->f[0], depth);
        buf_put_json(b, buf_slice(&key));
        buf_putc(b, ':');
        print_json(vm, b, OBJECT(x, tuple_object)->f[1], depth);
    }
    buf_putc(b, '}');
}

static bool is_tuple(const struct type *t)
{
    return t->id == TYPE_ANONYMOUS || t->id == TYPE_TUPLE || t->id == TYPE_KEYVALUEPAIR;
}

static void print_sequence(struct vm *vm, struct buf *b, struct expr_value v, unsigned depth)
{
    const struct type *t = type_of_value(v), *element = type_element(vm->arena, t);
    struct iter it;
    struct expr_value x;
    bool first = true;

    if (depth == 0) {
        vm_throw_budget(vm, "depth");
        return;
    }
    if (element && type_is(element, TYPE_KEYVALUEPAIR) && t->id != TYPE_LIST && t->id != TYPE_ARRAY && t->id != TYPE_SEQUENCE) {
        print_entries(vm, b, v, depth - 1);
        return;
    }
    buf_putc(b, '[');
    if (!iter_open(vm, v, &it))
        return;
    while (iter_next(vm, &it, &x) > 0) {
        if (!first)
            buf_putc(b, ',');
        first = false;
        print_json(vm, b, x, depth - 1);
        if (b->failed || !vm_charge(vm, 1))
            return;
    }
    buf_putc(b, ']');
}

/* Walked element by element when printed: strings, XML and tokens are not. */
static bool is_sequence(struct vm *vm, struct expr_value v)
{
    const struct type *t = type_of_value(v);

    return (v.kind == EXPR_OBJECT || v.kind == EXPR_HOST) && !jtoken_is(v) && type_element(vm->arena, t) != NULL;
}

static void print_text(struct vm *vm, struct buf *b, struct expr_value v, unsigned depth)
{
    if (vm->thrown)
        return;
    if (v.kind == EXPR_NULL)
        buf_puts(b, "null");
    else if (v.kind == EXPR_BOOL)
        buf_puts(b, v.i ? "true" : "false");
    else if (v.kind == EXPR_DATETIME || v.kind == EXPR_OFFSETTIME)
        buf_put(b, text_slice(format_time(vm, v, SLICE("o"))));
    else if (expr_value_is_bytes(v))
        put_base64(b, OBJECT(v, bytes_object)->p, OBJECT(v, bytes_object)->n);
    else if (jtoken_is(v))
        json_print(vm, b, OBJECT(v, jtoken), false);
    else if (v.kind == EXPR_OBJECT && value_print_hook(vm, b, v))
        return;
    else if (is_sequence(vm, v))
        print_sequence(vm, b, v, depth);
    else if (v.kind == EXPR_OBJECT && is_tuple(type_of_value(v)))
        print_fields(vm, b, OBJECT(v, tuple_object), depth);
    else
        buf_put(b, value_text(vm, v));
}

static void print_json(struct vm *vm, struct buf *b, struct expr_value v, unsigned depth)
{
    struct buf text;

    if (vm->thrown)
        return;
    if (v.kind == EXPR_NULL || v.kind == EXPR_BOOL || (v.kind >= EXPR_I8 && v.kind <= EXPR_DECIMAL) || jtoken_is(v) ||
        (is_sequence(vm, v) && !expr_value_is_bytes(v)) || (v.kind == EXPR_OBJECT && is_tuple(type_of_value(v)))) {
        print_text(vm, b, v, depth);
        return;
    }
    buf_init(&text, vm->arena);
    print_text(vm, &text, v, depth);
    buf_put_json(b, buf_slice(&text));
}

/* XNode prints itself without formatting: the type's line `"<print>", "string ()"`. */
bool value_print_hook(struct vm *vm, struct buf *b, struct expr_value v)
{
    expr_native *fn = value_method(type_of_value(v), "<print>", "string ()");
    struct expr_value args[2] = { v };

    if (!fn)
        return false;
    args[0] = fn(vm, NULL, args);
    if (!vm->thrown)
        buf_put(b, text_slice(args[0]));
    return true;
}

bool expr_print(struct expr_run *run, struct expr_value v, struct slice *text, struct expr_exception *exc)
{
    struct vm vm;
    struct buf b;

    expr_keep(run);
    vm_begin(&vm, run);
    buf_init(&b, run->arena);
    print_text(&vm, &b, v, 60);
    if (b.failed || run->arena->overflow)
        vm_throw_budget(&vm, "memory");
    if (vm.thrown) {
        vm_give_exception(&vm, exc);
        return false;
    }
    *text = buf_slice(&b);
    if (!text->p)
        *text = SLICE("");
    return true;
}
