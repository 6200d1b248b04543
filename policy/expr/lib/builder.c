/* StringBuilder, StringWriter and StringReader. */
#include "policy/expr/lib/string_int.h"

/* The text so far; of a reader the whole text and how far it was read, in units. A writer writes to a builder under it. */
struct builder_object {
    struct object head;
    struct builder_object *under;
    struct expr_value new_line; /* null: "\n" */
    struct buf text;
    bool ascii;
    bool closed;
    uint32_t at;
};

static struct builder_object *make(struct vm *vm, const struct type *t, struct expr_value text)
{
    struct builder_object *o = vm_new(vm, struct builder_object);

    if (!o)
        return NULL;
    o->head.type = t;
    o->ascii = true;
    buf_init(&o->text, vm->arena);
    if (text.kind == EXPR_STRING) {
        buf_put(&o->text, text_slice(text));
        o->ascii = text_is_ascii(text);
    }
    return o;
}

/* What holds the text. */
static struct builder_object *builder_of(struct expr_value v)
{
    struct builder_object *o = OBJECT(v, builder_object);

    return o->under ? o->under : o;
}

#define BUILDER(v) builder_of(v)

static struct expr_value text_of(struct expr_value v)
{
    struct slice s = buf_slice(&BUILDER(v)->text);

    return BUILDER(v)->ascii ? text_ascii(s) : (struct expr_value){ .kind = EXPR_STRING, .n = (uint32_t)s.n, .s = s.n ? s.p : "" };
}

static struct expr_value append(struct vm *vm, struct expr_value self, struct expr_value text)
{
    struct builder_object *o = BUILDER(self);

    if (text.kind == EXPR_NULL || vm->thrown)
        return self;
    if (OBJECT(self, builder_object)->closed)
        return vm_throw(vm, TYPE_OBJECTDISPOSEDEXCEPTION, "Cannot write to a closed TextWriter.");
    o->ascii &= text_is_ascii(text);
    text_put(&o->text, text_slice(text));
    if (o->text.failed || !vm_charge(vm, text.n / 64))
        return vm_throw_budget(vm, "memory");
    return self;
}

/* Put another text in its place. */
static struct expr_value become(struct vm *vm, struct expr_value self, struct expr_value text)
{
    struct builder_object *o = BUILDER(self);

    if (text.kind != EXPR_STRING)
        return expr_value_null();
    buf_init(&o->text, vm->arena);
    o->ascii = true;
    return append(vm, self, text);
}

/* (), (capacity), (text), (text, capacity) */
NATIVE(builder_new)
{
    struct builder_object *o;

    for (unsigned i = 0; i < site->n; i++)
        if (a[i].kind == EXPR_I32 && a[i].i < 0)
            return string_negative(vm, "capacity", a[i].i);
    o = make(vm, site->ret, site->n && a[0].kind == EXPR_STRING ? a[0] : expr_value_null());
    return o ? object_value(o) : expr_value_null();
}

NATIVE(builder_new_part)
{
    NEED(0, "value");
    a[0] = net_string_substring_length(vm, site, a);
    return vm->thrown ? expr_value_null() : net_builder_new(vm, site, a);
}

/* The snapshot is a copy: the builder may change behind it. */
NATIVE(builder_to_string)
{
    struct expr_value v = text_of(a[0]);

    v.s = arena_copy(vm->arena, text_slice(v)).p;
    return v.s || v.n == 0 ? v : vm_throw_budget(vm, "memory");
}

NATIVE(builder_to_string_part)
{
    struct expr_value part[3] = { net_builder_to_string(vm, site, a), a[1], a[2] };

    return vm->thrown ? expr_value_null() : net_string_substring_length(vm, site, part);
}

NATIVE(builder_length)
{
    return val_int((int32_t)text_length(text_of(a[0])));
}

NATIVE(builder_capacity)
{
    int32_t n = net_builder_length(vm, site, a).i > 16 ? (int32_t)net_builder_length(vm, site, a).i : 16;

    return val_int(n);
}

