/* The token tree: building, cloning, writing, converting to C# values. */
#include <math.h>
#include <stdlib.h>

#include "platform/base/hash.h"
#include "policy/expr/decimal.h"
#include "policy/expr/format.h"
#include "policy/expr/lib/json.h"
#include "policy/expr/lib/lib.h"

struct jtoken *json_new(struct vm *vm, unsigned type, enum json_kind kind)
{
    struct jtoken *t = vm_new(vm, struct jtoken);

    if (!t)
        return NULL;
    t->head.type = &type_simple[type];
    t->kind = (uint8_t)kind;
    return t;
}

static enum json_kind kind_of(struct expr_value v)
{
    switch (v.kind) {
    case EXPR_NULL: return JSON_K_NULL;
    case EXPR_BOOL: return JSON_K_BOOLEAN;
    case EXPR_STRING: return JSON_K_STRING;
    case EXPR_F32:
    case EXPR_F64:
    case EXPR_DECIMAL: return JSON_K_FLOAT;
    case EXPR_DATETIME:
    case EXPR_OFFSETTIME: return JSON_K_DATE;
    case EXPR_TIMESPAN: return JSON_K_TIMESPAN;
    case EXPR_GUID: return JSON_K_GUID;
    case EXPR_ENUM: return JSON_K_INTEGER;
    default:
        if (v.kind >= EXPR_I8 && v.kind <= EXPR_U64)
            return JSON_K_INTEGER;
        if (v.kind == EXPR_OBJECT && strcmp(type_defs[type_of_value(v)->id].name, "Uri") == 0)
            return JSON_K_URI;
        return v.kind == EXPR_OBJECT && type_eq(type_of_value(v), &type_bytes) ? JSON_K_BYTES : JSON_K_UNDEFINED;
    }
}

struct jtoken *json_value(struct vm *vm, struct expr_value v)
{
    enum json_kind kind = kind_of(v);
    struct jtoken *t;

    if (kind == JSON_K_UNDEFINED) {
        struct slice name = value_reflection_name(vm, type_of_value(v));

        vm_throw(vm, TYPE_ARGUMENTEXCEPTION, "Could not determine JSON object type for type %.*s.", SLICE_ARG(name));
        return NULL;
    }
    t = json_new(vm, TYPE_JVALUE, kind);
    if (t)
        t->value = v;
    return t;
}

struct jtoken *json_content(struct vm *vm, struct expr_value v)
{
    return jtoken_is(v) ? OBJECT(v, jtoken) : json_value(vm, v);
}

/* ---- properties by name ---- */

/* Objects with more properties than this have them hashed. */
#define INDEX_FROM 16u

/* Hash table over an object's properties: slot = position + 1. Good while `valid`; hangs on the object's `value`, whose
 * kind stays null. */
struct property_index {
    bool valid;
    uint32_t mask;
    uint32_t slots[];
};

static struct property_index *index_of(const struct jtoken *o)
{
    return o->kind == JSON_K_OBJECT ? (struct property_index *)o->value.p : NULL;
}

static void drop_index(const struct jtoken *o)
{
    struct property_index *x = index_of(o);

    if (x)
        x->valid = false;
}

static void index_add(struct property_index *x, const struct jtoken *o, uint32_t at)
{
    uint32_t i = (uint32_t)hash_bytes(text_slice(o->items[at]->value)) & x->mask;

    while (x->slots[i])
        i = (i + 1) & x->mask;
    x->slots[i] = at + 1;
}

/* A property was put at o->items[at]. Without memory the object just has no index. */
static void index_put(struct vm *vm, struct jtoken *o, uint32_t at)
{
    struct property_index *x = index_of(o);

    if (o->kind != JSON_K_OBJECT || o->n <= INDEX_FROM)
        return;
    if (x && x->valid && at == o->n - 1 && o->n <= x->mask / 2) {
        index_add(x, o, at);
        return;
    }
    if (!x || o->n > x->mask / 2) {
        uint32_t room = x ? 2 * (x->mask + 1) : 8 * INDEX_FROM;

        x = arena_alloc(vm->arena, sizeof *x + room * sizeof *x->slots);
        if (!x)
            return;
        x->mask = room - 1;
        o->value.p = x;
    }
    memset(x->slots, 0, (x->mask + 1) * sizeof *x->slots);
    for (uint32_t i = 0; i < o->n; i++)
        index_add(x, o, i);
    x->valid = true;
}

