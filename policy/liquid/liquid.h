/* Liquid templates as DotLiquid renders them with C# names (reference/policies.md 7 "set-body"): compile once into an
 * immutable tree, render it per request. Values are those of policy/expr, and so are budgets, dates and number formats. */
#ifndef POLICY_LIQUID_LIQUID_H
#define POLICY_LIQUID_LIQUID_H

#include "policy/expr/expr.h"

struct liquid;

#define LIQUID_DEPTH_MAX 64u                    /* blocks within blocks, indexes within indexes */
#define LIQUID_OUTPUT_MAX ((size_t)4 << 20)     /* bytes that one rendering may write */
#define LIQUID_SOURCE_MAX ((size_t)1 << 20)

struct liquid_error {
    size_t offset; /* bytes into source */
    char message[200];
};

/* Compile; what the tree needs of source is copied into program. NULL with *err. */
const struct liquid *liquid_compile(struct arena *program, struct slice source, struct liquid_error *err);
/* Does it look at `body`? */
bool liquid_uses_body(const struct liquid *l);

/* How a body is to be read. */
enum liquid_format { LIQUID_TEXT, LIQUID_JSON, LIQUID_XML };

struct liquid_body {
    struct slice text;         /* p == NULL: none, `body` is null */
    enum liquid_format format;
    bool keep_dates;           /* JSON dates stay the text they are */
    bool nil_is_null;          /* an element with xsi:nil="true" is null, else the empty text */
};

/* Render into run->arena. False with *exc: a budget is used up, or the body is not what `format` says. Faults of filters do
 * not end a rendering: they are printed as "Liquid error: ...". */
bool liquid_render(const struct liquid *l, const struct liquid_body *body, struct expr_run *run, struct slice *out,
                   struct expr_exception *exc) WARN_UNUSED;

#endif
