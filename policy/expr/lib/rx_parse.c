/* .NET's syntax of regular expressions to trees. Two passes over the pattern: the first one only collects
 * groups, because a reference may come before its group and named groups are numbered after all others.
 *
 * pattern  := branch { '|' branch }
 * branch   := { atom [quantifier ['?']] }
 * atom     := char | '.' | '^' | '$' | '[' class ']' | '\' escape | '(' group ')'
 * Invariants
 * 1. Options are resolved here: a node carries what it needs of them, nobody looks at them later.
 * 2. Depth is bounded, so those who walk trees may recurse. */
#include "policy/expr/lib/rx_parse_int.h"

#define COUNT_MAX 2147483647

static struct rx_node *parse_alternation(struct rx_parser *x);

static bool is_space(uint32_t c)
{
    return c == ' ' || (c >= 9 && c <= 13);
}

/* Comments, and white space where it does not count. */
static void skip_blank(struct rx_parser *x)
{
    for (;;) {
        if (rx_has(x, RX_IGNORE_SPACE) && rx_more(x) && is_space(x->p[x->at])) {
            x->at++;
        } else if (rx_has(x, RX_IGNORE_SPACE) && rx_more(x) && x->p[x->at] == '#') {
            while (rx_more(x) && x->p[x->at] != '\n')
                x->at++;
        } else if (rx_more(x) && x->p[x->at] == '(' && rx_peek(x, 1) == '?' && rx_peek(x, 2) == '#') {
            while (rx_more(x) && x->p[x->at] != ')')
                x->at++;
            if (!rx_take(x, ')'))
                rx_fail(x, "Unterminated (?#...) comment.");
        } else {
            return;
        }
        if (x->failed)
            return;
    }
}

/* ---- nodes ---- */

static struct rx_node *node(struct rx_parser *x, enum rx_op op)
{
    struct rx_node *n = arena_new(x->rx->arena, struct rx_node);

    if (!n)
        return rx_no_memory(x);
    n->op = (uint8_t)op;
    n->rtl = rx_has(x, RX_RIGHT_TO_LEFT);
    n->ignore_case = rx_has(x, RX_IGNORE_CASE);
    n->ecma = rx_has(x, RX_ECMASCRIPT);
    n->group = n->pop = -1;
    return n;
}

static bool add_kid(struct rx_parser *x, struct rx_node *n, struct rx_node *kid)
{
    uint32_t room = n->nkids ? n->nkids : 0;

    if (!kid)
        return false;
    if ((room & (room - 1)) == 0) { /* full at each power of two */
        struct rx_node **grown = arena_grow(x->rx->arena, n->kids, room * sizeof *grown,
                                            (room ? 2 * room : 1) * sizeof *grown);

        if (!grown)
            return rx_no_memory(x);
        n->kids = grown;
    }
    n->kids[n->nkids++] = kid;
    return true;
}

static struct rx_node *set_node(struct rx_parser *x, struct rx_set *s)
{
    struct rx_node *n = node(x, RX_SET);

    if (!n || !s)
        return NULL;
    rx_set_finish(s);
    n->set = s;
    return n;
}

/* A character; where case does not count and it has two, the set of both. */
static struct rx_node *char_node(struct rx_parser *x, uint32_t c)
{
    struct rx_set *s;
    struct rx_node *n;

    if (rx_has(x, RX_IGNORE_CASE)) {
        if (!(s = rx_new_set(x)) || !rx_set_add(x->rx->arena, s, c, c) ||
            !rx_set_add_other_case(x->rx->arena, s))
            return rx_no_memory(x);
        if (s->nranges > 1) {
            n = set_node(x, s);
            if (n)
                n->ch = (uint16_t)c;
            return n;
        }
    }
    n = node(x, RX_CHAR);
    if (n)
        n->ch = (uint16_t)c;
    return n;
}

/* ---- groups ---- */

