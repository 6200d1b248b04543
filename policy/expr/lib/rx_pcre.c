/* Trees to PCRE2's syntax, where it means the same. Two translations: for subjects of ASCII alone (bytes;
 * sets are spelled out), and for subjects without surrogates (UTF-8).
 *
 * No translation: right to left, balancing groups, groups with two parentheses, \G, look-behind with captures
 * or references inside, ECMAScript's references. */
#include "policy/expr/lib/rx_int.h"
#include "policy/expr/unicode.h"

#define GROUPS_MAX 60 /* what the caller's vector holds, see regex.h */

struct translator {
    const struct rx *rx;
    struct buf out;
    bool wide;
    bool impossible;
    uint16_t number[GROUPS_MAX + 1]; /* PCRE2's number of a slot */
    uint16_t opened;
};

static void put_node(struct translator *t, const struct rx_node *n);

static void put_code(struct translator *t, uint32_t c)
{
    if (t->wide)
        buf_printf(&t->out, "\\x{%x}", c);
    else
        buf_printf(&t->out, "\\x%02x", c);
}

static void put_char(struct translator *t, uint32_t c)
{
    if (c >= 0x80 && !t->wide)
        buf_puts(&t->out, "(?!)");
    else if (c < 0x80 && (ascii_is_alpha((char)c) || ascii_is_digit((char)c)))
        buf_putc(&t->out, (char)c);
    else
        put_code(t, c);
}

/* Members below 128, spelled out. */
static void put_ascii_set(struct translator *t, const struct rx_set *s)
{
    bool any = false, all = true;

    for (uint32_t c = 0; c < 128; c++) {
        any |= rx_set_has(s, c);
        all &= rx_set_has(s, c);
    }
    if (!any || all) {
        buf_puts(&t->out, any ? "." : "(?!)"); /* compiled with DOTALL */
        return;
    }
    buf_putc(&t->out, '[');
    for (uint32_t c = 0; c < 128; c++) {
        uint32_t from = c;

        if (!rx_set_has(s, c))
            continue;
        while (c + 1 < 128 && rx_set_has(s, c + 1))
            c++;
        put_code(t, from);
        if (c > from) {
            buf_putc(&t->out, '-');
            put_code(t, c);
        }
    }
    buf_putc(&t->out, ']');
}

static void put_wide_set(struct translator *t, const struct rx_set *s)
{
    static const char names[][3] = { "Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd", "Nl",
                                     "No", "Zs", "Zl", "Zp", "Cc", "Cf", "Cs", "Co", "Pc", "Pd",
                                     "Ps", "Pe", "Pi", "Pf", "Po", "Sm", "Sc", "Sk", "So", "Cn" };

    if (s->minus) {
        buf_puts(&t->out, "(?:(?!");
        put_wide_set(t, s->minus);
        buf_putc(&t->out, ')');
    }
    if (s->nranges == 0 && s->categories == 0) {
        buf_puts(&t->out, s->negated ? "." : "(?!)");
    } else {
        buf_puts(&t->out, s->negated ? "[^" : "[");
        for (uint32_t i = 0; i < s->nranges; i++) {
            uint32_t from = s->ranges[i].from, to = s->ranges[i].to;

            if (from >= 0xd800 && to <= 0xdfff) /* surrogates: the subject has none */
                continue;
            from = from >= 0xd800 && from <= 0xdfff ? 0xe000 : from;
            to = to >= 0xd800 && to <= 0xdfff ? 0xd7ff : to;
            put_code(t, from);
            buf_putc(&t->out, '-');
            put_code(t, to);
        }
        for (unsigned k = 0; k < COUNT_OF(names); k++)
            if (s->categories >> k & 1)
                buf_printf(&t->out, "\\p{%s}", names[k]);
        if (t->out.n && t->out.p[t->out.n - 1] == '[') /* nothing was left of it */
            t->impossible = true;
        buf_putc(&t->out, ']');
    }
    if (s->minus)
        buf_putc(&t->out, ')');
}

static void put_set(struct translator *t, const struct rx_node *n)
{
    /* A letter in either case: the one form PCRE2 searches for fast. */
    if (!t->wide && n->ch < 128 && ascii_is_alpha((char)n->ch))
        buf_printf(&t->out, "(?i:%c)", n->ch);
    else if (t->wide)
        put_wide_set(t, n->set);
    else
        put_ascii_set(t, n->set);
}

/* Captures or references below n: look-behind then depends on the direction. */
static bool has_groups(const struct rx_node *n)
{
    if (n->op == RX_CAPTURE || n->op == RX_BACKREF || n->op == RX_IF_GROUP || n->op == RX_ATOMIC)
        return true;
    for (uint32_t k = 0; k < n->nkids; k++)
        if (has_groups(n->kids[k]))
            return true;
    return false;
}

