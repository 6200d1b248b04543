/* Shared by the files of rx.h. */
#ifndef POLICY_EXPR_LIB_RX_INT_H
#define POLICY_EXPR_LIB_RX_INT_H

#include "policy/expr/lib/rx.h"

/* UTF-16 units as UTF-8, pairs joined. */
void rx_put_units(struct buf *b, const uint16_t *units, uint32_t n);

/* Codes of the program; flag RX_F_LEFT: the text is read leftwards. */
enum rx_code {
    RXC_CHAR,
    RXC_SET, /* x: unit; y: set */
    RXC_REPEAT_CHAR,
    RXC_REPEAT_SET,   /* the same, min..max times */
    RXC_BACKREF,      /* x: slot */
    RXC_ANCHOR,       /* x: enum rx_op */
    RXC_SPLIT,        /* go on; if that fails, at y */
    RXC_JUMP,         /* y */
    RXC_MARK,         /* register x = position */
    RXC_CAPTURE,      /* slot x, or -1 in flags; from register y to here; min: slot to pop or -1 */
    RXC_COUNT,        /* registers x, x + 1: no turn yet, nowhere */
    RXC_LOOP,         /* enough turns, or one without progress: y */
    RXC_TURN,         /* another turn begins: registers x, x + 1 */
    RXC_LOOK,         /* registers x, x + 1: height of the stack, position */
    RXC_LOOK_END,     /* back to that position; nothing inside is tried again */
    RXC_NOT_LOOK,     /* as LOOK; if what follows fails, at y */
    RXC_NOT_LOOK_END, /* it did not: fail */
    RXC_ATOMIC,
    RXC_ATOMIC_END, /* register x: height of the stack */
    RXC_IF_GROUP,   /* slot x not matched: y */
    RXC_FAIL,
    RXC_MATCH,
};
#define RX_F_LEFT 1
#define RX_F_LAZY 2
#define RX_F_CASE 4
#define RX_F_ECMA 8
#define RX_F_NO_GROUP 16

#endif