static int32_t note_group(struct rx_parser *x, int32_t number, struct slice name)
{
    struct rx *rx = x->rx;

    for (uint32_t i = 0; i < rx->ngroups; i++) {
        struct rx_group *g = &rx->groups[i];

        if (name.n ? slice_eq(g->name, name) : g->number == number) {
            g->many = true;
            return (int32_t)i;
        }
    }
    if (rx->ngroups == RX_GROUPS_MAX) {
        rx_fail(x, "More than %u groups.", RX_GROUPS_MAX);
        return -1;
    }
    if (rx->ngroups == x->room) {
        uint32_t room = x->room ? 2 * x->room : 8;
        struct rx_group *grown = arena_grow(rx->arena, rx->groups, x->room * sizeof *grown,
                                            room * sizeof *grown);

        if (!grown) {
            rx_no_memory(x);
            return -1;
        }
        rx->groups = grown;
        x->room = room;
    }
    rx->groups[rx->ngroups++] = (struct rx_group){ .number = number, .name = name, .named = name.n > 0 };
    return (int32_t)rx->ngroups - 1;
}

/* Names get the numbers that are left, in order; then slots ascend with numbers. */
static void number_groups(struct rx_parser *x)
{
    struct rx *rx = x->rx;
    int32_t next = x->next_number;

    for (uint32_t i = 0; i < rx->ngroups; i++) {
        struct rx_group *g = &rx->groups[i];

        if (g->named) {
            while (rx_slot(rx, next) >= 0)
                next++;
            g->number = next++;
        }
    }
    for (uint32_t i = 1; i < rx->ngroups; i++) /* few */
        for (uint32_t k = i; k > 0 && rx->groups[k].number < rx->groups[k - 1].number; k--) {
            struct rx_group swap = rx->groups[k];

            rx->groups[k] = rx->groups[k - 1];
            rx->groups[k - 1] = swap;
        }
    for (uint32_t i = 0; i < rx->ngroups; i++)
        if (!rx->groups[i].named)
            rx->groups[i].name = arena_printf(rx->arena, "%d", rx->groups[i].number);
}

int rx_slot(const struct rx *rx, int32_t number)
{
    for (uint32_t i = 0; i < rx->ngroups; i++)
        if (rx->groups[i].number == number)
            return (int)i;
    return -1;
}

int rx_slot_by_name(const struct rx *rx, struct slice name)
{
    for (uint32_t i = 0; i < rx->ngroups; i++)
        if (slice_eq(rx->groups[i].name, name))
            return (int)i;
    return -1;
}

/* Decimal digits; -1: too large. */
static int32_t take_number(struct rx_parser *x)
{
    int64_t v = 0;

    while (rx_more(x) && rx_is_digit(x->p[x->at])) {
        v = v * 10 + (x->p[x->at++] - '0');
        if (v > COUNT_MAX) {
            rx_fail(x, "Capture group numbers must be less than or equal to Int32.MaxValue.");
            return -1;
        }
    }
    return (int32_t)v;
}

static struct slice take_name(struct rx_parser *x)
{
    struct buf b;
    uint32_t from = x->at;

    while (rx_more(x) && rx_is_word(x->p[x->at]))
        x->at++;
    buf_init(&b, x->rx->arena);
    rx_put_units(&b, x->p + from, x->at - from);
    if (b.failed)
        rx_no_memory(x);
    return buf_slice(&b);
}

/* A number or name that must exist (second pass): its slot, or -1 with an error. */
static int32_t reference(struct rx_parser *x, int32_t number, struct slice name)
{
    int slot;

    if (x->collecting)
        return 0;
    slot = name.n ? rx_slot_by_name(x->rx, name) : rx_slot(x->rx, number);
    if (slot < 0 && name.n)
        rx_fail(x, "Reference to undefined group name '%.*s'.", SLICE_ARG(slice_first(name, 80)));
    else if (slot < 0)
        rx_fail(x, "Reference to undefined group number %d.", number);
    return slot;
}

/* ---- back references ---- */

static struct rx_node *backref(struct rx_parser *x, int32_t slot)
{
    struct rx_node *n = slot < 0 ? NULL : node(x, RX_BACKREF);

    if (n)
        n->group = slot;
    return n;
}