static void put_group(struct translator *t, const char *open, const struct rx_node *kid)
{
    buf_puts(&t->out, open);
    put_node(t, kid);
    buf_putc(&t->out, ')');
}

static void put_look(struct translator *t, const struct rx_node *n)
{
    bool behind = n->rtl;

    if (behind && has_groups(n->kids[0])) {
        t->impossible = true;
        return;
    }
    put_group(t, n->op == RX_LOOK ? (behind ? "(?<=" : "(?=") : (behind ? "(?<!" : "(?!"), n->kids[0]);
}

static void put_capture(struct translator *t, const struct rx_node *n)
{
    if (n->pop >= 0 || n->group < 0 || t->number[n->group]) {
        t->impossible = true;
        return;
    }
    t->number[n->group] = ++t->opened;
    put_group(t, "(", n->kids[0]);
}

/* Can one turn run over many characters? */
static bool is_long(const struct rx_node *n)
{
    if (n->op == RX_BACKREF || (n->op == RX_LOOP && (n->max < 0 || n->max > 16)))
        return true;
    for (uint32_t k = 0; k < n->nkids; k++)
        if (is_long(n->kids[k]))
            return true;
    return false;
}

static bool may_be_empty(const struct rx_node *n)
{
    bool any = false, all = true;

    for (uint32_t k = n->op == RX_IF_LOOK; k < n->nkids; k++) {
        bool kid = may_be_empty(n->kids[k]);

        any |= kid;
        all &= kid;
    }
    switch (n->op) {
    case RX_CHAR:
    case RX_SET:
    case RX_NOTHING: return false;
    case RX_LOOP: return n->min == 0 || any;
    case RX_CONCAT: return all;
    case RX_ALTERNATE: return any;
    case RX_IF_GROUP: return any || n->nkids < 2;
    case RX_IF_LOOK: return any || n->nkids < 3;
    case RX_CAPTURE:
    case RX_GROUP:
    case RX_ATOMIC: return any;
    default: return true;
    }
}

/* What a quantifier follows: one item of PCRE2's syntax. */
static void put_turn(struct translator *t, const struct rx_node *kid)
{
    bool looks = is_long(kid);

    if (!looks && kid->op == RX_CHAR) {
        put_char(t, kid->ch);
    } else if (!looks && kid->op == RX_SET) {
        if (t->wide)
            put_wide_set(t, kid->set);
        else
            put_ascii_set(t, kid->set);
    } else {
        put_group(t, looks ? "(?:(?C)" : "(?:", kid);
    }
}

static void put_loop(struct translator *t, const struct rx_node *n)
{
    /* PCRE2 writes {2,3} out as copies, which do not stop at a turn without progress. */
    if ((n->min > 1 || n->max > 1) && may_be_empty(n->kids[0])) {
        t->impossible = true;
        return;
    }
    put_turn(t, n->kids[0]);
    if (n->min == 0 && n->max == 1)
        buf_putc(&t->out, '?');
    else if (n->max < 0 && n->min <= 1)
        buf_putc(&t->out, n->min ? '+' : '*');
    else if (n->max < 0)
        buf_printf(&t->out, "{%d,}", n->min);
    else
        buf_printf(&t->out, "{%d,%d}", n->min, n->max);
    if (n->lazy)
        buf_putc(&t->out, '?');
}

static void put_boundary(struct translator *t, bool not )
{
    static const char word[] = "[\\p{L}\\p{Mn}\\p{Nd}\\p{Pc}\\x{200c}\\x{200d}]";

    if (!t->wide)
        buf_puts(&t->out, not ? "\\B" : "\\b");
    else if (not )
        buf_printf(&t->out, "(?:(?<=%s)(?=%s)|(?<!%s)(?!%s))", word, word, word, word);
    else
        buf_printf(&t->out, "(?:(?<=%s)(?!%s)|(?<!%s)(?=%s))", word, word, word, word);
}

static void put_if(struct translator *t, const struct rx_node *n)
{
    uint32_t yes = n->op == RX_IF_LOOK;

    if (n->op == RX_IF_GROUP) {
        if (!t->number[n->group]) { /* PCRE2 wants to know the number */
            t->impossible = true;
            return;
        }
        buf_printf(&t->out, "(?(%u)", t->number[n->group]);
    } else {
        const struct rx_node *condition = n->kids[0];

        if (condition->op == RX_LOOK || condition->op == RX_NOT_LOOK) {
            buf_puts(&t->out, "(?");
            put_look(t, condition);
        } else {
            buf_puts(&t->out, "(?(?=");
            put_node(t, condition);
            buf_putc(&t->out, ')');
        }
    }
    buf_puts(&t->out, "(?:");
    put_node(t, n->kids[yes]);
    buf_putc(&t->out, ')');
    if (n->nkids > yes + 1)
        put_group(t, "|(?:", n->kids[yes + 1]);
    buf_putc(&t->out, ')');
}

