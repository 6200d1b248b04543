/* Regex.Replace, Split, Escape, Unescape. */
#include "policy/expr/lib/regex_lib.h"

#include "policy/expr/format.h"
#include "policy/expr/lib/lib.h"

/* ---- replacement patterns ---- */

static bool is_name_byte(char c)
{
    return ascii_is_alpha(c) || ascii_is_digit(c) || c == '_' || (unsigned char)c >= 0x80;
}

/* '$' number | '${' name '}' at p: the slot and the bytes taken; 0: it is plain text. */
static size_t group_reference(const struct rx *rx, struct slice s, int *slot)
{
    bool braces = s.n > 1 && s.p[1] == '{';
    size_t from = braces ? 2 : 1, to = from;
    uint64_t number;

    while (to < s.n && (braces ? is_name_byte(s.p[to]) : ascii_is_digit(s.p[to])))
        to++;
    if (to == from || (braces && (to == s.n || s.p[to] != '}')))
        return 0;
    if (slice_to_u64(slice_sub(s, from, to), INT32_MAX, &number))
        *slot = rx_slot(rx, (int32_t)number);
    else
        *slot = rx_slot_by_name(rx, slice_sub(s, from, to));
    return *slot < 0 ? 0 : to + braces;
}

static struct expr_value around(struct vm *vm, const struct match_data *m, bool before)
{
    int32_t length = (int32_t)text_length(m->input);

    if (before)
        return str_sub(vm, m->input, 0, (uint32_t)m->spans[0].from);
    return str_sub(vm, m->input, (uint32_t)m->spans[0].to, (uint32_t)(length - m->spans[0].to));
}

bool regex_put_replacement(struct vm *vm, struct buf *b, const struct rx *rx, struct slice pattern,
                           const struct match_data *m)
{
    ptrdiff_t at;

    while ((at = slice_find_byte(pattern, '$')) >= 0) {
        char c = (size_t)at + 1 < pattern.n ? pattern.p[at + 1] : 0;
        struct expr_value part = expr_value_null();
        size_t taken = 2;
        int slot;

        text_put(b, slice_first(pattern, (size_t)at));
        pattern = slice_skip(pattern, (size_t)at);
        switch (c) {
        case '$': part = TEXT("$"); break;
        case '&': part = regex_slot_text(vm, m, 0); break;
        case '`': part = around(vm, m, true); break;
        case '\'': part = around(vm, m, false); break;
        case '+': part = regex_slot_text(vm, m, m->nslots - 1); break;
        case '_': part = m->input; break;
        default:
            taken = group_reference(rx, pattern, &slot);
            part = taken ? regex_slot_text(vm, m, (uint32_t)slot) : TEXT("$");
            taken = taken ? taken : 1;
        }
        text_put(b, text_slice(part));
        pattern = slice_skip(pattern, taken);
        if (!vm_charge(vm, part.n / 64))
            return false;
    }
    text_put(b, pattern);
    if (b->failed)
        vm_throw_budget(vm, "memory");
    return !b->failed;
}

/* ---- Replace ---- */

struct replacing {
    struct search search;
    struct expr_value with; /* text or a delegate */
    int64_t count;          /* -1: all */
};

static bool put_replaced(struct replacing *r, struct buf *b, const struct match_data *m)
{
    struct vm *vm = r->search.vm;
    struct expr_value match, text;

    if (r->with.kind == EXPR_STRING)
        return regex_put_replacement(vm, b, r->search.entry->rx, text_slice(r->with), m);
    match = regex_match_value(vm, m);
    if (vm->thrown || !vm_call(vm, r->with, &match, 1, &text))
        return false;
    if (text.kind == EXPR_STRING)
        text_put(b, text_slice(text));
    return true;
}

/* All matches first, for those found from right to left are written from left to right. */
static struct expr_value replace_leftwards(struct replacing *r, int32_t start)
{
    struct vm *vm = r->search.vm;
    struct expr_value *parts = NULL, joined;
    uint32_t n = 0, room = 0;
    int32_t end = r->search.length;
    struct match_data *m;
    struct buf b;
    int got = 0;

