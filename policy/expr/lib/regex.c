/* Regex, Match, Group, Capture and their collections. */
#include "policy/expr/lib/regex_lib.h"

#include "policy/expr/format.h"
#include "policy/expr/lib/lib.h"

#define REGEX(v) OBJECT(v, regex_object)
#define CAPTURE(v) OBJECT(v, capture_object)
#define LIST(v) OBJECT(OBJECT(v, captures_object)->list, list_object)
#define NOWHERE ((struct rx_span){ -1, -1 })

/* ---- Regex ---- */

NATIVE(regex_new)
{
    struct regex_object *r = regex_make(vm, a[0], site->n > 1 ? a[1].i : 0);
    struct search s;
    bool ok;

    if (!r)
        return expr_value_null();
    ok = regex_open(&s, vm, r, TEXT("")); /* a bad pattern fails here */
    regex_close(&s);
    return ok ? object_value(r) : expr_value_null();
}

NATIVE(regex_same)
{
    return a[0].kind == EXPR_NULL ? vm_throw_arg_null(vm, "inner") : a[0];
}

NATIVE(regex_infinite)
{
    return (struct expr_value){ .kind = EXPR_TIMESPAN, .i = -10000 };
}

NATIVE(regex_timeout)
{
    return net_regex_infinite(vm, site, a);
}

NATIVE(regex_options)
{
    return val_enum(TYPE_REGEXOPTIONS, REGEX(a[0])->options);
}

NATIVE(regex_right_to_left)
{
    return val_bool(REGEX(a[0])->options & RX_RIGHT_TO_LEFT);
}

NATIVE(regex_to_string)
{
    return REGEX(a[0])->pattern;
}

/* Names or numbers of all groups. */
static struct expr_value list_groups(struct vm *vm, const struct regex_object *r, bool names)
{
    static const struct type *const number[] = { TYPE_OF(INT) };
    static const struct type numbers = { .id = TYPE_ARRAY, .n = 1, .args = number };
    struct list_object *l = list_make(vm, names ? &type_strings : &numbers, 4);
    struct search s;

    for (uint32_t i = 0; l && regex_open(&s, vm, r, TEXT("")) && i < s.entry->rx->ngroups; i++) {
        const struct rx_group *g = &s.entry->rx->groups[i];

        list_append(vm, l, names ? str_make(vm, g->name) : val_int(g->number));
        regex_close(&s);
        if (vm->thrown)
            return expr_value_null();
    }
    regex_close(&s);
    return l && !vm->thrown ? object_value(l) : expr_value_null();
}

NATIVE(regex_group_names)
{
    return list_groups(vm, REGEX(a[0]), true);
}

NATIVE(regex_group_numbers)
{
    return list_groups(vm, REGEX(a[0]), false);
}

NATIVE(regex_group_name)
{
    struct expr_value name = TEXT("");
    struct search s;
    int slot;

    if (regex_open(&s, vm, REGEX(a[0]), TEXT("")) && (slot = rx_slot(s.entry->rx, (int32_t)a[1].i)) >= 0)
        name = str_make(vm, s.entry->rx->groups[slot].name);
    regex_close(&s);
    return name;
}

NATIVE(regex_group_number)
{
    struct search s;
    int slot, number = -1;

    if (a[1].kind == EXPR_NULL)
        return vm_throw_arg_null(vm, "name");
    if (regex_open(&s, vm, REGEX(a[0]), TEXT("")) &&
        (slot = rx_slot_by_name(s.entry->rx, text_slice(a[1]))) >= 0)
        number = s.entry->rx->groups[slot].number;
    regex_close(&s);
    return val_int(number);
}

/* ---- matching ---- */

/* Where to begin: given by argument i, when there is one. False: exception. */
static bool start_of(struct search *s, const struct site *site, const struct expr_value *a, unsigned i,
                     int32_t *start)
{
    *start = regex_begin(s);
    if (site->n <= i)
        return true;
    if (a[i].i < 0 || a[i].i > s->length) {
        vm_throw(s->vm, TYPE_ARGUMENTOUTOFRANGEEXCEPTION,
                 "Start index cannot be less than 0 or greater than input length. (Parameter 'startat')");
        return false;
    }
    *start = (int32_t)a[i].i;
    return true;
}