struct jtoken *json_property(const struct jtoken *o, struct slice name)
{
    const struct property_index *x = index_of(o);

    if (x && x->valid) {
        for (uint32_t i = (uint32_t)hash_bytes(name) & x->mask; x->slots[i]; i = (i + 1) & x->mask)
            if (slice_eq(text_slice(o->items[x->slots[i] - 1]->value), name))
                return o->items[x->slots[i] - 1];
        return NULL;
    }
    for (uint32_t i = 0; i < o->n; i++)
        if (slice_eq(text_slice(o->items[i]->value), name))
            return o->items[i];
    return NULL;
}

/* ---- children ---- */

static const char *full_name(const struct jtoken *t)
{
    static const char *const names[] = { "", "JObject", "JArray", "JConstructor", "JProperty" };

    return t->kind <= JSON_K_PROPERTY ? names[t->kind] : t->kind == JSON_K_RAW ? "JRaw" : "JValue";
}

static bool is_above(const struct jtoken *maybe, const struct jtoken *t)
{
    for (; t; t = t->parent)
        if (t == maybe)
            return true;
    return false;
}

/* May child be put there? instead: the token it takes the place of, or NULL. */
static bool fits(struct vm *vm, const struct jtoken *to, const struct jtoken *child, const struct jtoken *instead)
{
    const struct jtoken *old;

    if (to->kind == JSON_K_PROPERTY && (to->n || instead) && child->kind != JSON_K_PROPERTY) {
        if (instead)
            return true;
        vm_throw(vm, TYPE_JSONEXCEPTION, "Newtonsoft.Json.Linq.JProperty cannot have multiple values.");
        return false;
    }
    if ((to->kind == JSON_K_OBJECT) != (child->kind == JSON_K_PROPERTY)) {
        vm_throw(vm, TYPE_ARGUMENTEXCEPTION, "Can not add Newtonsoft.Json.Linq.%s to Newtonsoft.Json.Linq.%s.", full_name(child), full_name(to));
        return false;
    }
    old = to->kind == JSON_K_OBJECT ? json_property(to, text_slice(child->value)) : NULL;
    if (old && old != instead) {
        vm_throw(vm, TYPE_ARGUMENTEXCEPTION,
                 "Can not add property %.*s to Newtonsoft.Json.Linq.JObject. Property with the same name already exists on object.",
                 (int)child->value.n, child->value.s);
        return false;
    }
    return true;
}

/* Keep the heights above child; a tree too high for the walks, which recurse, is refused. */
static bool raise_height(struct vm *vm, struct jtoken *to, const struct jtoken *child)
{
    for (unsigned h = child->height + 1u; to && to->height < h; to = to->parent, h++) {
        if (h > 2 * JSON_NESTING_MAX) {
            vm_throw_budget(vm, "depth");
            return false;
        }
        to->height = (uint16_t)h;
    }
    return true;
}

static bool insert(struct vm *vm, struct jtoken *to, uint32_t at, struct jtoken *child)
{
    if ((child->parent || is_above(child, to)) && !(child = json_clone(vm, child)))
        return false;
    if (to->n == to->room) {
        uint32_t room = to->room ? 2 * to->room : to->kind == JSON_K_PROPERTY ? 1 : 4;
        struct jtoken **grown = arena_grow(vm->arena, to->items, to->n * sizeof *grown, room * sizeof *grown);

        if (!grown) {
            vm_throw_budget(vm, "memory");
            return false;
        }
        to->items = grown;
        to->room = room;
    }
    if (!raise_height(vm, to, child))
        return false;
    memmove(to->items + at + 1, to->items + at, (to->n - at) * sizeof *to->items);
    child->parent = to;
    to->items[at] = child;
    to->n++;
    to->version++;
    index_put(vm, to, at);
    return true;
}

bool json_append(struct vm *vm, struct jtoken *to, struct jtoken *child)
{
    return child && insert(vm, to, to->n, child);
}

bool json_insert(struct vm *vm, struct jtoken *to, uint32_t at, struct jtoken *child)
{
    return child && fits(vm, to, child, NULL) && insert(vm, to, at, child) && vm_charge(vm, (to->n - at) / 64);
}

bool json_put(struct vm *vm, struct jtoken *to, uint32_t at, struct jtoken *value)
{
    if (!value || value == to->items[at])
        return value != NULL;
    if (!fits(vm, to, value, to->items[at]))
        return false;
    if ((value->parent || is_above(value, to)) && !(value = json_clone(vm, value)))
        return false;
    if (!raise_height(vm, to, value))
        return false;
    drop_index(to);
    to->version++;
    to->items[at]->parent = NULL;
    to->items[at] = value;
    value->parent = to;
    return true;
}

