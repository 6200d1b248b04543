/* Searching: which engine, counting in UTF-16 units, results as objects. */
#include "policy/expr/lib/regex_lib.h"

#include "policy/expr/lib/lib.h"

/* Work of our own matcher in one search: some 5 ms. */
#define STEPS_BASE (1u << 19)
#define STEPS_UNIT 8u
#define SCRATCH_MAX ((size_t)4 << 20)

struct regex_object *regex_make(struct vm *vm, struct expr_value pattern, int64_t options)
{
    struct regex_object *r;

    if (pattern.kind == EXPR_NULL) {
        vm_throw_arg_null(vm, "pattern");
        return NULL;
    }
    if (options & ~(int64_t)RX_OPTIONS_ALL ||
        (options & RX_ECMASCRIPT &&
         options & ~(int64_t)(RX_ECMASCRIPT | RX_IGNORE_CASE | RX_MULTILINE | RX_COMPILED))) {
        vm_throw_range(vm, "options");
        return NULL;
    }
    r = vm_new(vm, struct regex_object);
    if (!r)
        return NULL;
    r->head.type = TYPE_OF(REGEX);
    r->pattern = pattern;
    r->options = (uint32_t)options;
    return r;
}

/* Can PCRE2 take it as UTF-8, unit by unit? Not with surrogates or what needs two units. */
static bool is_one_unit_each(struct slice s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];

        if (c >= 0xf0 || (c == 0xed && i + 1 < s.n && (unsigned char)s.p[i + 1] >= 0xa0))
            return false;
    }
    return true;
}

static bool load_units(struct search *s)
{
    struct text_walk w = text_walk(s->input);
    uint32_t unit;

    s->units = vm_alloc(s->vm, ((size_t)s->length + 1) * sizeof *s->units);
    for (int32_t i = 0; s->units && text_next(&w, &unit); i++)
        s->units[i] = (uint16_t)unit;
    return s->units != NULL;
}

struct rx_entry *regex_entry(struct vm *vm, const struct regex_object *regex)
{
    struct rx_error err;
    struct rx_entry *e = rx_acquire(text_slice(regex->pattern), regex->options, &err);

    if (!e)
        vm_throw(vm, TYPE_REGEXPARSEEXCEPTION, "Invalid pattern '%.*s' at offset %u. %s",
                 (int)regex->pattern.n, regex->pattern.s, err.offset, err.text);
    return e;
}

bool regex_open(struct search *s, struct vm *vm, const struct regex_object *regex, struct expr_value input)
{
    *s = (struct search){ .vm = vm, .regex = regex, .input = input };
    s->entry = regex_entry(vm, regex);
    if (!s->entry)
        return false;
    if (input.kind == EXPR_NULL) {
        vm_throw_arg_null(vm, "input");
        return false;
    }
    if (input.n > VM_LONG_BYTES)
        vm_pause(vm);
    s->length = s->limit = (int32_t)text_length(input);
    s->left = regex->options & RX_RIGHT_TO_LEFT;
    s->fast = rx_fast(s->entry, text_is_ascii(input));
    if (s->fast && !text_is_ascii(input) && !is_one_unit_each(text_slice(input)))
        s->fast = NULL;
    return (s->fast || load_units(s)) && vm_charge(vm, input.n / 256 + 1);
}

void regex_close(struct search *s)
{
    if (s->entry)
        rx_release(s->entry);
    s->entry = NULL;
}

/* ---- bytes and units ---- */

static uint32_t byte_of(struct search *s, int32_t unit)
{
    if (text_is_ascii(s->input))
        return (uint32_t)unit;
    if (unit < s->at_unit) {
        s->at_unit = 0;
        s->at_byte = 0;
    }
    while (s->at_unit < unit) {
        s->at_byte += (unsigned char)s->input.s[s->at_byte] < 0x80   ? 1
                      : (unsigned char)s->input.s[s->at_byte] < 0xe0 ? 2
                                                                     : 3;
        s->at_unit++;
    }
    return s->at_byte;
}

