/* Between tokens and C# values: explicit conversions, Value<T>, ToObject<T>, FromObject, JsonConvert. */
#include <math.h>
#include <stdio.h>

#include "policy/expr/decimal.h"
#include "policy/expr/format.h"
#include "policy/expr/lib/json.h"
#include "policy/expr/lib/lib.h"
#include "policy/expr/lib/number_parse.h"
#include "policy/expr/lib/uri_lib.h"

#define TOKEN(v) OBJECT(v, jtoken)

/* ---- one value ---- */

/* T.Parse(text) of a simple type. */
static struct expr_value parse_as(struct vm *vm, struct expr_value text, const struct type *to)
{
    struct expr_value args[4] = { text };
    struct site call = { .ret = to, .on = to, .name = "Parse", .n = 1 };

    if (to->id >= TYPE_COUNT)
        return vm_throw_cast(vm);
    for (unsigned i = type_defs[to->id].first; i < type_defs[to->id].last; i++) {
        const struct member *m = &type_members[i];

        if (m->kind == M_STATIC && strcmp(m->name, "Parse") == 0 && strstr(m->sig, "(string ") && !strchr(m->sig, ','))
            return m->fn(vm, &call, args);
    }
    return vm_throw_cast(vm);
}

/* Convert.ToInt32 and friends: to even on a tie, overflow is an exception. */
static struct expr_value to_number(struct vm *vm, struct expr_value v, enum expr_kind k)
{
    struct expr_value out;
    enum op_error e;

    if (v.kind == EXPR_BOOL)
        v.kind = EXPR_I32;
    if (v.kind == EXPR_ENUM)
        v.kind = EXPR_I64;
    if (k < EXPR_F32 && v.kind == EXPR_F64)
        v.d = rint(v.d);
    if (k < EXPR_F32 && v.kind == EXPR_F32)
        v = val_double(rint((double)v.f));
    if (k < EXPR_F32 && v.kind == EXPR_DECIMAL)
        v = decimal_value(vm->arena, decimal_round(decimal_of(v), 0, DECIMAL_HALF_EVEN));
    e = op_convert(vm->arena, k, true, v, &out);
    if (e == OP_OVERFLOW)
        return number_parse_failed(vm, PARSE_RANGE, v, k);
    return e == OP_FINE ? out : vm_op_error(vm, e);
}

static bool is_number(struct expr_value v)
{
    return (v.kind >= EXPR_I8 && v.kind <= EXPR_DECIMAL) || v.kind == EXPR_ENUM;
}

static struct expr_value to_bool(struct vm *vm, struct expr_value v)
{
    struct expr_value d;

    if (v.kind == EXPR_STRING)
        return parse_as(vm, v, TYPE_OF(BOOL));
    if (v.kind == EXPR_F64 || v.kind == EXPR_F32)
        return val_bool(v.kind == EXPR_F64 ? v.d != 0 : v.f != 0);
    if (v.kind == EXPR_DECIMAL)
        return val_bool(!decimal_is_zero(decimal_of(v)));
    d = val_bool(v.i != 0);
    return d;
}

static struct expr_value to_char(struct vm *vm, struct expr_value v)
{
    if (v.kind == EXPR_STRING && text_length(v) == 1)
        return val_char(text_unit(v, 0));
    if (v.kind == EXPR_STRING)
        return vm_throw(vm, TYPE_FORMATEXCEPTION, "String must be exactly one character long.");
    return is_number(v) && v.kind < EXPR_F32 ? val_char((uint32_t)v.i & 0xFFFF) : vm_throw_cast(vm);
}

static struct expr_value date_to(struct expr_value v, enum expr_kind k)
{
    if (k == EXPR_OFFSETTIME) /* a DateTime without a zone is local: UTC */
        return (struct expr_value){ .kind = EXPR_OFFSETTIME, .i = v.i };
    return (struct expr_value){ .kind = EXPR_DATETIME, .i = v.i };
}

static struct expr_value base64_text(struct vm *vm, struct expr_value bytes)
{
    struct buf b;

    buf_init(&b, vm->arena);
    json_print_scalar(vm, &b, bytes);
    return b.failed ? vm_throw_budget(vm, "memory") : text_value(slice_sub(buf_slice(&b), 1, b.n - 1));
}