void json_remove(struct jtoken *from, uint32_t at)
{
    drop_index(from);
    from->version++;
    from->items[at]->parent = NULL;
    memmove(from->items + at, from->items + at + 1, (from->n - at - 1) * sizeof *from->items);
    from->n--;
}

uint32_t json_index(struct vm *vm, const struct jtoken *t)
{
    uint32_t i = 0;

    while (i < t->parent->n && t->parent->items[i] != t)
        i++;
    vm_charge(vm, i / 64);
    return i;
}

struct jtoken *json_clone(struct vm *vm, const struct jtoken *t)
{
    struct jtoken *copy;

    if (!vm_charge(vm, 1))
        return NULL;
    copy = json_new(vm, t->head.type->id, (enum json_kind)t->kind);
    if (!copy)
        return NULL;
    if (t->kind != JSON_K_OBJECT)
        copy->value = t->value;
    for (uint32_t i = 0; i < t->n; i++) {
        struct jtoken *child = json_clone(vm, t->items[i]);

        if (!child || !json_append(vm, copy, child))
            return NULL;
    }
    return copy;
}

bool json_set(struct vm *vm, struct jtoken *o, struct expr_value name, struct jtoken *value)
{
    struct jtoken *p;

    if (!value)
        return false;
    p = json_property(o, text_slice(name));
    if (p)
        return json_put(vm, p, 0, value);
    p = json_new(vm, TYPE_JPROPERTY, JSON_K_PROPERTY);
    if (!p)
        return false;
    p->value = name;
    return json_append(vm, p, value) && json_append(vm, o, p);
}

bool json_is_multi(struct vm *vm, struct expr_value content)
{
    return content.kind == EXPR_OBJECT && !jtoken_is(content) && !type_eq(type_of_value(content), &type_bytes) &&
           type_element(vm->arena, type_of_value(content));
}

bool json_insert_content(struct vm *vm, struct jtoken *to, uint32_t *at, struct expr_value content)
{
    struct iter it;
    struct expr_value x;
    int got;

    if (!json_is_multi(vm, content))
        return json_insert(vm, to, (*at)++, json_content(vm, content));
    if (!iter_open(vm, content, &it))
        return false;
    while ((got = iter_next(vm, &it, &x)) > 0)
        if (!json_insert_content(vm, to, at, x) || !vm_charge(vm, 1))
            return false;
    return got == 0;
}

bool json_add_content(struct vm *vm, struct jtoken *to, struct expr_value content)
{
    uint32_t at = to->n;

    return json_insert_content(vm, to, &at, content);
}

bool json_descendants(struct vm *vm, struct list_object *l, struct jtoken *t, bool self)
{
    if ((self && !list_append(vm, l, object_value(t))) || !vm_charge(vm, 1))
        return false;
    for (uint32_t i = 0; i < t->n; i++)
        if (!json_descendants(vm, l, t->items[i], true))
            return false;
    return true;
}

static bool open_list(struct vm *vm, struct seq_object *seq, struct iter *it)
{
    return iter_open(vm, seq->source, it);
}

struct expr_value json_sequence(struct vm *vm, const struct type *element, struct list_object *l)
{
    struct seq_object *seq = l ? vm_new(vm, struct seq_object) : NULL;

    if (!seq)
        return expr_value_null();
    seq->head.type = type_make1(vm->arena, TYPE_SEQUENCE, element);
    seq->open = open_list;
    seq->source = object_value(l);
    seq->element = element;
    return object_value(seq);
}

/* ---- comparing ---- */

static double as_double(struct expr_value v)
{
    return v.kind == EXPR_F64 ? v.d : v.kind == EXPR_F32 ? (double)v.f : v.kind == EXPR_DECIMAL ? decimal_to_double(decimal_of(v)) :
           v.kind == EXPR_U64 ? (double)v.u : (double)v.i;
}

static bool as_decimal(struct vm *vm, struct expr_value v, struct expr_value *out)
{
    return v.kind >= EXPR_I8 && v.kind <= EXPR_DECIMAL && op_convert(vm->arena, EXPR_DECIMAL, true, v, out) == OP_FINE;
}

