/* The token tree: building, cloning, writing, converting to C# values. */
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

bool json_append(struct vm *vm, struct jtoken *to, struct jtoken *child)
{
    if (child->parent && !(child = json_clone(vm, child)))
        return false;
    if (to->n == to->room) {
        uint32_t room = to->room ? 2 * to->room : 4;
        struct jtoken **grown = arena_grow(vm->arena, to->items, to->n * sizeof *grown, room * sizeof *grown);

        if (!grown) {
            vm_throw_budget(vm, "memory");
            return false;
        }
        to->items = grown;
        to->room = room;
    }
    child->parent = to;
    to->items[to->n++] = child;
    return true;
}

struct jtoken *json_clone(struct vm *vm, const struct jtoken *t)
{
    struct jtoken *copy;

    if (!vm_charge(vm, 1))
        return NULL;
    copy = json_new(vm, t->head.type->id, (enum json_kind)t->kind);
    if (!copy)
        return NULL;
    copy->value = t->value;
    for (uint32_t i = 0; i < t->n; i++) {
        struct jtoken *child = json_clone(vm, t->items[i]);

        if (!child || !json_append(vm, copy, child))
            return NULL;
    }
    return copy;
}

struct jtoken *json_property(const struct jtoken *o, struct slice name)
{
    for (uint32_t i = 0; i < o->n; i++)
        if (slice_eq(text_slice(o->items[i]->value), name))
            return o->items[i];
    return NULL;
}

bool json_set(struct vm *vm, struct jtoken *o, struct expr_value name, struct jtoken *value)
{
    struct jtoken *p;

    if (!value)
        return false;
    if (value->parent && !(value = json_clone(vm, value)))
        return false;
    p = json_property(o, text_slice(name));
    if (p) {
        p->items[0]->parent = NULL;
        p->items[0] = value;
        value->parent = p;
        return true;
    }
    p = json_new(vm, TYPE_JPROPERTY, JSON_K_PROPERTY);
    if (!p)
        return false;
    p->value = name;
    return json_append(vm, p, value) && json_append(vm, o, p);
}

bool json_add_content(struct vm *vm, struct jtoken *to, struct expr_value content)
{
    struct iter it;
    struct expr_value x;
    struct jtoken *t;
    int got;

    if (jtoken_is(content)) {
        t = OBJECT(content, jtoken);
        if (to->head.type->id == TYPE_JOBJECT && t->head.type->id != TYPE_JPROPERTY) {
            vm_throw(vm, TYPE_ARGUMENTEXCEPTION, "Can not add %s.%s to Newtonsoft.Json.Linq.JObject.", type_defs[t->head.type->id].ns,
                     type_defs[t->head.type->id].name);
            return false;
        }
        if (to->head.type->id == TYPE_JOBJECT && json_property(to, text_slice(t->value))) {
            vm_throw(vm, TYPE_ARGUMENTEXCEPTION, "Can not add property %.*s to Newtonsoft.Json.Linq.JObject. Property with the same name already exists on object.",
                     (int)t->value.n, t->value.s);
            return false;
        }
        return json_append(vm, to, t);
    }
    if (content.kind == EXPR_OBJECT && type_element(vm->arena, type_of_value(content)) && !type_eq(type_of_value(content), &type_bytes)) {
        if (!iter_open(vm, content, &it))
            return false;
        while ((got = iter_next(vm, &it, &x)) > 0)
            if (!json_add_content(vm, to, x) || !vm_charge(vm, 1))
                return false;
        return got == 0;
    }
    t = json_value(vm, content);
    if (t && to->head.type->id == TYPE_JOBJECT) {
        vm_throw(vm, TYPE_ARGUMENTEXCEPTION, "Can not add Newtonsoft.Json.Linq.JValue to Newtonsoft.Json.Linq.JObject.");
        return false;
    }
    return t && json_append(vm, to, t);
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
    bool object = t->kind == JSON_K_OBJECT;

    if (b->failed || vm->thrown)
        return;
    if (t->kind == JSON_K_PROPERTY) {
        put_string(b, text_slice(t->value));
        buf_puts(b, indented ? ": " : ":");
        print(vm, b, t->items[0], level, indented);
        return;
    }
    if (t->kind == JSON_K_RAW) {
        buf_put(b, text_slice(t->value));
        return;
    }
    if (!object && t->kind != JSON_K_ARRAY) {
        json_print_scalar(vm, b, t->value);
        return;
    }
    buf_putc(b, object ? '{' : '[');
    for (uint32_t i = 0; i < t->n; i++) {
        if (i)
            buf_putc(b, ',');
        line(b, level + 1, indented);
        print(vm, b, t->items[i], level + 1, indented);
    }
    if (t->n)
        line(b, level, indented);
    buf_putc(b, object ? '}' : ']');
    vm_charge(vm, t->n);
}

void json_print(struct vm *vm, struct buf *b, const struct jtoken *t, bool indented)
{
    print(vm, b, t, 0, indented);
}

/* ---- converting ---- */

static struct expr_value cannot(struct vm *vm, const struct jtoken *t, const struct type *to)
{
    struct expr_value kind = val_enum(TYPE_JTOKENTYPE, t->kind);

    return vm_throw(vm, TYPE_ARGUMENTEXCEPTION, "Can not convert %.*s to %s.", SLICE_ARG(enum_text(vm, kind)), type_defs[type_strip(to)->id].name);
}

static struct expr_value text_to(struct vm *vm, struct expr_value text, const struct type *to)
{
    struct site site = { .ret = to, .on = to, .n = 1 };

    return type_kind(to) == EXPR_BOOL ? net_bool_parse(vm, &site, &text) : net_number_parse(vm, &site, &text);
}

struct expr_value json_convert(struct vm *vm, struct expr_value token, const struct type *to)
{
    const struct type *want = type_strip(to);
    const struct jtoken *t = token.p;
    enum expr_kind k = type_kind(want);
    struct expr_value out;
    enum op_error e;

    if (type_as(vm->arena, want, TYPE_JTOKEN) || want->id == TYPE_OBJECT)
        return token.kind == EXPR_NULL || type_holds(vm->arena, want, token) ? token : vm_throw_cast(vm);
    if (token.kind == EXPR_OBJECT && t->kind == JSON_K_PROPERTY)
        t = t->items[0];
    if (token.kind == EXPR_NULL || t->kind == JSON_K_NULL) {
        if (!type_is_value(to) || type_is_nullable(to))
            return expr_value_null();
        return token.kind == EXPR_NULL ? vm_throw_arg_null(vm, "value") : cannot(vm, t, to);
    }
    if (t->head.type->id != TYPE_JVALUE)
        return cannot(vm, t, to);
    if (k == EXPR_STRING)
        return value_to_string(vm, t->value);
    if (t->value.kind == k)
        return t->value;
    if (t->value.kind == EXPR_STRING && k >= EXPR_BOOL && k <= EXPR_DECIMAL && k != EXPR_CHAR)
        return text_to(vm, t->value, want);
    if (k == EXPR_BOOL && t->value.kind >= EXPR_I8 && t->value.kind <= EXPR_U64)
        return val_bool(t->value.i != 0);
    if (k >= EXPR_I8 && k <= EXPR_DECIMAL && t->value.kind >= EXPR_BOOL && t->value.kind <= EXPR_DECIMAL) {
        struct expr_value v = t->value;

        v.kind = v.kind == EXPR_BOOL ? EXPR_I32 : v.kind;
        e = op_convert(vm->arena, k, true, v, &out);
        return e == OP_FINE ? out : vm_op_error(vm, e);
    }
    return cannot(vm, t, to);
}