/* The longest number that is a group, one digit after the other: ECMAScript's way. */
static struct rx_node *ecma_reference(struct rx_parser *x)
{
    int32_t number = 0, best = -1;
    uint32_t end = x->at;

    for (uint32_t i = x->at; i < x->n && rx_is_digit(x->p[i]) && number < 10000; i++) {
        number = number * 10 + (x->p[i] - '0');
        if (x->collecting || rx_slot(x->rx, number) >= 0) {
            best = number;
            end = i + 1;
        }
    }
    if (best < 0)
        return NULL;
    x->at = end;
    return backref(x, reference(x, best, SLICE_NONE));
}

/* \1 \k<name> \k'name' \<name>, else one character. */
static struct rx_node *parse_reference(struct rx_parser *x)
{
    uint32_t back = x->at, c = x->p[x->at];
    char close = 0;
    int32_t number;

    if (c == 'k') {
        x->at++;
        if (rx_peek(x, 0) != '<' && rx_peek(x, 0) != '\'')
            return rx_fail(x, "Malformed \\k<...> named back reference.");
        c = x->p[x->at];
    }
    if ((c == '<' || c == '\'') && x->at + 1 < x->n) {
        close = c == '<' ? '>' : '\'';
        x->at++;
        c = x->p[x->at];
        if (rx_is_digit(c)) {
            number = take_number(x);
            if (rx_take(x, close))
                return backref(x, reference(x, number, SLICE_NONE));
        } else if (rx_is_word(c)) {
            struct slice name = take_name(x);

            if (rx_take(x, close))
                return backref(x, reference(x, -1, name));
        }
        if (x->p[back] == 'k')
            return rx_fail(x, "Malformed \\k<...> named back reference.");
    } else if (c >= '1' && c <= '9' && x->p[back] != 'k') {
        struct rx_node *n;

        if (rx_has(x, RX_ECMASCRIPT)) {
            if ((n = ecma_reference(x)))
                return n;
        } else {
            number = take_number(x);
            if (x->collecting || number <= 9 || rx_slot(x->rx, number) >= 0)
                return backref(x, reference(x, number, SLICE_NONE));
        }
    }
    x->at = back;
    c = rx_take_escape(x);
    return x->failed ? NULL : char_node(x, c);
}

static struct rx_node *parse_backslash(struct rx_parser *x)
{
    static const struct {
        char letter;
        uint8_t op;
    } anchors[] = { { 'b', RX_BOUNDARY }, { 'B', RX_NONBOUNDARY }, { 'A', RX_BEGIN },
                    { 'G', RX_START },    { 'Z', RX_ENDZ },        { 'z', RX_END } };
    struct rx_set *s;
    uint32_t c;

    if (!rx_more(x))
        return rx_fail(x, "Illegal \\ at end of pattern.");
    c = x->p[x->at];
    for (size_t i = 0; i < COUNT_OF(anchors); i++)
        if (c == (unsigned char)anchors[i].letter) {
            x->at++;
            return node(x, anchors[i].op);
        }
    if (c && c < 128 && strchr("dDwWsSpP", (int)c)) {
        s = rx_new_set(x);
        if (s && rx_class_escape(x, s, c, false) && !x->failed)
            return set_node(x, s);
        return NULL;
    }
    return parse_reference(x);
}

/* ---- groups ---- */

static uint32_t option_of(uint32_t c)
{
    switch (c | 0x20) {
    case 'i': return RX_IGNORE_CASE;
    case 'm': return RX_MULTILINE;
    case 'n': return RX_EXPLICIT;
    case 's': return RX_SINGLE_LINE;
    case 'x': return RX_IGNORE_SPACE;
    default: return 0;
    }
}

static void take_options(struct rx_parser *x)
{
    for (bool off = false; rx_more(x); x->at++) {
        uint32_t c = x->p[x->at], option = option_of(c);

        if (c == '-' || c == '+')
            off = c == '-';
        else if (!option)
            return;
        else
            x->options = off ? x->options & ~option : x->options | option;
    }
}

static struct rx_node *capture(struct rx_parser *x, int32_t group, int32_t pop)
{
    struct rx_node *n = node(x, RX_CAPTURE);