static struct expr_value no_match(struct vm *vm)
{
    static const struct match_data empty = { .input = { .kind = EXPR_STRING, .flags = EXPR_ASCII, .s = "" } };

    static const struct capture_object none = { { TYPE_OF(MATCH) }, &empty, 0, { -1, -1 }, { -1, -1 } };

    (void)vm;
    return object_value(&none);
}

static struct expr_value first_match(struct search *s, int32_t start)
{
    struct match_data *m;
    int got = regex_find(s, start, &m);

    return got > 0 ? regex_match_value(s->vm, m) : got == 0 ? no_match(s->vm) : expr_value_null();
}

static struct expr_value collection(struct vm *vm, const struct type *type, struct list_object *l,
                                    const struct match_data *m)
{
    struct captures_object *c = l ? vm_new(vm, struct captures_object) : NULL;

    if (!c || vm->thrown)
        return expr_value_null();
    c->head.type = type;
    c->list = object_value(l);
    c->m = m;
    return object_value(c);
}

/* List<element>, made once. */
#define LIST_TYPE(name, element) \
    static const struct type *const name##_args[] = { TYPE_OF(element) }; \
    static const struct type name = { .id = TYPE_LIST, .n = 1, .args = name##_args }
LIST_TYPE(list_of_match, MATCH);
LIST_TYPE(list_of_group, GROUP);
LIST_TYPE(list_of_capture, CAPTURE);
LIST_TYPE(list_of_string, STRING);

static struct expr_value all_matches(struct search *s, int32_t start)
{
    struct list_object *l = list_make(s->vm, &list_of_match, 0);
    struct match_data *m;

    while (l && regex_find(s, start, &m) > 0) {
        if (!list_append(s->vm, l, regex_match_value(s->vm, m)))
            break;
        start = regex_after(s, m);
    }
    return collection(s->vm, TYPE_OF(MATCHCOLLECTION), l, NULL);
}

static struct expr_value count_matches(struct search *s, int32_t start)
{
    struct match_data *m;
    int32_t n = 0;

    for (; regex_find(s, start, &m) > 0; n++)
        start = regex_after(s, m);
    return val_int(n);
}

static struct expr_value is_match(struct search *s, int32_t start)
{
    struct match_data *m;

    return val_bool(regex_find(s, start, &m) > 0);
}

/* Instance: this, input[, startat]. Static: input, pattern[, options[, timeout]]. */
static struct expr_value on_instance(struct vm *vm, const struct site *site, struct expr_value *a,
                                     struct expr_value (*work)(struct search *, int32_t))
{
    struct expr_value result = expr_value_null();
    struct search s;
    int32_t start;

    if (regex_open(&s, vm, REGEX(a[0]), a[1]) && start_of(&s, site, a, 2, &start))
        result = work(&s, start);
    regex_close(&s);
    return result;
}

static struct expr_value on_static(struct vm *vm, const struct site *site, struct expr_value *a,
                                   struct expr_value (*work)(struct search *, int32_t))
{
    struct regex_object *r = regex_make(vm, a[1], site->n > 2 ? a[2].i : 0);
    struct expr_value result = expr_value_null();
    struct search s;

    if (!r)
        return result;
    if (regex_open(&s, vm, r, a[0]))
        result = work(&s, regex_begin(&s));
    regex_close(&s);
    return result;
}

#define BOTH(name, work) \
    NATIVE(regex_##name) \
    { \
        return on_instance(vm, site, a, work); \
    } \
    NATIVE(regex_static_##name) \
    { \
        return on_static(vm, site, a, work); \
    }
BOTH(is_match, is_match)
BOTH(match, first_match)
BOTH(matches, all_matches)
BOTH(count, count_matches)

/* Match(input, beginning, length): the part is seen as the whole, indexes count in the input. */
NATIVE(regex_match_part)
{
    struct expr_value result = expr_value_null();
    struct search s;

    if (regex_open(&s, vm, REGEX(a[0]), a[1])) {
        if (a[2].i < 0 || a[2].i > s.length) {
            vm_throw_range(vm, "beginning");
        } else if (a[3].i < 0 || a[3].i > s.length - a[2].i) {
            vm_throw_range(vm, "length");
        } else {
            s.from = (int32_t)a[2].i;
            s.limit = (int32_t)(a[2].i + a[3].i);
            result = first_match(&s, regex_begin(&s));
        }
    }
    regex_close(&s);
    return result;
}

/* ---- Capture, Group, Match ---- */

NATIVE(capture_index)
{
    return val_int(CAPTURE(a[0])->span.from < 0 ? 0 : CAPTURE(a[0])->span.from);
}

NATIVE(capture_length)
{
    return val_int(CAPTURE(a[0])->span.to - CAPTURE(a[0])->span.from);
}

NATIVE(capture_value)
{
    return regex_text(vm, CAPTURE(a[0])->m, CAPTURE(a[0])->span, CAPTURE(a[0])->bytes);
}

NATIVE(group_success)
{
    return val_bool(CAPTURE(a[0])->span.from >= 0);
}

static struct expr_value name_of(struct vm *vm, const struct match_data *m, int32_t slot)
{
    struct expr_value name = TEXT("0");
    struct search s;

    if (slot <= 0 || !m->regex)
        return slot < 0 && m->regex ? TEXT("") : name;
    if (regex_open(&s, vm, m->regex, TEXT("")))
        name = str_make(vm, s.entry->rx->groups[slot].name);
    regex_close(&s);
    return name;
}

NATIVE(group_name)
{
    return name_of(vm, CAPTURE(a[0])->m, CAPTURE(a[0])->slot);
}

static struct expr_value group_value(struct vm *vm, const struct match_data *m, int32_t slot)
{
    struct capture_object *c;

    if (slot == 0)
        return regex_match_value(vm, m);
    c = vm_new(vm, struct capture_object);
    if (!c)
        return expr_value_null();
    *c = (struct capture_object){
        .head = { TYPE_OF(GROUP) }, .m = m, .slot = slot, .span = NOWHERE, .bytes = NOWHERE
    };
    if (slot > 0) {
        c->span = m->spans[slot];
        c->bytes = m->bytes ? m->bytes[slot] : NOWHERE;
    }
    return object_value(c);
}

/* Every capture of a group that may have several: our matcher goes over the match once more. */
static const struct rx_captures *captures_of(struct vm *vm, const struct match_data *m)
{
    struct match_data *again;
    struct search s;
    const struct rx_captures *all = NULL;

    if (m->all)
        return m->all;
    if (regex_open(&s, vm, m->regex, m->input)) {
        s.fast = NULL;
        if (regex_find(&s, s.left ? m->spans[0].to : m->spans[0].from, &again) > 0)
            all = again->all;
    }
    regex_close(&s);
    return all;
}

NATIVE(group_captures)
{
    struct list_object *l = list_make(vm, &list_of_capture, 1);
    const struct capture_object *g = CAPTURE(a[0]);
    const struct rx_captures *all = NULL;
    struct capture_object *c;

    if (g->span.from >= 0 && g->slot > 0 && g->m->many)
        all = captures_of(vm, g->m);
    for (uint32_t i = 0; l && !vm->thrown && g->span.from >= 0 && i < (all ? all[g->slot].n : 1); i++) {
        c = vm_new(vm, struct capture_object);
        if (!c)
            break;
        *c = *g;
        if (all) {
            c->span = all[g->slot].v[i];
            c->bytes = NOWHERE;
        }
        c->head.type = TYPE_OF(CAPTURE);
        list_append(vm, l, object_value(c));
    }
    return collection(vm, TYPE_OF(CAPTURECOLLECTION), l, NULL);
}

NATIVE(match_empty)
{
    return no_match(vm);
}

NATIVE(match_groups)
{
    const struct match_data *m;
    struct list_object *l;

    m = CAPTURE(a[0])->m;
    l = list_make(vm, &list_of_group, m->regex ? m->nslots : 1);
    if (l && !m->regex)
        list_append(vm, l, a[0]);
    for (uint32_t i = 0; l && m->regex && i < m->nslots; i++)
        if (!list_append(vm, l, i == 0 ? a[0] : group_value(vm, m, (int32_t)i)))
            return expr_value_null();
    return collection(vm, TYPE_OF(GROUPCOLLECTION), l, m);
}

NATIVE(match_next)
{
    struct expr_value result = a[0];
    const struct match_data *m;
    struct search s;

    m = CAPTURE(a[0])->m;
    if (!m->regex)
        return a[0];
    if (regex_open(&s, vm, m->regex, m->input))
        result = first_match(&s, regex_after(&s, m));
    regex_close(&s);
    return result;
}

NATIVE(match_result)
{
    const struct match_data *m;
    struct search s;
    struct buf b;
    bool ok = false;

    if (a[1].kind == EXPR_NULL)
        return vm_throw_arg_null(vm, "replacement");
    m = CAPTURE(a[0])->m;
    if (!m->regex)
        return vm_throw(vm, TYPE_NOTSUPPORTEDEXCEPTION, "Result cannot be called on a failed Match.");
    buf_init(&b, vm->arena);
    if (regex_open(&s, vm, m->regex, TEXT("")))
        ok = regex_put_replacement(vm, &b, s.entry->rx, text_slice(a[1]), m);
    regex_close(&s);
    return ok ? text_value(buf_slice(&b)) : expr_value_null();
}

/* ---- collections ---- */

NATIVE(captures_iterate)
{
    return OBJECT(a[0], captures_object)->list;
}

NATIVE(captures_count)
{
    return val_int((int32_t)LIST(a[0])->n);
}

NATIVE(captures_item)
{
    if (a[1].i < 0 || a[1].i >= LIST(a[0])->n)
        return vm_throw_range(vm, "i");
    return LIST(a[0])->items[a[1].i];
}

/* Slots and numbers differ when a pattern numbers its groups itself. */
static int slot_numbered(struct vm *vm, const struct match_data *m, int64_t number)
{
    struct rx_entry *e;
    int slot;

    if (!m->regex || number == 0)
        return number == 0 ? 0 : -1;
    if (!(e = regex_entry(vm, m->regex)))
        return -1;
    slot = rx_slot(e->rx, (int32_t)number);
    rx_release(e);
    return slot;
}

static int slot_named(struct vm *vm, const struct match_data *m, struct expr_value name)
{
    struct rx_entry *e;
    int slot;

    if (!m->regex)
        return slice_eq(text_slice(name), SLICE("0")) ? 0 : -1;
    if (!(e = regex_entry(vm, m->regex)))
        return -1;
    slot = rx_slot_by_name(e->rx, text_slice(name));
    rx_release(e);
    return slot;
}

/* The slot of Groups[key], by number or name; -1: none, or an exception. */
static int slot_of_key(struct vm *vm, const struct match_data *m, struct expr_value key)
{
    if (key.kind == EXPR_I32)
        return slot_numbered(vm, m, key.i);
    if (key.kind != EXPR_NULL)
        return slot_named(vm, m, key);
    vm_throw_arg_null(vm, "groupname");
    return -1;
}

NATIVE(groups_item)
{
    const struct match_data *m = OBJECT(a[0], captures_object)->m;
    int slot = slot_of_key(vm, m, a[1]);

    return vm->thrown ? expr_value_null() : slot >= 0 ? LIST(a[0])->items[slot] : group_value(vm, m, -1);
}

/* match.Groups[key] in one step: gen.c puts the two together. */
NATIVE(match_group)
{
    const struct match_data *m = CAPTURE(a[0])->m;
    int slot = slot_of_key(vm, m, a[1]);

    return vm->thrown ? expr_value_null() : slot == 0 ? a[0] : group_value(vm, m, slot);
}

NATIVE(groups_contains_key)
{
    if (a[1].kind == EXPR_NULL)
        return vm_throw_arg_null(vm, "key");
    return val_bool(slot_named(vm, OBJECT(a[0], captures_object)->m, a[1]) >= 0);
}

NATIVE(groups_try_get)
{
    int slot;

    if (a[1].kind == EXPR_NULL)
        return vm_throw_arg_null(vm, "key");
    slot = slot_named(vm, OBJECT(a[0], captures_object)->m, a[1]);
    a[2] = slot >= 0 ? LIST(a[0])->items[slot] : expr_value_null();
    return val_bool(slot >= 0);
}

NATIVE(groups_keys)
{
    const struct match_data *m;
    struct list_object *l;

    m = OBJECT(a[0], captures_object)->m;
    l = list_make(vm, &list_of_string, 4);
    for (uint32_t i = 0; l && i < LIST(a[0])->n && !vm->thrown; i++)
        list_append(vm, l, name_of(vm, m, (int32_t)i));
    return l && !vm->thrown ? object_value(l) : expr_value_null();
}
