/* Type descriptors: building, comparing, relations, printing. The tables come from members.def. */
#include "policy/expr/type.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "platform/base/buf.h"
#include "policy/expr/object.h"
#include "policy/expr/lib/lib.h"

/* Index of the first and one past the last member of each type. */
#define UNIQUE_(a, b) a##b
#define UNIQUE(a, b) UNIQUE_(a, b)
enum {
#define TYPE(id, ns, name, alias, params, bases, flags) FIRST_##id, FIRST_AGAIN_##id = FIRST_##id - 1,
#define MEMBER(kind, name, sig, fn) UNIQUE(MEMBER_NUMBER_, __COUNTER__),
#define VALUE(name, number) UNIQUE(MEMBER_NUMBER_, __COUNTER__),
#define END(id) LAST_##id, LAST_AGAIN_##id = LAST_##id - 1,
#include "policy/expr/members.def"
#undef TYPE
#undef MEMBER
#undef VALUE
#undef END
};

const struct type_def type_defs[] = {
#define TYPE(id, ns, name, alias, params, bases, flags) { ns, name, alias, params, bases, flags, FIRST_##id, LAST_##id },
#define MEMBER(kind, name, sig, fn)
#define VALUE(name, number)
#define END(id)
#include "policy/expr/members.def"
#undef TYPE
#undef MEMBER
#undef VALUE
#undef END
};

const struct member type_members[] = {
#define TYPE(id, ns, name, alias, params, bases, flags)
#define MEMBER(kind, name, sig, fn) { M_##kind, name, sig, net_##fn, 0 },
#define VALUE(name, number) { M_ENUM, name, "", NULL, number },
#define END(id)
#include "policy/expr/members.def"
#undef TYPE
#undef MEMBER
#undef VALUE
#undef END
};

const struct type type_simple[] = {
#define TYPE(number, ns, name, alias, params, bases, flags) { .id = TYPE_##number },
#define MEMBER(kind, name, sig, fn)
#define VALUE(name, number)
#define END(number)
#include "policy/expr/members.def"
#undef TYPE
#undef MEMBER
#undef VALUE
#undef END
    { .id = TYPE_PARAM }, { .id = TYPE_NULL }, { .id = TYPE_UNKNOWN }, { .id = TYPE_LAMBDA }, { .id = TYPE_METHODS },
    { .id = TYPE_NEWTARGET }, { .id = TYPE_THROW },
};

