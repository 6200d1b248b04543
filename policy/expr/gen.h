/* The generator: from bound nodes to instructions. Private to gen.c and gen_stmt.c. */
#ifndef POLICY_EXPR_GEN_H
#define POLICY_EXPR_GEN_H

#include "policy/expr/node.h"

/* Where jumps to one place wait for its address. */
struct label {
    struct list jumps; /* instruction index + 1, as pointers */
};

/* A try statement around the present place. */
struct try_frame {
    struct try_frame *up;
    struct node *finally;
    uint32_t from;
    uint32_t gaps[32][2]; /* inlined finally blocks: not protected by this try */
    unsigned ngaps;
};

struct loop_frame {
    struct loop_frame *up;
    struct label *on_break, *on_continue;
    struct try_frame *tries; /* those outside the loop */
};

struct gen {
    struct comp *c;
    struct func *f;
    struct gen *up;
    struct buf insns, pos, consts, sites, handlers;
    struct list types, inner;
    unsigned nvars, top, max;
    struct try_frame *tries;
    struct loop_frame *loops;
    unsigned caught; /* register of the exception that `throw;` throws again */
    uint32_t at; /* source position of what is being generated */
};

uint32_t gen_emit(struct gen *g, enum opcode op, unsigned a, unsigned b, unsigned c);
uint32_t gen_here(struct gen *g);
void gen_jump(struct gen *g, enum opcode op, unsigned a, struct label *to);
void gen_label(struct gen *g, struct label *l);
void gen_jump_to(struct gen *g, enum opcode op, unsigned a, uint32_t target);
unsigned gen_temp(struct gen *g);
void gen_expr(struct gen *g, struct node *n, unsigned dst);
/* The value in some register: a local's own when that is safe, else a temporary. */
unsigned gen_value(struct gen *g, struct node *n);
/* Jump to l when n is `when`. */
void gen_condition(struct gen *g, struct node *n, bool when, struct label *l);
/* Does one instruction compare and jump? */
bool gen_is_comparison(const struct node *n);
/* That instruction, which jumps when n is `when`; its OP_EXT follows: gen_jump(g, OP_EXT, steps, label). */
void gen_comparison(struct gen *g, struct node *n, bool when);
void gen_store(struct gen *g, struct var *v, unsigned reg);
void gen_statement(struct gen *g, struct node *n);
/* For its effect only. */
void gen_effect(struct gen *g, struct node *n);
/* Fresh cells for the captured ones of vars (struct var *) that no declaration makes: each pass has its own. */
void gen_cells(struct gen *g, const struct list *vars);
unsigned gen_type(struct gen *g, const struct type *t);

#endif