static int32_t unit_of(struct search *s, size_t byte)
{
    if (text_is_ascii(s->input))
        return (int32_t)byte;
    if (byte < s->at_byte) {
        s->at_unit = 0;
        s->at_byte = 0;
    }
    while (s->at_byte < byte) {
        s->at_byte += (unsigned char)s->input.s[s->at_byte] < 0x80   ? 1
                      : (unsigned char)s->input.s[s->at_byte] < 0xe0 ? 2
                                                                     : 3;
        s->at_unit++;
    }
    return s->at_unit;
}

int32_t regex_begin(const struct search *s)
{
    return s->left ? s->limit : s->from;
}

int32_t regex_after(const struct search *s, const struct match_data *m)
{
    int32_t from = m->spans[0].from, to = m->spans[0].to;

    if (s->left)
        return from == to ? from - 1 : from;
    return from == to ? (to == s->limit ? -1 : to + 1) : to;
}

/* ---- one search ---- */

static struct match_data *new_data(struct search *s, bool bytes)
{
    uint32_t n = s->entry->rx->ngroups;
    struct match_data *m = vm_alloc(s->vm, sizeof *m + (bytes ? 2 : 1) * n * sizeof *m->spans);

    if (!m)
        return NULL;
    m->spans = (struct rx_span *)(m + 1);
    m->bytes = bytes ? m->spans + n : NULL;
    m->regex = s->regex;
    m->input = s->input;
    m->nslots = n;
    for (uint32_t i = 1; i < n; i++)
        m->many |= s->entry->rx->groups[i].many;
    return m;
}

static struct expr_value timed_out(struct vm *vm)
{
    return vm_throw(
        vm, TYPE_REGEXTIMEOUTEXCEPTION,
        "The Regex engine has timed out while trying to match a pattern to an input string. This can occur "
        "for many "
        "reasons, including very large inputs or excessive backtracking caused by nested quantifiers, "
        "back-references and other factors.");
}

/* Groups of PCRE2's that slots stand for, the whole match included. */
static unsigned pcre_groups(const struct rx *rx)
{
    unsigned most = 0;

    for (uint32_t i = 0; i < rx->ngroups; i++)
        most = rx->pcre_number[i] > most ? rx->pcre_number[i] : most;
    return most + 1;
}

static int find_fast(struct search *s, int32_t start, struct match_data **out)
{
    struct regex_span v[REGEX_GROUPS_MAX];
    struct slice subject = slice_first(text_slice(s->input), byte_of(s, s->limit));
    uint32_t from = byte_of(s, start);
    struct match_data *m;

    switch (regex_match(s->fast, subject, from, v, pcre_groups(s->entry->rx))) {
    case REGEX_NO: return vm_charge(s->vm, (uint32_t)(subject.n - from) / 128) ? 0 : -1;
    case REGEX_LIMIT: timed_out(s->vm); return -1;
    default: break;
    }
    if (!vm_charge(s->vm, (uint32_t)(v[0].to - from) / 128 + 2) || !(m = new_data(s, true)))
        return -1;
    for (uint32_t i = 0; i < m->nslots; i++) {
        unsigned k = s->entry->rx->pcre_number[i];
        bool matched = (i == 0 || k > 0) && v[k].from <= v[k].to;

        m->bytes[i] = matched ? (struct rx_span){ (int32_t)v[k].from, (int32_t)v[k].to }
                              : (struct rx_span){ -1, -1 };
        m->spans[i] = matched ? (struct rx_span){ unit_of(s, v[k].from), unit_of(s, v[k].to) }
                              : (struct rx_span){ -1, -1 };
    }
    *out = m;
    return 1;
}