static int compare_numbers(struct vm *vm, struct expr_value x, struct expr_value y, bool real)
{
    struct expr_value p, q;
    double d, e;

    if (!real && as_decimal(vm, x, &p) && as_decimal(vm, y, &q))
        return decimal_cmp(decimal_of(p), decimal_of(q));
    d = as_double(x);
    e = as_double(y);
    if (d == e || fabs(d - e) < (fabs(d) + fabs(e) + 10) * 2.2204460492503131E-16)
        return 0;
    return d < e ? -1 : 1;
}

int json_compare(struct vm *vm, enum json_kind kind, struct expr_value x, struct expr_value y)
{
    if (x.kind == EXPR_NULL || y.kind == EXPR_NULL)
        return x.kind == y.kind ? 0 : x.kind == EXPR_NULL ? -1 : 1;
    switch (kind) {
    case JSON_K_INTEGER:
    case JSON_K_FLOAT:
        if (y.kind == EXPR_STRING)
            y = val_double(strtod(arena_cstr(vm->arena, text_slice(y)), NULL));
        if (kind == JSON_K_INTEGER && y.kind != EXPR_F64 && y.kind != EXPR_F32 && x.kind != EXPR_F64 && x.kind != EXPR_F32)
            return compare_numbers(vm, x, y, false);
        return compare_numbers(vm, x, y, true);
    case JSON_K_STRING:
    case JSON_K_RAW:
        return text_compare_ordinal(value_to_string(vm, x), value_to_string(vm, y), false);
    default:
        return x.kind == y.kind ? (value_equals(vm, x, y) ? 0 : x.kind == EXPR_OBJECT ? 1 : value_compare(vm, x, y)) : 1;
    }
}

bool json_deep_equals(struct vm *vm, const struct jtoken *x, const struct jtoken *y)
{
    if (x == y)
        return true;
    if (!x || !y || x->kind != y->kind || x->n != y->n || !vm_charge(vm, 1))
        return false;
    if (!json_is_container(x))
        return json_compare(vm, (enum json_kind)x->kind, x->value, y->value) == 0;
    if ((x->kind == JSON_K_PROPERTY || x->kind == JSON_K_CONSTRUCTOR) && !slice_eq(text_slice(x->value), text_slice(y->value)))
        return false;
    for (uint32_t i = 0; i < x->n; i++) {
        const struct jtoken *other = x->kind == JSON_K_OBJECT ? json_property(y, text_slice(x->items[i]->value)) : y->items[i];

        if (!other || !json_deep_equals(vm, x->items[i], other))
            return false;
    }
    return true;
}

void json_put_step(struct vm *vm, struct buf *b, struct slice name)
{
    bool special = false;

    (void)vm;
    for (size_t i = 0; i < name.n; i++)
        special |= memchr(". '/\"[]()\t\n\r\f\b\\", name.p[i], 15) != NULL;
    if (!special) {
        if (b->n)
            buf_putc(b, '.');
        buf_put(b, name);
        return;
    }
    buf_puts(b, "['");
    for (size_t i = 0; i < name.n; i++) {
        if (name.p[i] == '\'' || name.p[i] == '\\')
            buf_putc(b, '\\');
        buf_putc(b, name.p[i]);
    }
    buf_puts(b, "']");
}

/* ---- writing ---- */

static void put_string(struct buf *b, struct slice s)
{
    buf_putc(b, '"');
    for (size_t i = 0; i < s.n; i++) {
        unsigned char ch = (unsigned char)s.p[i];
        const char *at = ch ? strchr("\"\"\\\\\nn\rr\tt\bb\ff", ch) : NULL;

        if (at && (ch == '"' || ch == '\\' || ch < 0x20)) {
            buf_putc(b, '\\');
            buf_putc(b, ch == '"' || ch == '\\' ? (char)ch : at[1]);
        } else if (ch < 0x20) {
            buf_printf(b, "\\u%04x", ch);
        } else if (ch == 0xC2 && i + 1 < s.n && (unsigned char)s.p[i + 1] == 0x85) {
            buf_puts(b, "\\u0085");
            i++;
        } else if (ch == 0xE2 && i + 2 < s.n && (unsigned char)s.p[i + 1] == 0x80 && ((unsigned char)s.p[i + 2] & 0xFE) == 0xA8) {
            buf_printf(b, "\\u20%02x", (unsigned char)s.p[i + 2] & 0x7F);
            i += 2;
        } else {
            buf_putc(b, (char)ch);
        }
    }
    buf_putc(b, '"');
}