static struct expr_value base64_bytes(struct vm *vm, struct expr_value text)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    struct slice s = slice_trim(text_slice(text));
    uint8_t *p = vm_alloc(vm, s.n / 4 * 3 + 3);
    uint32_t n = 0, word = 0, bits = 0;
    size_t i;

    for (i = 0; p && i < s.n && s.p[i] != '='; i++) {
        const char *at = s.p[i] ? strchr(digits, s.p[i]) : NULL;

        if (!at)
            break;
        word = word << 6 | (uint32_t)(at - digits);
        if ((bits += 6) >= 8)
            p[n++] = (uint8_t)(word >> (bits -= 8));
    }
    if (!p)
        return expr_value_null();
    while (i < s.n && s.p[i] == '=')
        i++;
    if (i < s.n || s.n % 4)
        return vm_throw(vm, TYPE_FORMATEXCEPTION, "The input is not a valid Base-64 string as it contains a non-base 64 character, more than two padding "
                                                  "characters, or an illegal character among the padding characters.");
    return bytes_make(vm, p, n);
}

/* v, which is not null, as a simple type `want`; false in *can when there is no such conversion. */
static struct expr_value scalar_to(struct vm *vm, struct expr_value v, const struct type *want, bool *can)
{
    enum expr_kind k = type_kind(want);

    *can = true;
    if (v.kind == k && k != EXPR_OBJECT && k != EXPR_ENUM)
        return v;
    if (k == EXPR_STRING)
        return v.kind == EXPR_OBJECT && type_eq(type_of_value(v), &type_bytes) ? base64_text(vm, v) : value_to_string(vm, v);
    if (k == EXPR_CHAR && (v.kind == EXPR_STRING || is_number(v)))
        return to_char(vm, v);
    if (k == EXPR_BOOL && (v.kind == EXPR_STRING || is_number(v)))
        return to_bool(vm, v);
    if (k >= EXPR_I8 && k <= EXPR_DECIMAL && v.kind == EXPR_STRING)
        return parse_as(vm, v, want);
    if (k >= EXPR_I8 && k <= EXPR_DECIMAL && (v.kind == EXPR_BOOL || is_number(v)))
        return to_number(vm, v, k);
    if (k >= EXPR_DATETIME && k <= EXPR_GUID && v.kind == EXPR_STRING)
        return parse_as(vm, v, want);
    if ((k == EXPR_DATETIME && v.kind == EXPR_OFFSETTIME) || (k == EXPR_OFFSETTIME && v.kind == EXPR_DATETIME))
        return date_to(v, k);
    if (type_eq(want, &type_bytes) && v.kind == EXPR_STRING)
        return base64_bytes(vm, v);
    if (type_eq(want, &type_bytes) && v.kind == EXPR_OBJECT && type_eq(type_of_value(v), &type_bytes))
        return v;
    *can = false;
    return expr_value_null();
}

static struct expr_value cannot(struct vm *vm, const struct jtoken *t, const struct type *to)
{
    struct expr_value kind = val_enum(TYPE_JTOKENTYPE, t->kind);

    return vm_throw(vm, TYPE_ARGUMENTEXCEPTION, "Can not convert %.*s to %s.", SLICE_ARG(enum_text(vm, kind)),
                    type_eq(to, &type_bytes) ? "byte array" : type_defs[type_strip(to)->id].name);
}

struct expr_value json_convert(struct vm *vm, struct expr_value token, const struct type *to)
{
    const struct type *want = type_strip(to);
    const struct jtoken *t = token.p;
    struct expr_value out;
    bool can, optional = !type_is_value(to) || type_is_nullable(to);