NATIVE(builder_set_length)
{
    int64_t n;

    n = text_length(text_of(a[0]));
    if (a[1].i < 0)
        return vm_throw_range(vm, "value");
    if (a[1].i <= n)
        return become(vm, a[0], str_make(vm, text_slice(str_sub(vm, text_of(a[0]), 0, (uint32_t)a[1].i))));
    for (; n < a[1].i && !vm->thrown; n++)
        append(vm, a[0], text_ascii(slice_of("\0", 1)));
    return expr_value_null();
}

NATIVE(builder_item)
{
    if (a[1].i < 0 || a[1].i >= text_length(text_of(a[0])))
        return vm_throw(vm, TYPE_INDEXOUTOFRANGEEXCEPTION, "Index was outside the bounds of the array.");
    return val_char(str_unit(vm, text_of(a[0]), (uint32_t)a[1].i));
}

/* The parts before `at` and behind `at + n`, with `middle` between them. */
static struct expr_value splice(struct vm *vm, struct expr_value self, int64_t at, int64_t n, struct expr_value middle)
{
    struct expr_value text = str_make(vm, text_slice(text_of(self)));
    uint32_t length = text_length(text);

    become(vm, self, str_sub(vm, text, 0, (uint32_t)at));
    append(vm, self, middle);
    return append(vm, self, str_sub(vm, text, (uint32_t)(at + n), length - (uint32_t)(at + n)));
}

NATIVE(builder_set_item)
{
    if (a[1].i < 0 || a[1].i >= text_length(text_of(a[0])))
        return vm_throw_index(vm);
    splice(vm, a[0], a[1].i, 1, string_needle(vm, a[2]));
    return expr_value_null();
}

NATIVE(builder_append)
{
    return append(vm, a[0], value_to_string(vm, a[1]));
}

NATIVE(builder_append_chars)
{
    return a[1].kind == EXPR_NULL ? a[0] : append(vm, a[0], net_string_new_chars(vm, site, a + 1));
}

NATIVE(builder_append_repeat)
{
    if (a[2].i < 0)
        return string_negative(vm, "repeatCount", a[2].i);
    return append(vm, a[0], net_string_new_repeat(vm, site, a + 1));
}

/* (text, start, count) */
NATIVE(builder_append_part)
{
    if (a[1].kind == EXPR_NULL)
        return a[2].i == 0 && a[3].i == 0 ? a[0] : vm_throw_arg_null(vm, "value");
    if (type_of_value(a[1])->id == TYPE_STRINGBUILDER)
        a[1] = net_builder_to_string(vm, site, a + 1);
    else if (a[1].kind == EXPR_OBJECT)
        a[1] = net_string_new_chars(vm, site, a + 1);
    if (a[2].i < 0 || a[3].i < 0 || a[2].i + a[3].i > text_length(a[1]))
        return vm_throw(vm, TYPE_ARGUMENTOUTOFRANGEEXCEPTION, "Index was out of range. Must be non-negative and less than or equal to the size of the collection. (Parameter '%s')",
                        a[2].i < 0 ? "startIndex" : a[3].i < 0 ? "count" : "startIndex");
    return append(vm, a[0], str_sub(vm, a[1], (uint32_t)a[2].i, (uint32_t)a[3].i));
}

static struct expr_value end_line(struct vm *vm, struct expr_value self)
{
    struct expr_value new_line = OBJECT(self, builder_object)->new_line;

    return append(vm, self, new_line.kind == EXPR_NULL ? TEXT("\n") : new_line);
}

NATIVE(builder_append_line)
{
    if (site->n > 1)
        append(vm, a[0], value_to_string(vm, a[1]));
    return end_line(vm, a[0]);
}

NATIVE(builder_append_format)
{
    return append(vm, a[0], net_string_format(vm, site, a + 1));
}

NATIVE(builder_append_format_provider)
{
    return append(vm, a[0], net_string_format(vm, site, a + 2));
}

NATIVE(builder_append_join)
{
    return append(vm, a[0], net_string_join(vm, site, a + 1));
}

NATIVE(builder_insert)
{
    if (a[1].i < 0 || a[1].i > text_length(text_of(a[0])))
        return vm_throw(vm, TYPE_ARGUMENTOUTOFRANGEEXCEPTION, "Index was out of range. Must be non-negative and less than or equal to the size of the collection. (Parameter 'index')");
    if (a[2].kind == EXPR_NULL)
        return a[0];
    return splice(vm, a[0], a[1].i, 0, a[2].kind == EXPR_OBJECT && type_eq(type_of_value(a[2]), &type_chars) ? net_string_new_chars(vm, site, a + 2)
                                                                                                          : value_to_string(vm, a[2]));
}