#define STATIC_TYPE(what, number, ...) \
    static const struct type *const what##_args[] = { __VA_ARGS__ }; \
    const struct type what = { .id = TYPE_##number, .n = sizeof(what##_args) / sizeof(what##_args[0]), .args = what##_args }
STATIC_TYPE(type_bytes, ARRAY, TYPE_OF(BYTE));
STATIC_TYPE(type_strings, ARRAY, TYPE_OF(STRING));
STATIC_TYPE(type_objects, ARRAY, TYPE_OF(OBJECT));
STATIC_TYPE(type_chars, ARRAY, TYPE_OF(CHAR));
STATIC_TYPE(type_list_object, LIST, TYPE_OF(OBJECT));
STATIC_TYPE(type_dict_object, DICTIONARY, TYPE_OF(STRING), TYPE_OF(OBJECT));
STATIC_TYPE(type_dict_text, DICTIONARY, TYPE_OF(STRING), TYPE_OF(STRING));
STATIC_TYPE(type_dict_strings, DICTIONARY, TYPE_OF(STRING), &type_strings);
STATIC_TYPE(type_seq_object, SEQUENCE, TYPE_OF(OBJECT));
STATIC_TYPE(type_kvp_text_object, KEYVALUEPAIR, TYPE_OF(STRING), TYPE_OF(OBJECT));
STATIC_TYPE(type_kvp_text_text, KEYVALUEPAIR, TYPE_OF(STRING), TYPE_OF(STRING));
STATIC_TYPE(type_kvp_text_strings, KEYVALUEPAIR, TYPE_OF(STRING), &type_strings);
STATIC_TYPE(type_nullable_datetime, NULLABLE, TYPE_OF(DATETIME));

bool type_eq(const struct type *a, const struct type *b)
{
    if (a == b)
        return true;
    if (a->id != b->id || a->n != b->n || a->param != b->param)
        return false;
    for (unsigned i = 0; i < a->n; i++) {
        if (!type_eq(a->args[i], b->args[i]))
            return false;
        if (a->id == TYPE_ANONYMOUS && !slice_eq(a->names[i], b->names[i]))
            return false;
    }
    return true;
}

const struct type *type_named(struct arena *a, unsigned id, unsigned n, const struct type *const *args, const struct slice *names)
{
    struct type *t;
    const struct type **copy;
    struct slice *named;

    if (n == 0 && id < TYPE_COUNT)
        return &type_simple[id];
    t = arena_new(a, struct type);
    copy = arena_array(a, const struct type *, n);
    named = names ? arena_array(a, struct slice, n) : NULL;
    if (!t || !copy || (names && !named))
        return TYPE_OF(OBJECT);
    memcpy(copy, args, n * sizeof *copy);
    if (names)
        memcpy(named, names, n * sizeof *named);
    *t = (struct type){ .id = (uint16_t)id, .n = (uint8_t)n, .args = copy, .names = named };
    return t;
}

const struct type *type_make(struct arena *a, unsigned id, unsigned n, const struct type *const *args)
{
    return type_named(a, id, n, args, NULL);
}

const struct type *type_make1(struct arena *a, unsigned id, const struct type *x)
{
    return type_make(a, id, 1, &x);
}

const struct type *type_make2(struct arena *a, unsigned id, const struct type *x, const struct type *y)
{
    const struct type *args[] = { x, y };

    return type_make(a, id, 2, args);
}

const struct type *type_keep(struct arena *a, const struct type *t)
{
    const struct type *args[16];
    struct slice names[16];

    if (t->n == 0 || t->n > 16)
        return t->id <= TYPE_THROW && t->id != TYPE_PARAM ? &type_simple[t->id] : t;
    for (unsigned i = 0; i < t->n; i++) {
        args[i] = type_keep(a, t->args[i]);
        if (t->names)
            names[i] = arena_copy(a, t->names[i]);
    }
    return type_named(a, t->id, t->n, args, t->names ? names : NULL);
}

bool type_has_params(const struct type *t)
{
    if (t->id == TYPE_PARAM)
        return true;
    for (unsigned i = 0; i < t->n; i++)
        if (type_has_params(t->args[i]))
            return true;
    return false;
}

const struct type *type_subst(struct arena *a, const struct type *t, const struct type *own, const struct type *const *method)
{
    const struct type *args[16];

    if (t->id == TYPE_PARAM) {
        if (t->param < 8)
            return own && t->param < own->n ? own->args[t->param] : t;
        return method && method[t->param - 8] ? method[t->param - 8] : t;
    }
    if (!type_has_params(t))
        return t;
    for (unsigned i = 0; i < t->n; i++)
        args[i] = type_subst(a, t->args[i], own, method);
    return type_named(a, t->id, t->n, args, t->names);
}

/* ---- relations ---- */

/* The i-th of a type's bases as written: "IEnumerable<T>". False: it has no more. */
static bool base_text(unsigned id, unsigned i, struct slice *text)
{
    const char *p = type_defs[id].bases;

    for (; *p; p++) {
        size_t n = 0;
        int depth = 0;

        for (; p[n] && (p[n] != ',' || depth > 0); n++)
            depth += p[n] == '<' ? 1 : p[n] == '>' ? -1 : 0;
        *text = slice_of(p, n);
        if (i-- == 0)
            return true;
        p += n;
        if (!*p)
            break;
    }
    return false;
}

static unsigned find_base(unsigned id, unsigned i)
{
    struct slice text, rest;
    ptrdiff_t angle;
    int n = 0, depth = 0;

    if (!base_text(id, i, &text))
        return TYPE_COUNT;
    angle = slice_find_byte(text, '<');
    rest = angle < 0 ? SLICE_NONE : slice_skip(text, (size_t)angle);
    for (size_t k = 0; k < rest.n; k++) {
        depth += rest.p[k] == '<' ? 1 : rest.p[k] == '>' ? -1 : 0;
        n += k == 0 || (rest.p[k] == ',' && depth == 1);
    }
    return type_find(angle < 0 ? text : slice_first(text, (size_t)angle), n);
}

unsigned type_base_id(unsigned id, unsigned i)
{
    /* Id + 1, 0 when not looked up yet. It follows from constants alone, so every thread stores the same. */
    static _Atomic uint16_t ids[TYPE_COUNT][TYPE_BASES_MAX];
    uint16_t known;

    if (i >= TYPE_BASES_MAX)
        return TYPE_COUNT;
    known = atomic_load_explicit(&ids[id][i], memory_order_relaxed);
    if (!known) {
        known = (uint16_t)(find_base(id, i) + 1);
        atomic_store_explicit(&ids[id][i], known, memory_order_relaxed);
    }
    return known - 1u;
}

const struct type *type_base(struct arena *a, const struct type *t, unsigned i)
{
    char text[200];
    struct slice base;
    struct sig s;

    if (t->id >= TYPE_COUNT || !base_text(t->id, i, &base))
        return NULL;
    if (base.n + 3 > sizeof text)
        abort();
    memcpy(text, base.p, base.n);
    memcpy(text + base.n, "()", 3);
    sig_parse(a, t->id, text, &s);
    return type_subst(a, s.ret, t, NULL);
}

/* Is `id` the type itself or among its bases? */
static bool reaches(unsigned from, unsigned id)
{
    unsigned base;

    if (from == id)
        return true;
    for (unsigned i = 0; (base = type_base_id(from, i)) < TYPE_COUNT; i++)
        if (reaches(base, id))
            return true;
    return false;
}

const struct type *type_as(struct arena *a, const struct type *t, unsigned id)
{
    const struct type *base, *found;

    if (t->id == id)
        return t;
    if (t->id >= TYPE_COUNT)
        return NULL;
    if (id == TYPE_OBJECT)
        return TYPE_OF(OBJECT);
    if (!reaches(t->id, id))
        return NULL;
    if (id < TYPE_COUNT && *type_defs[id].params == 0 && !(type_defs[id].flags & TF_VARIADIC))
        return &type_simple[id];
    for (unsigned i = 0; (base = type_base(a, t, i)); i++)
        if ((found = type_as(a, base, id)))
            return found;
    return NULL;
}

bool type_converts(struct arena *a, const struct type *from, const struct type *to)
{
    const struct type *seen;

    if (from == to || type_eq(from, to) || to->id == TYPE_UNKNOWN || from->id == TYPE_UNKNOWN || from->id == TYPE_THROW)
        return true;
    if (from->id == TYPE_NULL)
        return !type_is_value(to) || type_is_nullable(to);
    if (from->id >= TYPE_COUNT || from->id == TYPE_VOID)
        return false;
    if (to->id == TYPE_OBJECT)
        return true;
    if (type_is_nullable(from))
        return type_flags(to) & TF_INTERFACE && type_converts(a, from->args[0], to);
    if (to->id == TYPE_ENUM)
        return type_is_enum(from);
    if (from->id == TYPE_ARRAY && to->id == TYPE_ARRAY)
        return !type_is_value(from->args[0]) && !type_is_value(to->args[0]) && type_converts(a, from->args[0], to->args[0]);
    seen = type_as(a, from, to->id);
    if (!seen || seen->n != to->n)
        return false;
    for (unsigned i = 0; i < to->n; i++) {
        if (type_eq(seen->args[i], to->args[i]))
            continue;
        if (to->id == TYPE_VALUETUPLE ? !type_converts(a, seen->args[i], to->args[i])
                                      : (!(type_flags(to) & TF_COVARIANT) || type_is_value(seen->args[i]) ||
                                         !type_converts(a, seen->args[i], to->args[i])))
            return false;
    }
    return true;
}

const struct type *type_of_value(struct expr_value v)
{
    if (v.kind == EXPR_ENUM)
        return &type_simple[v.aux];
    if (v.kind == EXPR_HOST)
        return &type_simple[v.aux];
    if (v.kind == EXPR_OBJECT)
        return ((const struct object *)v.p)->type;
    return type_of_kind((enum expr_kind)v.kind);
}

bool type_holds(struct arena *a, const struct type *t, struct expr_value v)
{
    if (v.kind == EXPR_NULL)
        return false;
    return type_converts(a, type_of_value(v), type_strip(t));
}

const struct type *type_element(struct arena *a, const struct type *t)
{
    const struct type *seq = type_as(a, t, TYPE_IENUMERABLE);

    if (seq)
        return seq->args[0];
    return type_as(a, t, TYPE_IENUMERABLE_PLAIN) ? TYPE_OF(OBJECT) : NULL;
}

bool type_delegate(struct arena *a, const struct type *t, const struct type *params[8], unsigned *n, const struct type **ret)
{
    (void)a;
    if (!(type_flags(t) & TF_DELEGATE))
        return false;
    *n = 0;
    *ret = TYPE_OF(VOID);
    switch (t->id) {
    case TYPE_FUNC:
    case TYPE_CONVERTER:
        if (t->n < 1)
            return false;
        for (unsigned i = 0; i + 1 < t->n && i < 8; i++)
            params[(*n)++] = t->args[i];
        *ret = t->args[t->n - 1];
        return true;
    case TYPE_ACTION:
        for (unsigned i = 0; i < t->n && i < 8; i++)
            params[(*n)++] = t->args[i];
        return true;
    case TYPE_PREDICATE:
        params[(*n)++] = t->args[0];
        *ret = TYPE_OF(BOOL);
        return true;
    case TYPE_COMPARISON:
        params[(*n)++] = t->args[0];
        params[(*n)++] = t->args[0];
        *ret = TYPE_OF(INT);
        return true;
    case TYPE_MATCHEVALUATOR:
        params[(*n)++] = TYPE_OF(MATCH);
        *ret = TYPE_OF(STRING);
        return true;
    default:
        return false;
    }
}

/* ---- names ---- */

int type_arity(unsigned id)
{
    const char *p = type_defs[id].params;
    int n = *p != 0;

    if (type_defs[id].flags & TF_VARIADIC)
        return -1;
    for (; *p; p++)
        n += *p == ',';
    return n;
}

unsigned type_find(struct slice name, int nargs)
{
    ptrdiff_t dot = slice_rfind_byte(name, '.');
    struct slice ns = { 0 }, last = name;

    if (dot >= 0) {
        ns = slice_first(name, (size_t)dot);
        last = slice_skip(name, (size_t)dot + 1);
    }
    for (unsigned id = 0; id < TYPE_COUNT; id++) {
        const struct type_def *d = &type_defs[id];
        int arity;

        if (!slice_eq(slice_from(d->name), last) && !(dot < 0 && slice_eq(slice_from(d->alias), last)))
            continue;
        if (dot >= 0 && !slice_eq(slice_from(d->ns), ns) && !slice_ends(slice_from(d->ns), ns))
            continue;
        arity = type_arity(id);
        if (nargs >= 0 && arity >= 0 && arity != nargs)
            continue;
        if (*d->name == '<') /* no name to write */
            continue;
        return id;
    }
    return TYPE_COUNT;
}

static void print_args(struct buf *b, const struct type *t, void (*print)(struct buf *, const struct type *))
{
    buf_putc(b, '<');
    for (unsigned i = 0; i < t->n; i++) {
        if (i > 0)
            buf_putc(b, ',');
        print(b, t->args[i]);
    }
    buf_putc(b, '>');
}

/* (int, string name) */
static void print_tuple(struct buf *b, const struct type *t)
{
    for (unsigned i = 0; i < t->n; i++) {
        buf_puts(b, i ? ", " : "(");
        type_print(b, t->args[i]);
        if (t->names && t->names[i].n) {
            buf_putc(b, ' ');
            buf_put(b, t->names[i]);
        }
    }
    buf_putc(b, ')');
}

void type_print(struct buf *b, const struct type *t)
{
    static const char *const special[] = { "T", "<null>", "?", "lambda expression", "method group", "new()", "throw" };

    if (t->id >= TYPE_COUNT) {
        buf_puts(b, special[t->id - TYPE_COUNT]);
    } else if (t->id == TYPE_ARRAY) {
        type_print(b, t->args[0]);
        buf_puts(b, "[]");
    } else if (t->id == TYPE_NULLABLE) {
        type_print(b, t->args[0]);
        buf_putc(b, '?');
    } else if (t->id == TYPE_VALUETUPLE && t->n) {
        print_tuple(b, t);
    } else {
        buf_puts(b, *type_defs[t->id].alias ? type_defs[t->id].alias : type_defs[t->id].name);
        if (t->n && t->id != TYPE_ANONYMOUS)
            print_args(b, t, type_print);
    }
}

void type_print_full(struct buf *b, const struct type *t)
{
    const struct type_def *d;

    if (t->id >= TYPE_COUNT) {
        buf_puts(b, "System.Object");
        return;
    }
    d = &type_defs[t->id];
    if (t->id == TYPE_ARRAY) {
        type_print_full(b, t->args[0]);
        buf_puts(b, "[]");
    } else if (t->id == TYPE_ANONYMOUS) {
        buf_puts(b, "anonymous");
    } else if (d->flags & TF_HIDDEN) {
        buf_puts(b, "sequence");
    } else {
        if (*d->ns) {
            buf_puts(b, d->ns);
            buf_putc(b, '.');
        }
        buf_puts(b, d->name);
        if (t->n)
            print_args(b, t, type_print_full);
    }
}

const char *type_text(struct arena *a, const struct type *t)
{
    struct buf b;

    buf_init(&b, a);
    type_print(&b, t);
    return b.failed ? "?" : buf_slice(&b).p;
}

/* ---- numbers ---- */

static const uint16_t kind_types[] = {
    [EXPR_NULL] = TYPE_OBJECT, [EXPR_BOOL] = TYPE_BOOL, [EXPR_CHAR] = TYPE_CHAR, [EXPR_I8] = TYPE_SBYTE, [EXPR_U8] = TYPE_BYTE,
    [EXPR_I16] = TYPE_SHORT, [EXPR_U16] = TYPE_USHORT, [EXPR_I32] = TYPE_INT, [EXPR_U32] = TYPE_UINT, [EXPR_I64] = TYPE_LONG,
    [EXPR_U64] = TYPE_ULONG, [EXPR_F32] = TYPE_FLOAT, [EXPR_F64] = TYPE_DOUBLE, [EXPR_DECIMAL] = TYPE_DECIMAL,
    [EXPR_STRING] = TYPE_STRING, [EXPR_ENUM] = TYPE_ENUM, [EXPR_DATETIME] = TYPE_DATETIME,
    [EXPR_OFFSETTIME] = TYPE_DATETIMEOFFSET, [EXPR_TIMESPAN] = TYPE_TIMESPAN, [EXPR_GUID] = TYPE_GUID,
    [EXPR_HOST] = TYPE_OBJECT, [EXPR_OBJECT] = TYPE_OBJECT };

const struct type *type_of_kind(enum expr_kind k)
{
    return &type_simple[kind_types[k]];
}

enum expr_kind type_kind(const struct type *t)
{
    if (type_is_enum(t))
        return EXPR_ENUM;
    for (unsigned k = EXPR_BOOL; k <= EXPR_GUID; k++)
        if (kind_types[k] == t->id && k != EXPR_ENUM)
            return (enum expr_kind)k;
    return EXPR_OBJECT;
}

bool type_is_numeric(const struct type *t)
{
    enum expr_kind k = type_kind(t);

    return k >= EXPR_CHAR && k <= EXPR_DECIMAL;
}

bool type_is_integral(const struct type *t)
{
    enum expr_kind k = type_kind(t);

    return k >= EXPR_CHAR && k <= EXPR_U64;
}

/* Bit k of row r: kind r converts implicitly to kind k (C# 7.3, 11.2.3). */
bool type_widens(const struct type *from, const struct type *to)
{
    static const char *const rows[] = {
        [EXPR_CHAR] = "HIJKLMNO", [EXPR_I8] = "FHJMNO L", [EXPR_U8] = "FGHIJKMNOL", [EXPR_I16] = "HJMNO L", [EXPR_U16] = "HIJKMNOL",
        [EXPR_I32] = "JMNOL", [EXPR_U32] = "JKMNOL", [EXPR_I64] = "MNOL", [EXPR_U64] = "MNOL", [EXPR_F32] = "M" };
    static const uint8_t letter[] = { ['F'] = EXPR_I16, ['G'] = EXPR_U16, ['H'] = EXPR_I32, ['I'] = EXPR_U32, ['J'] = EXPR_I64,
                                      ['K'] = EXPR_U64, ['L'] = EXPR_F32, ['M'] = EXPR_F64, ['N'] = EXPR_DECIMAL };
    enum expr_kind f = type_kind(from), t = type_kind(to);

    if (f == EXPR_CHAR && t == EXPR_U16)
        return true;
    if (f < EXPR_CHAR || f > EXPR_F32 || !rows[f])
        return false;
    for (const char *p = rows[f]; *p; p++)
        if (*p != 'O' && *p != ' ' && letter[(unsigned char)*p] == t)
            return true;
    return false;
}