    if (n) {
        n->group = group;
        n->pop = pop;
    }
    return n;
}

/* name, number, name-name or -name of "(?<...>", the cursor behind "<". */
static struct rx_node *named_group(struct rx_parser *x, char close)
{
    int32_t number = -1, pop = -1, slot = -1;
    struct slice name = SLICE_NONE;
    uint32_t c = rx_peek(x, 0);
    bool has_group = false;

    if (rx_is_digit(c)) {
        number = take_number(x);
        if (number == 0)
            return rx_fail(x, "Capture number cannot be zero.");
        has_group = true;
    } else if (rx_is_word(c)) {
        name = take_name(x);
        has_group = true;
    } else if (c != '-') {
        return rx_fail(x, "Invalid group name: Group names must begin with a word character.");
    }
    if (has_group && !x->failed)
        slot = x->collecting ? note_group(x, number, name) : reference(x, number, name);
    if (rx_take(x, '-')) {
        if (rx_is_digit(rx_peek(x, 0)))
            pop = reference(x, take_number(x), SLICE_NONE);
        else if (rx_is_word(rx_peek(x, 0)))
            pop = reference(x, -1, take_name(x));
        else
            return rx_fail(x, "Invalid group name: Group names must begin with a word character.");
        if (x->collecting)
            pop = -1;
        else if (pop >= 0)
            x->rx->groups[pop].many = true;
    }
    if (!rx_take(x, close))
        return rx_fail(x, "Invalid group name: Group names must begin with a word character.");
    return x->failed ? NULL : capture(x, slot, pop);
}

static struct rx_node *look(struct rx_parser *x, enum rx_op op, bool behind)
{
    struct rx_node *n;

    x->options = behind ? x->options | RX_RIGHT_TO_LEFT : x->options & ~(uint32_t)RX_RIGHT_TO_LEFT;
    n = node(x, op);
    return n;
}

/* Behind "(?(": a group's number or name, else an expression, whose parenthesis comes next. */
static struct rx_node *conditional(struct rx_parser *x)
{
    uint32_t start = x->at;
    struct rx_node *n;
    int32_t slot;

    if (rx_is_digit(rx_peek(x, 0))) {
        int32_t number = take_number(x);

        if (!rx_take(x, ')'))
            return rx_fail(x, "Alternation has malformed reference.");
        slot = reference(x, number, SLICE_NONE);
        n = slot < 0 ? NULL : node(x, RX_IF_GROUP);
        if (n)
            n->group = slot;
        return n;
    }
    if (rx_is_word(rx_peek(x, 0))) {
        struct slice name = take_name(x);

        if (!x->failed && rx_take(x, ')') &&
            (x->collecting ? rx_slot_by_name(x->rx, name) >= 0
                           : (slot = rx_slot_by_name(x->rx, name)) >= 0)) {
            n = node(x, RX_IF_GROUP);
            if (n && !x->collecting)
                n->group = rx_slot_by_name(x->rx, name);
            return n;
        }
    }
    x->at = start - 1;
    x->ignore_next_paren = true;
    if (rx_peek(x, 1) == '?' && rx_peek(x, 2) == '#')
        return rx_fail(x, "Alternation conditions cannot be comments.");
    if (rx_peek(x, 1) == '?' &&
        (rx_peek(x, 2) == '\'' || (rx_peek(x, 2) == '<' && rx_peek(x, 3) != '!' && rx_peek(x, 3) != '=')))
        return rx_fail(x, "Alternation conditions do not capture and cannot be named.");
    return node(x, RX_IF_LOOK);
}

/* Behind "(": the node the group becomes; NULL without an error for "(?i)", which is none. */
static struct rx_node *open_group(struct rx_parser *x)
{
    bool plain = x->ignore_next_paren;
    uint32_t c;