/* (index, text, count) */
NATIVE(builder_insert_times)
{
    if (a[3].i < 0)
        return string_negative(vm, "count", a[3].i);
    for (int64_t i = 0; i < a[3].i && !vm->thrown && vm_charge(vm, 1); i++)
        net_builder_insert(vm, site, a);
    return a[0];
}

/* (index, chars, start, count) */
NATIVE(builder_insert_part)
{
    struct expr_value part[3] = { a[2], a[3], a[4] }, args[3] = { a[0], a[1] };

    if (a[2].kind == EXPR_NULL)
        return a[3].i == 0 && a[4].i == 0 ? a[0] : vm_throw_arg_null(vm, "value");
    args[2] = net_string_new_chars_part(vm, site, part);
    return vm->thrown ? expr_value_null() : net_builder_insert(vm, site, args);
}

NATIVE(builder_copy_to)
{
    a[0] = text_of(a[0]);
    return net_string_copy_to(vm, site, a);
}

NATIVE(builder_remove)
{
    if (a[2].i < 0)
        return string_negative(vm, "length", a[2].i);
    if (a[1].i < 0)
        return string_negative(vm, "startIndex", a[1].i);
    if (a[1].i + a[2].i > text_length(text_of(a[0])))
        return vm_throw(vm, TYPE_ARGUMENTOUTOFRANGEEXCEPTION, "Index was out of range. Must be non-negative and less than or equal to the size of the collection. (Parameter 'length')");
    return splice(vm, a[0], a[1].i, a[2].i, TEXT(""));
}

/* (old, new [, start, count]) */
NATIVE(builder_replace)
{
    struct expr_value args[3] = { expr_value_null(), a[1], a[2] };
    struct site plain = *site;

    NEED(1, "oldValue");
    plain.n = 3;
    args[0] = net_builder_to_string(vm, site, a);
    if (site->n > 4) {
        if (a[3].i < 0 || a[4].i < 0 || a[3].i + a[4].i > text_length(args[0]))
            return vm_throw_range(vm, a[3].i < 0 ? "startIndex" : "count");
        args[0] = str_sub(vm, args[0], (uint32_t)a[3].i, (uint32_t)a[4].i);
    }
    args[0] = net_string_replace(vm, &plain, args);
    if (vm->thrown)
        return expr_value_null();
    return site->n > 4 ? splice(vm, a[0], a[3].i, a[4].i, args[0]) : become(vm, a[0], args[0]);
}

NATIVE(builder_clear)
{
    return become(vm, a[0], TEXT(""));
}

NATIVE(builder_equals)
{
    struct expr_value other = a[1];

    return val_bool(other.kind == EXPR_OBJECT && slice_eq(text_slice(text_of(a[0])), text_slice(text_of(other))));
}

NATIVE(builder_max_capacity)
{
    return val_int(INT32_MAX);
}

/* ---- StringWriter ---- */

/* What was written, as a builder of its own. */
NATIVE(writer_builder)
{
    struct builder_object *o;

    o = BUILDER(a[0]);
    return object_value(o);
}

NATIVE(writer_new_on)
{
    struct builder_object *o;

    NEED(0, "sb");
    o = make(vm, site->ret, expr_value_null());
    if (o)
        o->under = OBJECT(a[0], builder_object);
    return o ? object_value(o) : expr_value_null();
}

NATIVE(writer_new)
{
    struct builder_object *under = make(vm, TYPE_OF(STRINGBUILDER), expr_value_null());
    struct expr_value on = under ? object_value(under) : expr_value_null();

    return under ? net_writer_new_on(vm, site, &on) : expr_value_null();
}

/* The writers return nothing. */
NATIVE(writer_write)
{
    net_builder_append(vm, site, a);
    return expr_value_null();
}

NATIVE(writer_write_chars)
{
    net_builder_append_chars(vm, site, a);
    return expr_value_null();
}

NATIVE(writer_write_format)
{
    net_builder_append_format(vm, site, a);
    return expr_value_null();
}

