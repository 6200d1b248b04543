/* The matcher: backtracking over a program, with a stack of its own instead of recursion.
 *
 * 1. The stack holds choices (where else to go on) and undo records (what to restore on the way there), in
 *    order of time. Failing pops records until a choice; each undo record is applied as it goes.
 * 2. A look-around or atomic group that ends takes away the choices above its height and leaves the undo
 *    records. */
#include "policy/expr/lib/rx_int.h"
#include "policy/expr/text.h"

#define STACK_MAX (1u << 16) /* records: 1 MB */

enum record { B_CHOICE, B_GREEDY, B_LAZY, B_REGISTER, B_UNCAPTURE, B_RECAPTURE };

struct back {
    uint32_t kind : 4, at : 28; /* code, register or slot */
    int32_t pos, other;
};

struct run {
    const struct rx *rx;
    struct arena *arena;
    const uint16_t *units;
    int32_t n, start;
    int32_t *regs;
    struct rx_captures *captures;
    struct back *stack;
    uint32_t sp, room;
    uint32_t steps_left;
    enum rx_outcome trouble;
};

static bool push(struct run *r, enum record kind, uint32_t at, int32_t pos, int32_t other)
{
    if (r->sp == r->room) {
        uint32_t room = r->room ? 2 * r->room : 64;
        struct back *grown = room <= STACK_MAX ? arena_grow(r->arena, r->stack, r->room * sizeof *grown,
                                                            room * sizeof *grown)
                                               : NULL;

        if (!grown) {
            r->trouble = RX_LIMIT;
            return false;
        }
        r->stack = grown;
        r->room = room;
    }
    r->stack[r->sp++] = (struct back){ (uint32_t)kind, at, pos, other };
    return true;
}

static bool set_register(struct run *r, uint32_t at, int32_t value)
{
    if (!push(r, B_REGISTER, at, r->regs[at], 0))
        return false;
    r->regs[at] = value;
    return true;
}

static bool add_capture(struct run *r, uint32_t slot, int32_t from, int32_t to)
{
    struct rx_captures *c = &r->captures[slot];

    if (c->n == c->room) {
        uint32_t room = c->room ? 2 * c->room : 2;
        struct rx_span *grown = arena_grow(r->arena, c->v, c->n * sizeof *grown, room * sizeof *grown);

        if (!grown) {
            r->trouble = RX_MEMORY;
            return false;
        }
        c->v = grown;
        c->room = room;
    }
    c->v[c->n++] = (struct rx_span){ from, to };
    return true;
}

static void undo(struct run *r, const struct back *b)
{
    if (b->kind == B_REGISTER)
        r->regs[b->at] = b->pos;
    else if (b->kind == B_UNCAPTURE)
        r->captures[b->at].n--;
    else if (b->kind == B_RECAPTURE)
        r->captures[b->at].v[r->captures[b->at].n++] = (struct rx_span){ b->pos, b->other };
}

/* Drop the choices above height. */
static void commit(struct run *r, uint32_t height)
{
    uint32_t keep = height;

    for (uint32_t i = height; i < r->sp; i++)
        if (r->stack[i].kind >= B_REGISTER)
            r->stack[keep++] = r->stack[i];
    r->steps_left -= r->steps_left > r->sp - height ? r->sp - height : r->steps_left;
    r->sp = keep;
}

/* Restore all above height and forget it. */
static void rewind_to(struct run *r, uint32_t height)
{
    while (r->sp > height)
        undo(r, &r->stack[--r->sp]);
}

static bool is_word_at(const struct run *r, int32_t at, bool ecma)
{
    uint32_t c;

    if (at < 0 || at >= r->n)
        return false;
    c = r->units[at];
    return ecma ? c < 128 && (ascii_is_alpha((char)c) || ascii_is_digit((char)c) || c == '_')
                : rx_set_has(&rx_word_chars, c);
}

static bool anchor_holds(const struct run *r, const struct rx_insn *i, int32_t pos)
{
    bool ecma = i->flags & RX_F_ECMA;

    switch (i->x) {
    case RX_BOL: return pos == 0 || r->units[pos - 1] == '\n';
    case RX_EOL: return pos == r->n || r->units[pos] == '\n';
    case RX_BEGIN: return pos == 0;
    case RX_START: return pos == r->start;
    case RX_ENDZ: return pos == r->n || (pos == r->n - 1 && r->units[pos] == '\n');
    case RX_END: return pos == r->n;
    case RX_BOUNDARY: return is_word_at(r, pos - 1, ecma) != is_word_at(r, pos, ecma);
    default: return is_word_at(r, pos - 1, ecma) == is_word_at(r, pos, ecma);
    }
}