    if (type_as(vm->arena, want, TYPE_JTOKEN) || want->id == TYPE_OBJECT)
        return token.kind == EXPR_NULL || type_holds(vm->arena, want, token) ? token : vm_throw_cast(vm);
    if (token.kind == EXPR_NULL)
        return optional ? token : vm_throw_arg_null(vm, "value");
    if (t->kind == JSON_K_PROPERTY && t->n)
        t = t->items[0];
    if (json_is_container(t))
        return cannot(vm, t, to);
    if (t->value.kind == EXPR_NULL)
        return optional ? expr_value_null() : cannot(vm, t, to);
    if (t->kind == JSON_K_INTEGER && t->value.kind == EXPR_STRING && type_kind(want) != EXPR_STRING) {
        if (type_kind(want) != EXPR_F64)
            return number_parse_failed(vm, PARSE_RANGE, t->value, type_kind(want));
    }
    if (want->id == TYPE_URI && t->kind == JSON_K_URI)
        return t->value;
    if (want->id == TYPE_URI && t->kind == JSON_K_STRING)
        return uri_from_text(vm, t->value);
    out = scalar_to(vm, t->value, want, &can);
    return can ? out : cannot(vm, t, to);
}

/* Value<T>: the token or its value when it is a T, else Convert.ChangeType. */
struct expr_value json_change(struct vm *vm, struct expr_value token, const struct type *to)
{
    const struct type *want = type_strip(to);
    const struct jtoken *t = token.p;
    struct expr_value out;
    bool can;

    if (token.kind == EXPR_NULL)
        return value_default(vm->arena, to);
    if (type_holds(vm->arena, want, token))
        return token;
    if (json_is_container(t))
        return vm_throw(vm, TYPE_INVALIDCASTEXCEPTION, "Cannot cast Newtonsoft.Json.Linq.%s to Newtonsoft.Json.Linq.JToken.", type_defs[t->head.type->id].name);
    if (t->value.kind == EXPR_NULL) {
        if (!type_is_value(to) || type_is_nullable(to))
            return expr_value_null();
        return vm_throw(vm, TYPE_INVALIDCASTEXCEPTION, "Null object cannot be converted to a value type.");
    }
    if (type_holds(vm->arena, want, t->value))
        return t->value;
    out = scalar_to(vm, t->value, want, &can);
    if (can && !(type_kind(want) == EXPR_GUID || type_kind(want) == EXPR_TIMESPAN || type_kind(want) == EXPR_OFFSETTIME))
        return out;
    return vm->thrown ? out : vm_throw(vm, TYPE_INVALIDCASTEXCEPTION, "Invalid cast from '%.*s' to '%.*s'.",
                                       SLICE_ARG(value_reflection_name(vm, type_of_value(t->value))), SLICE_ARG(value_reflection_name(vm, want)));
}

/* ---- tokens to objects ---- */

/* Where the tokens being converted come from. text: what DeserializeObject read, else none. */
struct source {
    struct slice text;
    unsigned depth; /* levels left */
};

/* What a scalar looked like in the text being deserialized. A tree that has been handed out may have changed since. */
static struct slice written(const struct source *src, const struct jtoken *t)
{
    return !src->text.p || json_is_container(t) || !t->text ? SLICE_NONE : slice_of(t->text, t->room);
}

/* Throw "what Path 'a.b', line 1, position 2." for a token. */
static struct expr_value fail_at(struct vm *vm, unsigned type, const struct source *src, const struct jtoken *t, struct slice what)
{
    struct expr_value self = object_value(t), path = net_jtoken_path(vm, NULL, &self);
    struct slice at = written(src, t);
    unsigned line = 1, column = 0;

    if (vm->thrown)
        return expr_value_null();
    if (!at.p) {
        vm_throw(vm, type, "%.*s Path '%.*s'.", SLICE_ARG(what), (int)path.n, path.s);
        exception_set_place(vm, 0, 0, text_slice(path));
        return expr_value_null();
    }
    for (const char *p = src->text.p; p < at.p + at.n; p++) {
        if ((*p & 0xC0) != 0x80)
            column += (*p & 0xF8) == 0xF0 ? 2 : 1;
        if (*p == '\n') {
            line++;
            column = 0;
        }
    }
    vm_throw(vm, type, "%.*s Path '%.*s', line %u, position %u.", SLICE_ARG(what), (int)path.n, path.s, line, column);
    exception_set_place(vm, line, column, text_slice(path));
    return expr_value_null();
}

static struct expr_value mismatch(struct vm *vm, const struct source *src, const struct jtoken *t, const struct type *to)
{
    struct slice name = value_reflection_name(vm, to), what;
    bool object = t->kind == JSON_K_OBJECT, text = t->kind == JSON_K_STRING;