NATIVE(writer_write_line)
{
    net_builder_append_line(vm, site, a);
    return expr_value_null();
}

NATIVE(writer_write_line_format)
{
    net_builder_append_format(vm, site, a);
    end_line(vm, a[0]);
    return expr_value_null();
}

NATIVE(writer_write_part)
{
    net_builder_append_part(vm, site, a);
    return expr_value_null();
}

NATIVE(writer_write_line_part)
{
    net_builder_append_part(vm, site, a);
    end_line(vm, a[0]);
    return expr_value_null();
}

NATIVE(writer_write_line_chars)
{
    net_builder_append_chars(vm, site, a);
    end_line(vm, a[0]);
    return expr_value_null();
}

NATIVE(writer_new_line)
{
    struct expr_value new_line = OBJECT(a[0], builder_object)->new_line;

    return new_line.kind == EXPR_NULL ? TEXT("\n") : new_line;
}

NATIVE(writer_set_new_line)
{
    OBJECT(a[0], builder_object)->new_line = a[1];
    return expr_value_null();
}

NATIVE(writer_close)
{
    OBJECT(a[0], builder_object)->closed = true;
    return expr_value_null();
}

NATIVE(writer_flush)
{
    return expr_value_null();
}

/* ---- StringReader ---- */

NATIVE(reader_new)
{
    struct builder_object *o;

    NEED(0, "s");
    o = make(vm, site->ret, a[0]);
    return o ? object_value(o) : expr_value_null();
}

static bool is_open(struct vm *vm, struct expr_value v)
{
    if (v.kind == EXPR_NULL)
        vm_throw_null(vm);
    else if (BUILDER(v)->closed)
        vm_throw(vm, TYPE_OBJECTDISPOSEDEXCEPTION, "Cannot read from a closed TextReader.");
    return !vm->thrown;
}

static struct expr_value unit_at(struct vm *vm, struct expr_value v, bool move)
{
    struct builder_object *o = BUILDER(v);
    struct expr_value text = text_of(v);

    if (o->at >= text_length(text))
        return val_int(-1);
    o->at += move;
    return val_int((int32_t)str_unit(vm, text, o->at - move));
}

NATIVE(reader_peek)
{
    return is_open(vm, a[0]) ? unit_at(vm, a[0], false) : expr_value_null();
}

NATIVE(reader_read)
{
    return is_open(vm, a[0]) ? unit_at(vm, a[0], true) : expr_value_null();
}

static struct expr_value rest(struct vm *vm, struct expr_value v)
{
    struct expr_value text = text_of(v);
    uint32_t n = text_length(text), at = BUILDER(v)->at;

    return str_sub(vm, text, at, n - at);
}

NATIVE(reader_read_to_end)
{
    struct expr_value v;

    if (!is_open(vm, a[0]))
        return expr_value_null();
    v = rest(vm, a[0]);
    BUILDER(a[0])->at += text_length(v);
    return v;
}

NATIVE(reader_read_line)
{
    struct expr_value v;
    struct slice s;
    size_t n = 0, end;

    if (!is_open(vm, a[0]))
        return expr_value_null();
    v = rest(vm, a[0]);
    s = text_slice(v);
    if (s.n == 0)
        return expr_value_null();
    while (n < s.n && s.p[n] != '\r' && s.p[n] != '\n')
        n++;
    end = n + (n < s.n) + (n + 1 < s.n && s.p[n] == '\r' && s.p[n + 1] == '\n');
    BUILDER(a[0])->at += text_index(v, (uint32_t)end);
    return text_value(slice_first(s, n));
}

/* (buffer, index, count): units read */
NATIVE(reader_read_block)
{
    int n = 0;

    NEED(1, "buffer");
    if (!is_open(vm, a[0]))
        return expr_value_null();
    if (a[2].i < 0 || a[3].i < 0)
        return string_negative(vm, a[2].i < 0 ? "index" : "count", a[2].i < 0 ? a[2].i : a[3].i);
    for (; n < a[3].i; n++) {
        struct expr_value c = unit_at(vm, a[0], true);

        if (c.i < 0 || !array_set(vm, a[1], a[2].i + n, val_char((uint32_t)c.i)))
            break;
    }
    return val_int(n);
}
