/* Trees to programs for our own matcher, and what a search wants to know: where a match can begin. */
#include "policy/expr/lib/rx_int.h"
#include "policy/expr/text.h"

struct emitter {
    struct rx *rx;
    uint32_t code_room, sets_room;
    bool failed;
};

void rx_put_units(struct buf *b, const uint16_t *units, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        text_put_unit(b, units[i]);
}

static struct rx_insn *emit(struct emitter *e, enum rx_code op)
{
    static struct rx_insn spare;
    struct rx *rx = e->rx;

    if (rx->ncode == e->code_room) {
        uint32_t room = e->code_room ? 2 * e->code_room : 32;
        struct rx_insn *grown = room <= RX_PROGRAM_MAX
                                    ? arena_grow(rx->arena, rx->code, rx->ncode * sizeof *grown,
                                                 room * sizeof *grown)
                                    : NULL;

        if (!grown) {
            e->failed = true;
            return &spare;
        }
        rx->code = grown;
        e->code_room = room;
    }
    rx->code[rx->ncode] = (struct rx_insn){ .op = (uint8_t)op };
    return &rx->code[rx->ncode++];
}

static uint32_t set_index(struct emitter *e, const struct rx_set *s)
{
    struct rx *rx = e->rx;

    if (rx->nsets == e->sets_room) {
        uint32_t room = e->sets_room ? 2 * e->sets_room : 8;
        const struct rx_set **grown = arena_grow(rx->arena, rx->sets, rx->nsets * sizeof *grown,
                                                 room * sizeof *grown);

        if (!grown) {
            e->failed = true;
            return 0;
        }
        rx->sets = grown;
        e->sets_room = room;
    }
    rx->sets[rx->nsets] = s;
    return rx->nsets++;
}

static void emit_node(struct emitter *e, const struct rx_node *n, bool in_loop);

static uint8_t direction(const struct rx_node *n)
{
    return n->rtl ? RX_F_LEFT : 0;
}

static void emit_unit(struct emitter *e, const struct rx_node *n, const struct rx_node *loop)
{
    bool set = n->op == RX_SET;
    uint32_t index = set ? set_index(e, n->set) : 0;
    struct rx_insn *i = emit(e, loop ? (set ? RXC_REPEAT_SET : RXC_REPEAT_CHAR) : (set ? RXC_SET : RXC_CHAR));

    i->x = n->ch;
    i->y = index;
    i->flags = direction(n);
    if (loop) {
        i->min = loop->min;
        i->max = loop->max;
        i->flags |= loop->lazy ? RX_F_LAZY : 0;
    }
}

/* COUNT; again: LOOP; TURN; body; JUMP again; end: */
static void emit_loop(struct emitter *e, const struct rx_node *n)
{
    const struct rx_node *kid = n->kids[0];
    uint32_t reg, again;
    struct rx_insn *i;

    if (kid->op == RX_CHAR || kid->op == RX_SET) {
        emit_unit(e, kid, n);
        return;
    }
    reg = e->rx->nregs;
    e->rx->nregs += 2;
    emit(e, RXC_COUNT)->x = (uint16_t)reg;
    again = e->rx->ncode;
    i = emit(e, RXC_LOOP);
    i->x = (uint16_t)reg;
    i->min = n->min;
    i->max = n->max;
    i->flags = n->lazy ? RX_F_LAZY : 0;
    emit(e, RXC_TURN)->x = (uint16_t)reg;
    emit_node(e, kid, true);
    emit(e, RXC_JUMP)->y = again;
    if (!e->failed)
        e->rx->code[again].y = e->rx->ncode;
}

static void emit_alternate(struct emitter *e, const struct rx_node *n, bool in_loop)
{
    uint32_t pending = 0; /* chain of jumps to the end, by index + 1 */

    for (uint32_t k = 0; k < n->nkids; k++) {
        uint32_t split = e->rx->ncode;
        bool last = k + 1 == n->nkids;

        if (!last)
            emit(e, RXC_SPLIT);
        emit_node(e, n->kids[k], in_loop);
        if (last)
            break;
        emit(e, RXC_JUMP)->y = pending;
        pending = e->rx->ncode;
        if (!e->failed)
            e->rx->code[split].y = e->rx->ncode;
    }
    while (pending && !e->failed) {
        uint32_t next = e->rx->code[pending - 1].y;

        e->rx->code[pending - 1].y = e->rx->ncode;
        pending = next;
    }
}