    if (object || t->kind == JSON_K_ARRAY)
        what = arena_printf(vm->arena,
                            "Cannot deserialize the current JSON %s into type '%.*s' because the type requires a JSON %s to deserialize correctly.",
                            object ? "object (e.g. {\"name\":\"value\"})" : "array (e.g. [1,2,3])", SLICE_ARG(name),
                            object ? "array (e.g. [1,2,3])" : "object (e.g. {\"name\":\"value\"})");
    else
        what = arena_printf(vm->arena, "Error converting value %s%.*s%s to type '%.*s'.", text ? "\"" : "",
                            SLICE_ARG(t->value.kind == EXPR_NULL ? SLICE("{null}") : value_text(vm, t->value)), text ? "\"" : "", SLICE_ARG(name));
    return fail_at(vm, TYPE_JSONSERIALIZATIONEXCEPTION, src, t, what);
}

static struct expr_value to_object(struct vm *vm, struct expr_value token, const struct type *to, const struct source *src);

static struct expr_value to_list(struct vm *vm, const struct jtoken *t, const struct type *to, const struct type *element, const struct source *src)
{
    bool array = to->id == TYPE_ARRAY;
    const struct type *type = array ? to : type_make1(vm->arena, to->id == TYPE_HASHSET ? TYPE_HASHSET : TYPE_LIST, element);
    struct list_object *l = list_make(vm, type, t->n);
    struct dict_object *set = type->id == TYPE_HASHSET ? dict_make(vm, type, expr_value_null()) : NULL;

    for (uint32_t i = 0; l && i < t->n; i++) {
        struct expr_value x = to_object(vm, object_value(t->items[i]), element, src);

        if (vm->thrown || !(set ? dict_put(vm, set, x, expr_value_null()) : list_append(vm, l, x)))
            return expr_value_null();
    }
    if (!l)
        return expr_value_null();
    return set ? object_value(set) : array && element->id == TYPE_BYTE ? array_make(vm, to, l->n, l->items) : object_value(l);
}

static struct expr_value to_dictionary(struct vm *vm, const struct jtoken *t, const struct type *key, const struct type *value,
                                       const struct source *src)
{
    struct dict_object *d = dict_make(vm, type_make2(vm->arena, TYPE_DICTIONARY, key, value), expr_value_null());

    for (uint32_t i = 0; d && i < t->n; i++) {
        struct expr_value k = t->items[i]->value, x;
        bool can = true;

        if (key->id != TYPE_STRING && key->id != TYPE_OBJECT)
            k = scalar_to(vm, k, key, &can);
        x = vm->thrown || !can ? expr_value_null() : to_object(vm, object_value(t->items[i]->items[0]), value, src);
        if (!can)
            return mismatch(vm, src, t, key);
        if (vm->thrown || !dict_put(vm, d, k, x))
            return expr_value_null();
    }
    return d ? object_value(d) : expr_value_null();
}

/* Anonymous types, tuples, key-value pairs: fields by name; what is missing stays default. */
static struct expr_value to_fields(struct vm *vm, const struct jtoken *t, const struct type *to, const struct source *src)
{
    struct expr_value fields[16];
    char item[16];

    for (unsigned i = 0; i < to->n && i < 16; i++) {
        struct slice name = to->id == TYPE_ANONYMOUS ? to->names[i] : to->id == TYPE_KEYVALUEPAIR ? slice_from(i ? "Value" : "Key") :
                            slice_of(item, (size_t)snprintf(item, sizeof item, "Item%u", i + 1));
        const struct jtoken *p = json_property(t, name);

        for (uint32_t k = 0; !p && k < t->n; k++)
            if (slice_eq_icase(text_slice(t->items[k]->value), name))
                p = t->items[k];
        fields[i] = p ? to_object(vm, object_value(p->items[0]), to->args[i], src) : value_default(vm->arena, to->args[i]);
        if (vm->thrown)
            return expr_value_null();
    }
    return tuple_make(vm, to, to->n, fields);
}

static struct expr_value enum_of(struct vm *vm, const struct source *src, const struct jtoken *t, const struct type *to)
{
    bool text = t->kind == JSON_K_STRING;
    uint64_t n;