    while (r->count-- != 0 && (got = regex_find(&r->search, start, &m)) > 0) {
        struct buf one;

        buf_init(&one, vm->arena);
        if (!put_replaced(r, &one, m))
            return expr_value_null();
        if (n + 2 > room) {
            uint32_t more = room ? 2 * room : 16;

            parts = arena_grow(vm->arena, parts, room * sizeof *parts, more * sizeof *parts);
            if (!parts)
                return vm_throw_budget(vm, "memory");
            room = more;
        }
        parts[n++] = regex_between(&r->search, m->spans[0].to, end);
        parts[n++] = text_value(buf_slice(&one));
        end = m->spans[0].from;
        start = regex_after(&r->search, m);
    }
    if (got < 0)
        return expr_value_null();
    buf_init(&b, vm->arena);
    text_put(&b, text_slice(regex_between(&r->search, 0, end)));
    while (n > 0)
        text_put(&b, text_slice(parts[--n]));
    joined = text_value(buf_slice(&b));
    return b.failed ? vm_throw_budget(vm, "memory") : joined;
}

static struct expr_value replace_all(struct replacing *r, int32_t start)
{
    struct vm *vm = r->search.vm;
    int32_t done = 0;
    struct match_data *m;
    struct buf b;
    int got = 0;
    bool any = false;

    if (r->search.left)
        return replace_leftwards(r, start);
    buf_init(&b, vm->arena);
    while (r->count-- != 0 && (got = regex_find(&r->search, start, &m)) > 0) {
        any = true;
        text_put(&b, text_slice(regex_between(&r->search, done, m->spans[0].from)));
        if (!put_replaced(r, &b, m))
            return expr_value_null();
        done = m->spans[0].to;
        start = regex_after(&r->search, m);
    }
    if (got < 0)
        return expr_value_null();
    if (!any)
        return r->search.input;
    text_put(&b, text_slice(regex_between(&r->search, done, r->search.length)));
    return b.failed ? vm_throw_budget(vm, "memory") : text_value(buf_slice(&b));
}

static struct expr_value replace(struct vm *vm, const struct regex_object *regex, struct expr_value input,
                                 struct expr_value with, bool is_text, int64_t count, const int64_t *startat)
{
    struct replacing r = { .with = with, .count = count };
    struct expr_value result = expr_value_null();

    if (regex_open(&r.search, vm, regex, input)) {
        if (with.kind == EXPR_NULL)
            vm_throw_arg_null(vm, is_text ? "replacement" : "evaluator");
        else if (count < -1)
            vm_throw(vm, TYPE_ARGUMENTOUTOFRANGEEXCEPTION,
                     "Count cannot be less than -1. (Parameter 'count')");
        else if (startat && (*startat < 0 || *startat > r.search.length))
            vm_throw(vm, TYPE_ARGUMENTOUTOFRANGEEXCEPTION,
                     "Start index cannot be less than 0 or greater than input length. (Parameter 'startat')");
        else
            result = replace_all(&r, startat ? (int32_t)*startat : regex_begin(&r.search));
    }
    regex_close(&r.search);
    return result;
}

NATIVE(regex_replace)
{
    return replace(vm, OBJECT(a[0], regex_object), a[1], a[2], a[2].kind != EXPR_OBJECT,
                   site->n > 3 ? a[3].i : -1, site->n > 4 ? &a[4].i : NULL);
}

NATIVE(regex_static_replace)
{
    struct regex_object *r = regex_make(vm, a[1], site->n > 3 ? a[3].i : 0);

    return r ? replace(vm, r, a[0], a[2], a[2].kind != EXPR_OBJECT, -1, NULL) : expr_value_null();
}

/* ---- Split ---- */