static void emit_capture(struct emitter *e, const struct rx_node *n, bool in_loop)
{
    uint32_t reg = e->rx->nregs++;
    struct rx_insn *i;

    emit(e, RXC_MARK)->x = (uint16_t)reg;
    if (n->group >= 0)
        e->rx->groups[n->group].many |= in_loop;
    emit_node(e, n->kids[0], in_loop);
    i = emit(e, RXC_CAPTURE);
    i->x = (uint16_t)(n->group < 0 ? 0 : n->group);
    i->flags = n->group < 0 ? RX_F_NO_GROUP : 0;
    i->y = reg;
    i->min = n->pop;
}

static void emit_look(struct emitter *e, const struct rx_node *n, bool in_loop)
{
    bool negative = n->op == RX_NOT_LOOK;
    uint32_t reg = e->rx->nregs, at = e->rx->ncode;

    e->rx->nregs += 2;
    emit(e, negative ? RXC_NOT_LOOK : RXC_LOOK)->x = (uint16_t)reg;
    emit_node(e, n->kids[0], in_loop);
    emit(e, negative ? RXC_NOT_LOOK_END : RXC_LOOK_END)->x = (uint16_t)reg;
    if (negative && !e->failed)
        e->rx->code[at].y = e->rx->ncode;
}

/* LOOK keeps a place to go to when the condition fails: NOT_LOOK does that already, so the branches swap. */
static void emit_if_look(struct emitter *e, const struct rx_node *n, bool in_loop)
{
    uint32_t reg = e->rx->nregs, split = e->rx->ncode, jump;

    e->rx->nregs += 2;
    emit(e, RXC_LOOK)->x = (uint16_t)reg; /* the height before the alternative, which LOOK_END takes away */
    split = e->rx->ncode;
    emit(e, RXC_SPLIT);
    emit_node(e, n->kids[0], in_loop);
    emit(e, RXC_LOOK_END)->x = (uint16_t)reg;
    emit_node(e, n->kids[1], in_loop);
    jump = e->rx->ncode;
    emit(e, RXC_JUMP);
    if (!e->failed)
        e->rx->code[split].y = e->rx->ncode;
    if (n->nkids > 2)
        emit_node(e, n->kids[2], in_loop);
    if (!e->failed)
        e->rx->code[jump].y = e->rx->ncode;
}

static void emit_if_group(struct emitter *e, const struct rx_node *n, bool in_loop)
{
    uint32_t test = e->rx->ncode, jump;

    emit(e, RXC_IF_GROUP)->x = (uint16_t)n->group;
    emit_node(e, n->kids[0], in_loop);
    jump = e->rx->ncode;
    emit(e, RXC_JUMP);
    if (!e->failed)
        e->rx->code[test].y = e->rx->ncode;
    if (n->nkids > 1)
        emit_node(e, n->kids[1], in_loop);
    if (!e->failed)
        e->rx->code[jump].y = e->rx->ncode;
}