static void put_backref(struct translator *t, const struct rx_node *n)
{
    if (n->ecma || !t->number[n->group] || (n->ignore_case && t->wide)) {
        t->impossible = true;
        return;
    }
    buf_printf(&t->out, n->ignore_case ? "(?i:\\g{%u})" : "\\g{%u}", t->number[n->group]);
}

static void put_node(struct translator *t, const struct rx_node *n)
{
    if (t->impossible)
        return;
    switch (n->op) {
    case RX_EMPTY: return;
    case RX_NOTHING: buf_puts(&t->out, "(?!)"); return;
    case RX_CHAR: put_char(t, n->ch); return;
    case RX_SET: put_set(t, n); return;
    case RX_BACKREF: put_backref(t, n); return;
    case RX_BOL: buf_puts(&t->out, "(?m:^)"); return; /* compiled with ALT_CIRCUMFLEX */
    case RX_EOL: buf_puts(&t->out, "(?m:$)"); return;
    case RX_BEGIN: buf_puts(&t->out, "\\A"); return;
    case RX_ENDZ: buf_puts(&t->out, "\\Z"); return;
    case RX_END: buf_puts(&t->out, "\\z"); return;
    case RX_BOUNDARY:
    case RX_NONBOUNDARY: put_boundary(t, n->op == RX_NONBOUNDARY); return;
    case RX_CONCAT:
        for (uint32_t k = 0; k < n->nkids; k++)
            put_node(t, n->kids[k]);
        return;
    case RX_ALTERNATE:
        buf_puts(&t->out, "(?:");
        for (uint32_t k = 0; k < n->nkids; k++) {
            if (k)
                buf_putc(&t->out, '|');
            put_node(t, n->kids[k]);
        }
        buf_putc(&t->out, ')');
        return;
    case RX_LOOP: put_loop(t, n); return;
    case RX_CAPTURE: put_capture(t, n); return;
    case RX_GROUP: put_group(t, "(?:", n->kids[0]); return;
    case RX_LOOK:
    case RX_NOT_LOOK: put_look(t, n); return;
    case RX_ATOMIC: put_group(t, "(?>", n->kids[0]); return;
    case RX_IF_GROUP:
    case RX_IF_LOOK: put_if(t, n); return;
    default: t->impossible = true; return;
    }
}

/* Does any node have this operation? With any_case: a letter in either case. */
static bool contains(const struct rx_node *n, enum rx_op op, bool any_case)
{
    if (n->op == op && (!any_case || n->ch))
        return true;
    for (uint32_t k = 0; k < n->nkids; k++)
        if (contains(n->kids[k], op, any_case))
            return true;
    return false;
}

static struct slice translate(const struct rx *rx, bool wide, uint16_t *order)
{
    struct translator t = { .rx = rx, .wide = wide };

    if (rx->ngroups > GROUPS_MAX || rx->options & (RX_RIGHT_TO_LEFT | RX_ECMASCRIPT))
        return SLICE_NONE;
    buf_init(&t.out, rx->arena);
    /* PCRE2 10.46 takes a letter of a look-ahead for the first and the same letter behind it for a second
     * one. */
    if (contains(rx->root, RX_LOOK, false) && contains(rx->root, RX_SET, true))
        buf_puts(&t.out, "(*NO_START_OPT)");
    /* ... and makes a loop possessive that an atomic group follows, as if that could not be empty. */
    if (contains(rx->root, RX_ATOMIC, false))
        buf_puts(&t.out, "(*NO_AUTO_POSSESS)");
    put_node(&t, rx->root);
    for (uint32_t i = 1; i < rx->ngroups && !t.impossible; i++)
        order[i] = t.number[i];
    return t.impossible || t.out.failed ? SLICE_NONE : buf_slice(&t.out);
}

void rx_translate(struct rx *rx)
{
    rx->pcre_number = arena_array(rx->arena, uint16_t, rx->ngroups);
    if (!rx->pcre_number)
        return;
    rx->pcre_ascii = translate(rx, false, rx->pcre_number);
    if (rx->pcre_ascii.p)
        rx->pcre_wide = translate(rx, true, rx->pcre_number);
}