static void put_float(struct vm *vm, struct buf *b, struct expr_value v)
{
    struct slice s = value_text(vm, v);

    if (v.kind == EXPR_F64 || v.kind == EXPR_F32) {
        double d = v.kind == EXPR_F64 ? v.d : (double)v.f;

        if (d != d || d - d != 0) {
            put_string(b, s);
            return;
        }
    }
    buf_put(b, s);
    if (slice_find_byte(s, '.') < 0 && slice_find_byte(s, 'E') < 0)
        buf_puts(b, ".0");
}

static void put_base64(struct buf *b, const uint8_t *p, size_t n)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    buf_putc(b, '"');
    for (size_t i = 0; i < n; i += 3) {
        uint32_t w = (uint32_t)p[i] << 16 | (i + 1 < n ? (uint32_t)p[i + 1] << 8 : 0) | (i + 2 < n ? p[i + 2] : 0u);

        buf_putc(b, digits[w >> 18]);
        buf_putc(b, digits[w >> 12 & 63]);
        buf_putc(b, i + 1 < n ? digits[w >> 6 & 63] : '=');
        buf_putc(b, i + 2 < n ? digits[w & 63] : '=');
    }
    buf_putc(b, '"');
}

void json_print_scalar(struct vm *vm, struct buf *b, struct expr_value v)
{
    switch (v.kind) {
    case EXPR_NULL: buf_puts(b, "null"); break;
    case EXPR_BOOL: buf_puts(b, v.i ? "true" : "false"); break;
    case EXPR_F32:
    case EXPR_F64:
    case EXPR_DECIMAL: put_float(vm, b, v); break;
    case EXPR_ENUM: buf_printf(b, "%lld", (long long)v.i); break;
    case EXPR_DATETIME:
    case EXPR_OFFSETTIME: put_string(b, text_slice(format_time(vm, v, SLICE("json")))); break;
    case EXPR_OBJECT:
        if (type_eq(type_of_value(v), &type_bytes))
            put_base64(b, OBJECT(v, bytes_object)->p, OBJECT(v, bytes_object)->n);
        else
            put_string(b, value_text(vm, v));
        break;
    default:
        if (v.kind >= EXPR_I8 && v.kind <= EXPR_U64)
            buf_put(b, value_text(vm, v));
        else
            put_string(b, value_text(vm, v));
        break;
    }
}

static void line(struct buf *b, unsigned level, bool indented)
{
    if (!indented)
        return;
    buf_putc(b, '\n');
    for (unsigned i = 0; i < level; i++)
        buf_puts(b, "  ");
}

static void print(struct vm *vm, struct buf *b, const struct jtoken *t, unsigned level, bool indented)
{
    bool object = t->kind == JSON_K_OBJECT, call = t->kind == JSON_K_CONSTRUCTOR;

    if (b->failed || vm->thrown)
        return;
    if (level > JSON_NESTING_MAX) {
        vm_throw_budget(vm, "depth");
        return;
    }
    if (t->kind == JSON_K_PROPERTY) {
        put_string(b, text_slice(t->value));
        buf_puts(b, indented ? ": " : ":");
        if (t->n)
            print(vm, b, t->items[0], level, indented);
        return;
    }
    if (t->kind == JSON_K_RAW) {
        buf_put(b, value_text(vm, t->value));
        return;
    }
    if (t->kind == JSON_K_UNDEFINED || (t->kind == JSON_K_INTEGER && t->value.kind != EXPR_ENUM)) {
        buf_put(b, t->kind == JSON_K_UNDEFINED ? SLICE("undefined") : value_text(vm, t->value));
        return;
    }
    if (!object && !call && t->kind != JSON_K_ARRAY) {
        json_print_scalar(vm, b, t->value);
        return;
    }
    if (call)
        buf_printf(b, "new %.*s", (int)t->value.n, t->value.s);
    buf_putc(b, object ? '{' : call ? '(' : '[');
    for (uint32_t i = 0; i < t->n; i++) {
        if (i)
            buf_putc(b, ',');
        line(b, level + 1, indented);
        print(vm, b, t->items[i], level + 1, indented);
    }
    if (t->n)
        line(b, level, indented);
    buf_putc(b, object ? '}' : call ? ')' : ']');
    vm_charge(vm, t->n);
}

void json_print(struct vm *vm, struct buf *b, const struct jtoken *t, bool indented)
{
    print(vm, b, t, 0, indented);
}