    for (unsigned i = type_defs[to->id].first; text && i < type_defs[to->id].last; i++)
        if (slice_eq_icase(slice_from(type_members[i].name), text_slice(t->value)))
            return val_enum(to->id, type_members[i].number);
    if (text && slice_to_u64(text_slice(t->value), INT32_MAX, &n))
        return val_enum(to->id, (int64_t)n);
    return t->kind == JSON_K_INTEGER && t->value.kind == EXPR_I64 ? val_enum(to->id, t->value.i) : mismatch(vm, src, t, to);
}

/* What JsonReader's own ReadAs...() of a type is named in messages; NULL: it has none. */
static const char *reader_name(enum expr_kind k)
{
    switch (k) {
    case EXPR_I32: return "integer";
    case EXPR_BOOL: return "boolean";
    case EXPR_F64: return "double";
    case EXPR_DECIMAL: return "decimal";
    case EXPR_DATETIME: return "DateTime";
    case EXPR_OFFSETTIME: return "DateTimeOffset";
    default: return NULL;
    }
}

/* A conversion failed: Newtonsoft tells of it in its own words. */
static struct expr_value reword(struct vm *vm, const struct source *src, const struct jtoken *t, const struct type *want)
{
    const char *name = reader_name(type_kind(want));

    if (OBJECT(vm->exception, exception_object)->budget)
        return expr_value_null();
    vm->thrown = false;
    if (t->kind != JSON_K_STRING || !name)
        return mismatch(vm, src, t, want);
    return fail_at(vm, TYPE_JSONREADEREXCEPTION, src, t,
                   arena_printf(vm->arena, "Could not convert string to %s: %.*s.", name, SLICE_ARG(text_slice(t->value))));
}

/* What reading a text gives that the token no longer shows: "1.50" as a decimal, a date as the string it was. */
static bool from_text(struct vm *vm, const struct source *src, const struct jtoken *t, const struct type *want, struct expr_value *out)
{
    enum expr_kind k = type_kind(want);
    struct slice s = written(src, t);
    struct decimal d;

    if (!s.p)
        return false;
    if (t->kind == JSON_K_DATE && (k == EXPR_STRING || k == EXPR_OFFSETTIME)) {
        *out = json_unquote(vm, s);
        if (k == EXPR_OFFSETTIME && !vm->thrown)
            *out = parse_as(vm, *out, want);
        return true;
    }
    if (k == EXPR_STRING && t->kind != JSON_K_STRING) {
        *out = str_make(vm, s);
        return true;
    }
    if (k == EXPR_DECIMAL && t->kind == JSON_K_FLOAT && decimal_parse(s, &d)) {
        *out = decimal_value(vm->arena, d);
        return true;
    }
    if (k != EXPR_I32 || t->kind != JSON_K_FLOAT)
        return false;
    *out = fail_at(vm, TYPE_JSONREADEREXCEPTION, src, t, arena_printf(vm->arena, "Input string '%.*s' is not a valid integer.", SLICE_ARG(s)));
    return true;
}

static struct expr_value to_scalar(struct vm *vm, const struct source *src, const struct jtoken *t, const struct type *want)
{
    struct expr_value out;
    bool can = true;

    if (!from_text(vm, src, t, want, &out))
        out = want->id == TYPE_URI && t->value.kind == EXPR_STRING ? uri_from_text(vm, t->value) : scalar_to(vm, t->value, want, &can);
    if (vm->thrown && !object_if(vm->exception, TYPE_JSONREADEREXCEPTION))
        return reword(vm, src, t, want);
    return can || vm->thrown ? out : mismatch(vm, src, t, want);
}

/* XElement, XDocument: what DeserializeXNode makes of an object. */
static struct expr_value to_xml(struct vm *vm, const struct source *src, const struct jtoken *t, const struct type *want)
{
    struct expr_value doc;

    if (t->kind != JSON_K_OBJECT)
        return fail_at(vm, TYPE_JSONSERIALIZATIONEXCEPTION, src, t, SLICE("XmlNodeConverter can only convert JSON that begins with an object."));
    doc = json_make_xml(vm, t, expr_value_null(), false);
    return vm->thrown || want->id != TYPE_XELEMENT ? doc : net_xdocument_root(vm, NULL, &doc);
}

