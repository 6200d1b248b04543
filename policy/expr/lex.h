/* Tokens of a policy expression. The whole source is cut into an array first: the parser looks ahead freely. */
#ifndef POLICY_EXPR_LEX_H
#define POLICY_EXPR_LEX_H

#include "policy/expr/comp.h"

enum token_kind { TOK_END, TOK_NAME, TOK_NUMBER, TOK_CHAR, TOK_STRING, TOK_INTERP, TOK_PUNCT, TOK_OPEN_NAME };

/* A punctuator as a number: its characters, first one lowest. `>>` is always two tokens (generics). */
#define P1(a) ((uint32_t)(a))
#define P2(a, b) ((uint32_t)(a) | (uint32_t)(b) << 8)
#define P3(a, b, c) (P2(a, b) | (uint32_t)(c) << 16)

struct token {
    uint8_t kind;
    bool verbatim;            /* @name: never a keyword; interpolated: $@"..." */
    bool spaced;              /* white space before it */
    uint8_t quotes, dollars;  /* interpolated raw string: number of quotes and of $ */
    uint32_t pos;             /* offset into the source */
    uint32_t punct;
    struct slice text;        /* name; source text of an interpolated string's inside */
    struct expr_value value;  /* number, char, string */
};

/* Cut source[from, to) into tokens, the last one TOK_END; NULL when it failed (error in c). */
/* escape := backslash forms of C#; *p behind the backslash. False when it is none. */
bool lex_escape(const char **p, const char *end, uint32_t *out);
/* Append [p, end) with its escapes resolved; false with an error in c. */
struct buf;
bool lex_unescape(struct comp *c, uint32_t pos, const char *p, const char *end, struct buf *b);

const struct token *lex(struct comp *c, uint32_t from, uint32_t to);

/* Skip one token, comment or run of white space of C# that begins at p; the end of it. Never fails: on an open
 * string or comment it gives `end`. Shared with expr_scan_span. */
const char *lex_skip(const char *p, const char *end);

#endif