static void emit_node(struct emitter *e, const struct rx_node *n, bool in_loop)
{
    struct rx_insn *i;
    uint32_t reg;

    if (e->failed)
        return;
    switch (n->op) {
    case RX_EMPTY: return;
    case RX_NOTHING: emit(e, RXC_FAIL); return;
    case RX_CHAR:
    case RX_SET: emit_unit(e, n, NULL); return;
    case RX_BACKREF:
        i = emit(e, RXC_BACKREF);
        i->x = (uint16_t)n->group;
        i->flags = (uint8_t)(direction(n) | (n->ignore_case ? RX_F_CASE : 0) | (n->ecma ? RX_F_ECMA : 0));
        return;
    case RX_CONCAT:
        for (uint32_t k = 0; k < n->nkids; k++)
            emit_node(e, n->kids[n->rtl ? n->nkids - 1 - k : k], in_loop);
        return;
    case RX_ALTERNATE: emit_alternate(e, n, in_loop); return;
    case RX_LOOP: emit_loop(e, n); return;
    case RX_CAPTURE: emit_capture(e, n, in_loop); return;
    case RX_GROUP: emit_node(e, n->kids[0], in_loop); return;
    case RX_LOOK:
    case RX_NOT_LOOK: emit_look(e, n, in_loop); return;
    case RX_ATOMIC:
        reg = e->rx->nregs++;
        emit(e, RXC_ATOMIC)->x = (uint16_t)reg;
        emit_node(e, n->kids[0], in_loop);
        emit(e, RXC_ATOMIC_END)->x = (uint16_t)reg;
        return;
    case RX_IF_GROUP: emit_if_group(e, n, in_loop); return;
    case RX_IF_LOOK: emit_if_look(e, n, in_loop); return;
    default:
        i = emit(e, RXC_ANCHOR);
        i->x = n->op;
        i->flags = n->ecma ? RX_F_ECMA : 0;
        return;
    }
}

/* ---- where a match can begin ---- */

static const struct rx_set *first_of(struct arena *a, const struct rx_node *n)
{
    struct rx_set *s;

    switch (n->op) {
    case RX_CHAR:
        s = arena_new(a, struct rx_set);
        if (!s || !rx_set_add(a, s, n->ch, n->ch))
            return NULL;
        rx_set_finish(s);
        return s;
    case RX_SET: return n->set;
    case RX_LOOP: return n->min > 0 ? first_of(a, n->kids[0]) : NULL;
    case RX_CAPTURE:
    case RX_GROUP:
    case RX_ATOMIC: return first_of(a, n->kids[0]);
    case RX_CONCAT:
        for (uint32_t k = 0; k < n->nkids; k++) {
            const struct rx_node *kid = n->kids[k];

            if ((kid->op >= RX_BOL && kid->op <= RX_NONBOUNDARY) || kid->op == RX_LOOK ||
                kid->op == RX_NOT_LOOK || kid->op == RX_EMPTY)
                continue;
            return first_of(a, kid);
        }
        return NULL;
    default: return NULL;
    }
}

static bool is_anchored(const struct rx_node *n)
{
    switch (n->op) {
    case RX_BEGIN:
    case RX_START: return true;
    case RX_CAPTURE:
    case RX_GROUP:
    case RX_ATOMIC: return is_anchored(n->kids[0]);
    case RX_CONCAT: return n->nkids && is_anchored(n->kids[0]);
    case RX_ALTERNATE:
        for (uint32_t k = 0; k < n->nkids; k++)
            if (!is_anchored(n->kids[k]))
                return false;
        return true;
    default: return false;
    }
}

bool rx_compile(struct rx *rx)
{
    struct emitter e = { .rx = rx };

    emit_node(&e, rx->root, false);
    emit(&e, RXC_MATCH);
    if (rx->nregs > 65535)
        return false;
    if (!(rx->options & RX_RIGHT_TO_LEFT)) {
        rx->first = first_of(rx->arena, rx->root);
        rx->anchored = is_anchored(rx->root);
    }
    return !e.failed && !rx->arena->overflow;
}

struct rx *rx_make(struct arena *a, struct slice pattern, uint32_t options, struct rx_error *err)
{
    struct rx *rx = arena_new(a, struct rx);
    struct text_walk w = { pattern.p, pattern.p + pattern.n, 0 };
    uint16_t *units;
    uint32_t n = 0, unit;

    *err = (struct rx_error){ .text = "The pattern is too large." };
    if (!rx || pattern.n > 4 * RX_PATTERN_MAX ||
        !(units = arena_alloc_raw(a, (pattern.n + 1) * sizeof *units)))
        return NULL;
    while (text_next(&w, &unit))
        units[n++] = (uint16_t)unit;
    rx->arena = a;
    rx->options = options;
    if (n > RX_PATTERN_MAX || !rx_parse(rx, units, n, err))
        return NULL;
    if (!rx_compile(rx)) {
        *err = (struct rx_error){ .text = "The pattern is too large." };
        return NULL;
    }
    rx_translate(rx);
    return rx;
}