/* Does the unit at pos (leftwards: before pos) fit? */
static bool unit_fits(const struct run *r, const struct rx_insn *i, int32_t pos)
{
    int32_t at = i->flags & RX_F_LEFT ? pos - 1 : pos;

    if (at < 0 || at >= r->n)
        return false;
    if (i->op == RXC_CHAR || i->op == RXC_REPEAT_CHAR)
        return r->units[at] == i->x;
    return rx_set_has(r->rx->sets[i->y], r->units[at]);
}

static int32_t step_of(const struct rx_insn *i)
{
    return i->flags & RX_F_LEFT ? -1 : 1;
}

static bool repeat(struct run *r, const struct rx_insn *i, uint32_t pc, int32_t *pos)
{
    int32_t step = step_of(i), from = *pos, min = i->min, want = i->flags & RX_F_LAZY ? min : i->max,
            count = 0;

    while ((want < 0 || count < want) && unit_fits(r, i, *pos)) {
        *pos += step;
        count++;
    }
    r->steps_left -= r->steps_left > (uint32_t)count ? (uint32_t)count : r->steps_left;
    if (count < min)
        return false;
    if (i->flags & RX_F_LAZY)
        return i->max >= 0 && i->max == min ? true
                                            : push(r, B_LAZY, pc, *pos, i->max < 0 ? -1 : i->max - min);
    return count == min ? true : push(r, B_GREEDY, pc, *pos, from + step * min);
}

static bool backref_fits(const struct run *r, const struct rx_insn *i, int32_t *pos)
{
    const struct rx_captures *c = &r->captures[i->x];
    int32_t length, at;

    if (c->n == 0)
        return i->flags & RX_F_ECMA;
    length = c->v[c->n - 1].to - c->v[c->n - 1].from;
    at = i->flags & RX_F_LEFT ? *pos - length : *pos;
    if (at < 0 || at + length > r->n)
        return false;
    for (int32_t k = 0; k < length; k++) {
        uint32_t x = r->units[at + k], y = r->units[c->v[c->n - 1].from + k];

        if (x != y && !(i->flags & RX_F_CASE && text_lower(x) == text_lower(y)))
            return false;
    }
    *pos = i->flags & RX_F_LEFT ? at : at + length;
    return true;
}

/* (?<group-pop>...): the pop's last capture goes, and group captures what lies between that and this. */
static bool capture(struct run *r, const struct rx_insn *i, int32_t pos)
{
    int32_t from = r->regs[i->y], to = pos;
    struct rx_captures *popped;

    if (to < from) {
        from = pos;
        to = r->regs[i->y];
    }
    if (i->min >= 0) {
        struct rx_span old;

        popped = &r->captures[i->min];
        if (popped->n == 0)
            return false;
        old = popped->v[popped->n - 1];
        if (!push(r, B_RECAPTURE, (uint32_t)i->min, old.from, old.to))
            return false;
        popped->n--;
        if (from >= old.to) {
            to = from;
            from = old.to;
        } else if (to <= old.from) {
            from = old.from;
        } else {
            to = to > old.to ? old.to : to;
            from = old.from > from ? old.from : from;
        }
    }
    if (i->flags & RX_F_NO_GROUP)
        return true;
    return add_capture(r, i->x, from, to) && push(r, B_UNCAPTURE, i->x, 0, 0);
}

/* Undo to the last choice: where to go on. False: there is none. */
static bool backtrack(struct run *r, uint32_t *pc, int32_t *pos)
{
    while (r->sp > 0) {
        struct back *b = &r->stack[r->sp - 1];
        const struct rx_insn *i = b->kind <= B_LAZY ? &r->rx->code[b->at] : NULL;

        switch (b->kind) {
        case B_CHOICE:
            *pc = b->at;
            *pos = b->pos;
            r->sp--;
            return true;
        case B_GREEDY:
            b->pos -= step_of(i);
            *pc = b->at + 1;
            *pos = b->pos;
            r->sp -= b->pos == b->other;
            return true;
        case B_LAZY:
            if (b->other == 0 || !unit_fits(r, i, b->pos)) {
                r->sp--;
                continue;
            }
            b->pos += step_of(i);
            b->other -= b->other > 0;
            *pc = b->at + 1;
            *pos = b->pos;
            return true;
        default: undo(r, b); r->sp--;
        }
    }
    return false;
}

/* A loop's head: 1 go on with a turn, 0 leave, -1 trouble. */
static int loop_head(struct run *r, const struct rx_insn *i, uint32_t pc, int32_t pos)
{
    int32_t count = r->regs[i->x], last = r->regs[i->x + 1];
    bool may = (i->max < 0 || count < i->max) && !(count > 0 && last == pos);

    if (count < i->min)
        return 1;
    if (!may)
        return 0;
    if (i->flags & RX_F_LAZY)
        return push(r, B_CHOICE, pc + 1, pos, 0) ? 0 : -1;
    return push(r, B_CHOICE, i->y, pos, 0) ? 1 : -1;
}