/* Keep what the matcher found: its memory goes. */
static bool keep_captures(struct search *s, struct match_data *m, const struct rx_result *found)
{
    struct rx_captures *all = vm_alloc(s->vm, m->nslots * sizeof *all);

    for (uint32_t i = 0; all && i < m->nslots; i++) {
        const struct rx_captures *c = &found->captures[i];

        all[i] = (struct rx_captures){ .n = c->n, .room = c->n, .v = vm_alloc(s->vm, c->n * sizeof *c->v) };
        if (!all[i].v)
            return false;
        for (uint32_t k = 0; k < c->n; k++)
            all[i].v[k] = (struct rx_span){ c->v[k].from + s->from, c->v[k].to + s->from };
        m->spans[i] = c->n ? all[i].v[c->n - 1] : (struct rx_span){ -1, -1 };
    }
    m->all = all;
    return all != NULL;
}

static int find_own(struct search *s, int32_t start, struct match_data **out)
{
    struct rx_result found;
    struct arena scratch;
    enum rx_outcome got;
    struct match_data *m;
    int result = 0;

    arena_init_growing(&scratch, SCRATCH_MAX);
    got = rx_run(s->entry->rx, &scratch, s->units + s->from, (uint32_t)(s->limit - s->from),
                 (uint32_t)(start - s->from), STEPS_BASE + STEPS_UNIT * (uint32_t)s->length, &found);
    if (got == RX_LIMIT || got == RX_MEMORY) {
        timed_out(s->vm);
        result = -1;
    } else if (!vm_charge(s->vm, found.steps / 64 + 1)) {
        result = -1;
    } else if (got == RX_YES) {
        m = new_data(s, false);
        result = m && keep_captures(s, m, &found) ? 1 : -1;
        *out = m;
    }
    arena_free(&scratch);
    return result;
}

int regex_find(struct search *s, int32_t start, struct match_data **out)
{
    if (start < 0)
        return 0;
    return s->fast && !s->from           ? find_fast(s, start, out)
           : !s->units && !load_units(s) ? -1
                                         : find_own(s, start, out);
}

/* ---- results ---- */

struct expr_value regex_match_value(struct vm *vm, const struct match_data *m)
{
    struct capture_object *c = vm_new(vm, struct capture_object);

    if (!c)
        return expr_value_null();
    *c = (struct capture_object){
        .head = { TYPE_OF(MATCH) }, .m = m, .slot = m->regex ? 0 : -1, .span = { -1, -1 }, .bytes = { -1, -1 }
    };
    if (m->regex) {
        c->span = m->spans[0];
        c->bytes = m->bytes ? m->bytes[0] : (struct rx_span){ -1, -1 };
    }
    return object_value(c);
}

struct expr_value regex_text(struct vm *vm, const struct match_data *m, struct rx_span span,
                             struct rx_span bytes)
{
    struct slice part;

    if (span.from < 0)
        return TEXT("");
    if (text_is_ascii(m->input))
        return text_ascii(slice_sub(text_slice(m->input), (size_t)span.from, (size_t)span.to));
    if (bytes.from < 0)
        return str_sub(vm, m->input, (uint32_t)span.from, (uint32_t)(span.to - span.from));
    part = slice_sub(text_slice(m->input), (size_t)bytes.from, (size_t)bytes.to);
    return text_value(part);
}

struct expr_value regex_slot_text(struct vm *vm, const struct match_data *m, uint32_t slot)
{
    return regex_text(vm, m, m->spans[slot], m->bytes ? m->bytes[slot] : (struct rx_span){ -1, -1 });
}

struct expr_value regex_between(struct search *s, int32_t from, int32_t to)
{
    if (text_is_ascii(s->input) || s->fast) {
        uint32_t start = byte_of(s, from);

        return text_value(slice_sub(text_slice(s->input), start, byte_of(s, to)));
    }
    return str_sub(s->vm, s->input, (uint32_t)from, (uint32_t)(to - from));
}