static struct expr_value to_sequence(struct vm *vm, const struct source *src, const struct jtoken *t, const struct type *want)
{
    const struct type *element = want->id == TYPE_STRING ? NULL : type_element(vm->arena, want);
    struct slice what;

    if (element && (want->id == TYPE_ARRAY || want->id == TYPE_LIST || want->id == TYPE_HASHSET || type_flags(want) & TF_INTERFACE))
        return t->kind == JSON_K_ARRAY ? to_list(vm, t, want, element, src) : mismatch(vm, src, t, want);
    if (t->kind == JSON_K_OBJECT && !element && type_kind(want) == EXPR_OBJECT && want->id != TYPE_STRING) {
        what = arena_printf(vm->arena, "Unable to find a constructor to use for type %.*s.", SLICE_ARG(value_reflection_name(vm, want)));
        return fail_at(vm, TYPE_JSONSERIALIZATIONEXCEPTION, src, t, what);
    }
    what = arena_printf(vm->arena, "Unexpected character encountered while parsing value: %c.", t->kind == JSON_K_OBJECT ? '{' : '[');
    return fail_at(vm, TYPE_JSONREADEREXCEPTION, src, t, what);
}

static struct expr_value to_container(struct vm *vm, const struct source *src, const struct jtoken *t, const struct type *want)
{
    const struct type *dict = type_as(vm->arena, want, TYPE_IDICTIONARY);

    if (!dict)
        dict = type_as(vm->arena, want, TYPE_IREADONLYDICTIONARY);
    if (dict)
        return t->kind == JSON_K_OBJECT ? to_dictionary(vm, t, dict->args[0], dict->args[1], src) : mismatch(vm, src, t, want);
    if (want->id == TYPE_ANONYMOUS || want->id == TYPE_KEYVALUEPAIR || want->id == TYPE_TUPLE || want->id == TYPE_VALUETUPLE)
        return t->kind == JSON_K_OBJECT ? to_fields(vm, t, want, src) : mismatch(vm, src, t, want);
    return to_sequence(vm, src, t, want);
}

static struct expr_value to_object(struct vm *vm, struct expr_value token, const struct type *to, const struct source *src)
{
    const struct type *want = type_strip(to);
    const struct source below = { src->text, src->depth - 1 };
    const struct jtoken *t = token.p;

    if (token.kind == EXPR_NULL)
        return value_default(vm->arena, to);
    if (src->depth == 0)
        return vm_throw_budget(vm, "depth");
    if (want->id == TYPE_OBJECT)
        return json_is_container(t) ? token : t->value;
    if (type_as(vm->arena, want, TYPE_JTOKEN)) {
        if (t->kind == JSON_K_NULL && want->id != TYPE_JTOKEN && want->id != TYPE_JVALUE)
            return expr_value_null();
        if (!type_holds(vm->arena, want, token))
            return vm_throw_cast(vm);
        return src->text.p && !t->parent ? token : json_object_value(json_clone(vm, t)); /* a tree just read is nobody else's */
    }
    if (!json_is_container(t) && t->value.kind == EXPR_NULL)
        return !type_is_value(to) || type_is_nullable(to) ? expr_value_null() : mismatch(vm, src, t, want);
    if (type_as(vm->arena, want, TYPE_XOBJECT))
        return to_xml(vm, src, t, want);
    if (type_is_enum(want))
        return enum_of(vm, src, t, want);
    return json_is_container(t) ? to_container(vm, &below, t, want) : to_scalar(vm, src, t, want);
}

struct expr_value json_to_object(struct vm *vm, struct expr_value token, const struct type *to)
{
    const struct source src = { SLICE_NONE, JSON_NESTING_MAX };

    return to_object(vm, token, to, &src);
}

/* ---- objects to tokens ---- */

static struct expr_value key_text(struct vm *vm, struct expr_value key)
{
    if (key.kind == EXPR_DATETIME || key.kind == EXPR_OFFSETTIME)
        return format_time(vm, key, SLICE("json"));
    return value_to_string(vm, key);
}

static struct jtoken *from_object(struct vm *vm, struct expr_value v, bool skip_null, unsigned depth);