/* One attempt at `pos`: true with *end. */
static bool attempt(struct run *r, int32_t pos, int32_t *end)
{
    const struct rx_insn *code = r->rx->code;
    uint32_t pc = 0;
    bool ok;
    int head;

    for (;;) {
        const struct rx_insn *i = &code[pc];

        if (r->steps_left == 0) {
            r->trouble = RX_LIMIT;
            return false;
        }
        r->steps_left--;
        ok = true;
        switch ((enum rx_code)i->op) {
        case RXC_CHAR:
        case RXC_SET:
            ok = unit_fits(r, i, pos);
            pos += step_of(i);
            break;
        case RXC_REPEAT_CHAR:
        case RXC_REPEAT_SET: ok = repeat(r, i, pc, &pos); break;
        case RXC_BACKREF: ok = backref_fits(r, i, &pos); break;
        case RXC_ANCHOR: ok = anchor_holds(r, i, pos); break;
        case RXC_SPLIT: ok = push(r, B_CHOICE, i->y, pos, 0); break;
        case RXC_JUMP: pc = i->y; continue;
        case RXC_MARK: ok = set_register(r, i->x, pos); break;
        case RXC_CAPTURE: ok = capture(r, i, pos); break;
        case RXC_COUNT: ok = set_register(r, i->x, 0) && set_register(r, i->x + 1u, -1); break;
        case RXC_LOOP:
            head = loop_head(r, i, pc, pos);
            ok = head >= 0;
            if (head == 0) {
                pc = i->y;
                continue;
            }
            break;
        case RXC_TURN:
            ok = set_register(r, i->x, r->regs[i->x] + 1) && set_register(r, i->x + 1u, pos);
            break;
        case RXC_LOOK:
            ok = set_register(r, i->x + 1u, pos) && set_register(r, i->x, (int32_t)r->sp + 1);
            break;
        case RXC_NOT_LOOK:
            ok = set_register(r, i->x, (int32_t)r->sp + 1) && push(r, B_CHOICE, i->y, pos, 0);
            break;
        case RXC_LOOK_END:
            commit(r, (uint32_t)r->regs[i->x]);
            pos = r->regs[i->x + 1];
            break;
        case RXC_NOT_LOOK_END:
            rewind_to(r, (uint32_t)r->regs[i->x]);
            ok = false;
            break;
        case RXC_ATOMIC: ok = set_register(r, i->x, (int32_t)r->sp + 1); break;
        case RXC_ATOMIC_END: commit(r, (uint32_t)r->regs[i->x]); break;
        case RXC_IF_GROUP:
            if (r->captures[i->x].n == 0) {
                pc = i->y;
                continue;
            }
            break;
        case RXC_FAIL: ok = false; break;
        case RXC_MATCH: *end = pos; return true;
        }
        if (ok) {
            pc++;
            continue;
        }
        if (r->trouble || !backtrack(r, &pc, &pos))
            return false;
    }
}

static enum rx_outcome search(struct run *r)
{
    bool left = r->rx->options & RX_RIGHT_TO_LEFT;

    for (int32_t at = r->start; at >= 0 && at <= r->n; at += left ? -1 : 1) {
        int32_t end;

        if (r->rx->first)
            for (; at < r->n && !rx_set_has(r->rx->first, r->units[at]) && r->steps_left > 0 &&
                   !r->rx->anchored;
                 at++)
                r->steps_left--;
        r->sp = 0;
        if (attempt(r, at, &end))
            return add_capture(r, 0, end < at ? end : at, end < at ? at : end) ? RX_YES : RX_MEMORY;
        rewind_to(r, 0);
        if (r->trouble)
            return r->trouble;
        if (r->rx->anchored)
            break;
    }
    return RX_NO;
}

enum rx_outcome rx_run(const struct rx *rx, struct arena *a, const uint16_t *units, uint32_t n,
                       uint32_t start, uint32_t max_steps, struct rx_result *out)
{
    struct run r = { .rx = rx,
                     .arena = a,
                     .units = units,
                     .n = (int32_t)n,
                     .start = (int32_t)start,
                     .steps_left = max_steps };
    enum rx_outcome got;

    r.regs = arena_array(a, int32_t, rx->nregs + 1u);
    r.captures = arena_array(a, struct rx_captures, rx->ngroups);
    if (!r.regs || !r.captures)
        return RX_MEMORY;
    got = search(&r);
    out->captures = r.captures;
    out->steps = max_steps - r.steps_left;
    return got;
}