    x->ignore_next_paren = false;
    if (rx_peek(x, 0) != '?' || (rx_peek(x, 0) == '?' && rx_peek(x, 1) == ')')) {
        if (rx_peek(x, 0) == '?')
            return rx_fail(x, "Unrecognized grouping construct.");
        if (plain || rx_has(x, RX_EXPLICIT))
            return node(x, RX_GROUP);
        return capture(x,
                       x->collecting ? note_group(x, x->next_number++, SLICE_NONE)
                                     : reference(x, x->next_number++, SLICE_NONE),
                       -1);
    }
    x->at++;
    if (!rx_more(x))
        return rx_fail(x, "Unrecognized grouping construct.");
    c = x->p[x->at++];
    switch (c) {
    case ':': return node(x, RX_GROUP);
    case '=': return look(x, RX_LOOK, false);
    case '!': return look(x, RX_NOT_LOOK, false);
    case '>': return node(x, RX_ATOMIC);
    case '(': return conditional(x);
    case '\'': return named_group(x, '\'');
    case '<':
        if (rx_take(x, '='))
            return look(x, RX_LOOK, true);
        if (rx_take(x, '!'))
            return look(x, RX_NOT_LOOK, true);
        return named_group(x, '>');
    default:
        x->at--;
        take_options(x);
        if (rx_take(x, ')'))
            return NULL;
        if (!rx_take(x, ':'))
            return rx_fail(x, "Unrecognized grouping construct.");
        return node(x, RX_GROUP);
    }
}

/* yes [| no] behind the condition. */
static void parse_branches(struct rx_parser *x, struct rx_node *n)
{
    struct rx_node *body;

    if (n->op == RX_IF_LOOK) {
        struct rx_node *condition;
        uint32_t saved = x->options;

        if (!rx_take(x, '('))
            return (void)rx_fail(x, "Illegal conditional (?(...)) expression.");
        condition = open_group(x);
        if (!condition || !add_kid(x, condition, parse_alternation(x)) || !add_kid(x, n, condition))
            return;
        if (!rx_take(x, ')'))
            return (void)rx_fail(x, "Not enough )'s.");
        x->options = saved;
    }
    body = parse_alternation(x);
    if (body && body->op == RX_ALTERNATE && body->nkids > 2)
        return (void)rx_fail(x, "Too many | in (?()|).");
    if (body && body->op == RX_ALTERNATE) {
        add_kid(x, n, body->kids[0]);
        add_kid(x, n, body->kids[1]);
    } else {
        add_kid(x, n, body);
    }
}

/* The group behind "("; *silent: it was only options. */
static struct rx_node *parse_group(struct rx_parser *x, bool *silent)
{
    uint32_t saved = x->options;
    struct rx_node *n;

    if (++x->depth > RX_DEPTH_MAX)
        return rx_fail(x, "The pattern is nested too deeply.");
    n = open_group(x);
    *silent = !n && !x->failed;
    if (n) {
        if (n->op == RX_IF_GROUP || n->op == RX_IF_LOOK)
            parse_branches(x, n);
        else
            add_kid(x, n, parse_alternation(x));
        if (!x->failed && !rx_take(x, ')'))
            rx_fail(x, "Not enough )'s.");
        x->options = saved;
    }
    x->depth--;
    return x->failed ? NULL : n;
}

/* ---- quantifiers ---- */

/* '{' digits [',' [digits]] '}' */
static bool is_count(const struct rx_parser *x)
{
    uint32_t i = x->at + 1;

    if (i >= x->n || !rx_is_digit(x->p[i]))
        return false;
    while (i < x->n && rx_is_digit(x->p[i]))
        i++;
    if (i < x->n && x->p[i] == ',')
        for (i++; i < x->n && rx_is_digit(x->p[i]);)
            i++;
    return i < x->n && x->p[i] == '}';
}

static bool is_quantifier(const struct rx_parser *x)
{
    uint32_t c = rx_peek(x, 0);

    return rx_more(x) && (c == '*' || c == '+' || c == '?' || (c == '{' && is_count(x)));
}

/* The repeated unit, or the unit itself when no quantifier follows; *quantified says which. */
static struct rx_node *parse_quantifier(struct rx_parser *x, struct rx_node *unit, bool *quantified)
{
    struct rx_node *n;
    uint32_t c;