static bool put_member(struct vm *vm, struct jtoken *o, struct expr_value name, struct expr_value v, bool skip_null, bool always, unsigned depth)
{
    struct jtoken *x;

    if (v.kind == EXPR_NULL && skip_null && !always)
        return true;
    x = from_object(vm, v, skip_null, depth - 1);
    return x && json_set(vm, o, name.kind == EXPR_NULL ? TEXT("") : name, x);
}

static struct jtoken *from_fields(struct vm *vm, const struct tuple_object *o, bool skip_null, unsigned depth)
{
    const struct type *t = o->head.type;
    struct jtoken *object = json_new(vm, TYPE_JOBJECT, JSON_K_OBJECT);

    for (uint32_t i = 0; object && i < o->n; i++) {
        struct expr_value name = t->id == TYPE_ANONYMOUS ? text_value(t->names[i]) : t->id == TYPE_KEYVALUEPAIR ? (i ? TEXT("Value") : TEXT("Key")) :
                                 str_printf(vm, "Item%u", i + 1);

        if (!put_member(vm, object, name, o->f[i], skip_null, false, depth))
            return NULL;
    }
    return object;
}

static struct jtoken *from_sequence(struct vm *vm, struct expr_value v, const struct type *element, bool skip_null, unsigned depth)
{
    const struct type *t = type_of_value(v);
    bool pairs = element->id == TYPE_KEYVALUEPAIR && t->id != TYPE_LIST && t->id != TYPE_ARRAY && t->id != TYPE_SEQUENCE;
    struct jtoken *to = pairs ? json_new(vm, TYPE_JOBJECT, JSON_K_OBJECT) : json_new(vm, TYPE_JARRAY, JSON_K_ARRAY);
    struct expr_value x;
    struct iter it;
    int got;

    if (!to || !iter_open(vm, v, &it))
        return NULL;
    while ((got = iter_next(vm, &it, &x)) > 0) {
        const struct tuple_object *pair = x.p;

        if (pairs ? !put_member(vm, to, key_text(vm, pair->f[0]), pair->f[1], skip_null, true, depth)
                  : !json_append(vm, to, from_object(vm, x, skip_null, depth - 1)))
            return NULL;
        if (!vm_charge(vm, 1))
            return NULL;
    }
    return got == 0 ? to : NULL;
}

static struct jtoken *from_object(struct vm *vm, struct expr_value v, bool skip_null, unsigned depth)
{
    const struct type *t, *element;

    if (depth == 0)
        return vm_throw_budget(vm, "depth"), NULL;
    if (v.kind == EXPR_CHAR)
        return json_value(vm, value_to_string(vm, v));
    if (v.kind != EXPR_OBJECT && v.kind != EXPR_HOST)
        return json_value(vm, v);
    if (jtoken_is(v))
        return json_clone(vm, TOKEN(v));
    t = type_of_value(v);
    if (type_as(vm->arena, t, TYPE_XOBJECT))
        return json_from_xml(vm, v, false);
    if (type_eq(t, &type_bytes) || strcmp(type_defs[t->id].name, "Uri") == 0)
        return json_value(vm, v);
    if (t->id == TYPE_ANONYMOUS || t->id == TYPE_TUPLE || t->id == TYPE_VALUETUPLE || t->id == TYPE_KEYVALUEPAIR)
        return from_fields(vm, v.p, skip_null, depth);
    element = type_element(vm->arena, t);
    if (element)
        return from_sequence(vm, v, element, skip_null, depth);
    if (type_as(vm->arena, t, TYPE_EXCEPTION)) {
        struct jtoken *o = json_new(vm, TYPE_JOBJECT, JSON_K_OBJECT);
        struct expr_value message = text_value(exception_text(vm, (struct exception_object *)v.p));

        return o && json_set(vm, o, TEXT("Message"), json_value(vm, message)) ? o : NULL;
    }
    if (value_method(t, "ToString", "string ()"))
        return json_value(vm, value_to_string(vm, v));
    return json_new(vm, TYPE_JOBJECT, JSON_K_OBJECT);
}

/* ---- members ---- */