/* The pieces between matches, and the groups' captures between the pieces. */
static struct expr_value split(struct search *s, int64_t count, int32_t start)
{
    struct list_object *l = list_make(s->vm, &type_strings, 4);
    int32_t done = s->left ? s->length : 0;
    struct match_data *m;
    int got = 0;

    while (l && --count != 0 && (got = regex_find(s, start, &m)) > 0) {
        int32_t from = m->spans[0].from, to = m->spans[0].to;

        if (!list_append(s->vm, l, s->left ? regex_between(s, to, done) : regex_between(s, done, from)))
            return expr_value_null();
        done = s->left ? from : to;
        for (uint32_t i = 1; i < m->nslots; i++)
            if (m->spans[i].from >= 0 && !list_append(s->vm, l, regex_slot_text(s->vm, m, i)))
                return expr_value_null();
        start = regex_after(s, m);
    }
    if (!l || got < 0 ||
        !list_append(s->vm, l, s->left ? regex_between(s, 0, done) : regex_between(s, done, s->length)))
        return expr_value_null();
    for (uint32_t i = 0; s->left && i < l->n / 2; i++) {
        struct expr_value swap = l->items[i];

        l->items[i] = l->items[l->n - 1 - i];
        l->items[l->n - 1 - i] = swap;
    }
    return object_value(l);
}

static struct expr_value split_input(struct vm *vm, const struct regex_object *r, struct expr_value input,
                                     int64_t count, const int64_t *startat)
{
    struct expr_value result = expr_value_null();
    struct search s;

    if (regex_open(&s, vm, r, input)) {
        if (count < 0)
            vm_throw(vm, TYPE_ARGUMENTOUTOFRANGEEXCEPTION,
                     "Count cannot be less than -1. (Parameter 'count')");
        else if (startat && (*startat < 0 || *startat > s.length))
            vm_throw(vm, TYPE_ARGUMENTOUTOFRANGEEXCEPTION,
                     "Start index cannot be less than 0 or greater than input length. (Parameter 'startat')");
        else
            result = split(&s, count, startat ? (int32_t)*startat : regex_begin(&s));
    }
    regex_close(&s);
    return result;
}

NATIVE(regex_split)
{
    return split_input(vm, OBJECT(a[0], regex_object), a[1], site->n > 2 ? a[2].i : 0,
                       site->n > 3 ? &a[3].i : NULL);
}

NATIVE(regex_static_split)
{
    struct regex_object *r = regex_make(vm, a[1], site->n > 2 ? a[2].i : 0);

    return r ? split_input(vm, r, a[0], 0, NULL) : expr_value_null();
}

/* ---- Escape, Unescape ---- */

NATIVE(regex_escape)
{
    struct buf b;

    if (a[0].kind == EXPR_NULL)
        return vm_throw_arg_null(vm, "str");
    buf_init(&b, vm->arena);
    for (uint32_t i = 0; i < a[0].n; i++) {
        char c = a[0].s[i];
        char letter = c == '\n' ? 'n' : c == '\r' ? 'r' : c == '\t' ? 't' : c == '\f' ? 'f' : 0;

        if (letter) {
            buf_putc(&b, '\\');
            buf_putc(&b, letter);
            continue;
        }
        if (c && strchr("\\*+?|{[()^$.# ", c))
            buf_putc(&b, '\\');
        buf_putc(&b, c);
    }
    return b.failed ? vm_throw_budget(vm, "memory") : text_value(buf_slice(&b));
}

NATIVE(regex_unescape)
{
    struct rx_error err;
    struct buf b;

    if (a[0].kind == EXPR_NULL)
        return vm_throw_arg_null(vm, "str");
    buf_init(&b, vm->arena);
    if (!rx_unescape(vm->arena, text_slice(a[0]), &b, &err))
        return vm_throw(vm, TYPE_REGEXPARSEEXCEPTION, "Invalid pattern '%.*s' at offset %u. %s", (int)a[0].n,
                        a[0].s, err.offset, err.text);
    return b.failed ? vm_throw_budget(vm, "memory") : text_value(buf_slice(&b));
}