    *quantified = false;
    skip_blank(x);
    if (x->failed || !is_quantifier(x))
        return unit;
    n = node(x, RX_LOOP);
    if (!n || !add_kid(x, n, unit))
        return NULL;
    c = x->p[x->at++];
    n->min = c == '+';
    n->max = c == '?' ? 1 : -1;
    if (c == '{') {
        n->min = n->max = take_number(x);
        if (rx_take(x, ','))
            n->max = rx_peek(x, 0) == '}' ? -1 : take_number(x);
        rx_take(x, '}');
        if (n->max == COUNT_MAX)
            n->max = -1;
        if (n->max >= 0 && n->min > n->max)
            return rx_fail(x, "Illegal {x,y} with x > y.");
    }
    skip_blank(x);
    n->lazy = rx_take(x, '?');
    *quantified = true;
    return n;
}

/* ---- branches ---- */

static struct rx_node *dot(struct rx_parser *x)
{
    struct rx_set *s = rx_new_set(x);

    if (!s)
        return NULL;
    s->negated = true;
    if (!rx_has(x, RX_SINGLE_LINE) && !rx_set_add(x->rx->arena, s, '\n', '\n'))
        return rx_no_memory(x);
    return set_node(x, s);
}

static struct rx_node *parse_atom(struct rx_parser *x, bool *silent)
{
    uint32_t c = x->p[x->at++];

    switch (c) {
    case '[': {
        struct rx_set *s = rx_parse_class(x);

        return s ? set_node(x, s) : NULL;
    }
    case '(': return parse_group(x, silent);
    case '\\': return parse_backslash(x);
    case '.': return dot(x);
    case '^': return node(x, rx_has(x, RX_MULTILINE) ? RX_BOL : RX_BEGIN);
    case '$': return node(x, rx_has(x, RX_MULTILINE) ? RX_EOL : RX_ENDZ);
    default: return char_node(x, c);
    }
}

static struct rx_node *parse_branch(struct rx_parser *x)
{
    struct rx_node *n = node(x, RX_CONCAT), *unit;
    bool quantified = false, silent;

    for (skip_blank(x); n && rx_more(x) && x->p[x->at] != '|' && x->p[x->at] != ')'; skip_blank(x)) {
        if (is_quantifier(x)) {
            if (quantified)
                return rx_fail(x, "Nested quantifier '%c'.", (int)x->p[x->at]);
            return rx_fail(x, "Quantifier '%c' following nothing.", (int)x->p[x->at]);
        }
        silent = false;
        unit = parse_atom(x, &silent);
        if (silent)
            continue;
        unit = unit && !x->failed ? parse_quantifier(x, unit, &quantified) : NULL;
        if (!unit || !add_kid(x, n, unit))
            return NULL;
    }
    return x->failed ? NULL : n;
}

static struct rx_node *parse_alternation(struct rx_parser *x)
{
    struct rx_node *first = parse_branch(x), *n;

    if (!first || !rx_more(x) || x->p[x->at] != '|')
        return first;
    n = node(x, RX_ALTERNATE);
    if (!n || !add_kid(x, n, first))
        return NULL;
    while (rx_take(x, '|'))
        if (!add_kid(x, n, parse_branch(x)))
            return NULL;
    return x->failed ? NULL : n;
}

static struct rx_node *pass(struct rx_parser *x, bool collecting)
{
    struct rx_node *root;

    x->at = x->depth = 0;
    x->options = x->rx->options;
    x->collecting = collecting;
    x->next_number = 1;
    x->ignore_next_paren = false;
    root = parse_alternation(x);
    if (root && rx_more(x))
        return rx_fail(x, "Too many )'s.");
    return root;
}

bool rx_parse(struct rx *rx, const uint16_t *pattern, uint32_t n, struct rx_error *err)
{
    struct rx_parser x = { .rx = rx, .p = pattern, .n = n, .err = err };

    if (note_group(&x, 0, SLICE_NONE) != 0)
        return false;
    /* the first pass leaves its trees behind: the names of groups are among them */
    if (!pass(&x, true))
        return false;
    number_groups(&x);
    rx->root = pass(&x, false);
    return rx->root != NULL;
}