NATIVE(jtoken_to_object)
{
    const struct jtoken *t = a[0].p;

    if (a[0].kind == EXPR_NULL)
        return vm_throw_null(vm);
    if ((!json_is_container(t) || site->targs[0]->id == TYPE_STRING) && type_kind(type_strip(site->targs[0])) != EXPR_OBJECT &&
        !type_is_enum(type_strip(site->targs[0])))
        return json_convert(vm, a[0], site->targs[0]);
    return json_to_object(vm, a[0], site->targs[0]);
}

NATIVE(jtoken_to_object_of)
{
    if (a[0].kind == EXPR_NULL)
        return vm_throw_null(vm);
    if (a[1].kind == EXPR_NULL)
        return vm_throw_arg_null(vm, "objectType");
    return json_to_object(vm, a[0], type_of_type(a[1]));
}

static struct expr_value from(struct vm *vm, struct expr_value o, unsigned want, const char *expected)
{
    struct expr_value kind;
    struct jtoken *t;

    if (o.kind == EXPR_NULL)
        return vm_throw_arg_null(vm, "o");
    t = from_object(vm, o, false, JSON_NESTING_MAX);
    if (!t || !want || t->head.type->id == want)
        return json_object_value(t);
    kind = val_enum(TYPE_JTOKENTYPE, t->kind);
    return vm_throw(vm, TYPE_ARGUMENTEXCEPTION, "Object serialized to %.*s. %s instance expected.", SLICE_ARG(enum_text(vm, kind)), expected);
}

NATIVE(jtoken_from_object)
{
    return from(vm, a[0], 0, "");
}

NATIVE(jobject_from_object)
{
    return from(vm, a[0], TYPE_JOBJECT, "JObject");
}

NATIVE(jarray_from_object)
{
    return from(vm, a[0], TYPE_JARRAY, "JArray");
}

NATIVE(json_serialize)
{
    const struct tuple_object *settings = NULL;
    bool indented = false;
    struct jtoken *t;
    struct buf b;

    for (unsigned i = 1; i < site->n; i++)
        if (a[i].kind == EXPR_ENUM)
            indented = a[i].i == 1;
        else if (a[i].kind == EXPR_OBJECT)
            settings = a[i].p;
    if (settings && site->n == 2)
        indented = settings->f[1].i == 1;
    t = from_object(vm, a[0], settings && settings->f[0].i == 1, JSON_NESTING_MAX);
    if (!t)
        return expr_value_null();
    buf_init(&b, vm->arena);
    json_print(vm, &b, t, indented);
    return b.failed ? vm_throw_budget(vm, "memory") : text_value(buf_slice(&b));
}

static struct expr_value deserialize(struct vm *vm, struct expr_value text, const struct type *to, bool dates)
{
    const struct source src = { text_slice(text), JSON_NESTING_MAX };
    struct jtoken *t;

    if (text.kind == EXPR_NULL)
        return vm_throw_arg_null(vm, "value");
    if (slice_trim(text_slice(text)).n == 0)
        return type_is_value(to) && !type_is_nullable(to) ? vm_throw(vm, TYPE_JSONSERIALIZATIONEXCEPTION,
                                                                     "No JSON content found and type '%.*s' is not nullable. Path '', line 0, position 0.",
                                                                     SLICE_ARG(value_reflection_name(vm, to)))
                                                          : expr_value_null();
    t = json_read_from(vm, text_slice(text), TYPE_JTOKEN, JSON_KEEP_TEXT | (dates ? JSON_DATES : 0));
    if (!t)
        return expr_value_null();
    if (t->kind == JSON_K_NULL && (!type_is_value(to) || type_is_nullable(to)) && to->id != TYPE_JTOKEN && to->id != TYPE_JVALUE)
        return expr_value_null();
    return to_object(vm, object_value(t), to, &src);
}

NATIVE(json_deserialize)
{
    bool dates = !(site->n > 1 && object_if(a[1], TYPE_JSONSERIALIZERSETTINGS) && OBJECT(a[1], tuple_object)->f[2].i == 0);

    return deserialize(vm, a[0], site->ntargs ? site->targs[0] : TYPE_OF(OBJECT), dates);
}

NATIVE(json_deserialize_type)
{
    return deserialize(vm, a[0], a[1].kind == EXPR_NULL ? TYPE_OF(OBJECT) : type_of_type(a[1]), true);
}
