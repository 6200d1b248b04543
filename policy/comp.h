/* The compile side of a policy: reading its element. Errors are collected with their place in the file; a
 * helper that found one gives a harmless value, so that a policy reads all its attributes and ends in `return
 * !comp_failed(c)`.
 *
 * Every attribute and child that no helper has asked for is reported as unknown after compile(). */
#ifndef POLICY_COMP_H
#define POLICY_COMP_H

#include <stdbool.h>
#include <stdint.h>

#include "platform/base/arena.h"
#include "platform/base/err.h"
#include "platform/base/slice.h"
#include "platform/xml.h"

struct comp;
struct expr;
struct liquid;
struct policy_def;
struct policy_step;
struct fact_backend;
struct fact_certificate;

enum section { SECTION_INBOUND, SECTION_BACKEND, SECTION_OUTBOUND, SECTION_ON_ERROR, SECTION_COUNT };
#define IN_INBOUND (1u << SECTION_INBOUND)
#define IN_BACKEND (1u << SECTION_BACKEND)
#define IN_OUTBOUND (1u << SECTION_OUTBOUND)
#define IN_ON_ERROR (1u << SECTION_ON_ERROR)
#define SECTIONS_ALL (IN_INBOUND | IN_BACKEND | IN_OUTBOUND | IN_ON_ERROR)

enum policy_scope { SCOPE_GLOBAL, SCOPE_WORKSPACE, SCOPE_PRODUCT, SCOPE_API, SCOPE_OPERATION, SCOPE_COUNT };

#define AT_PRODUCT (1u << SCOPE_PRODUCT)
#define AT_API (1u << SCOPE_API)
#define AT_OPERATION (1u << SCOPE_OPERATION)
#define AT_ALL_BUT_GLOBAL (((1u << SCOPE_COUNT) - 1) & ~(1u << SCOPE_GLOBAL))

/* Statements in order. */
struct policy_block {
    const struct policy_step *steps;
    uint32_t n;
};

/* Which message a statement changes: by its section, or by the policy around it. */
enum comp_target { ON_REQUEST, ON_RESPONSE, ON_FRESH, ON_SENT };

/* ---- values ---- */

struct value_name {
    const char *name;
    int value;
};

/* An attribute or text, compiled: a literal or an expression. Read it with rt_text() and its sisters. */
struct value {
    const struct expr *expr; /* NULL: a literal */
    struct slice text;       /* the literal; p == NULL: absent */
    struct slice tail;       /* literal text behind an expression */
    bool reads_response;     /* the expression speaks of context.Response */
    int64_t number;          /* literal int, bool, enum; hash of a literal field name */
    int64_t min, max;        /* bounds of an int */
    const struct value_name *names; /* of an enum; ends with a NULL name */
    const char *what;        /* attribute or element name, for messages */
};

struct values {
    const struct value *v;
    uint32_t n;
};

static inline bool value_given(const struct value *v)
{
    return v->expr || v->text.p;
}

/* Statuses that an answer may have: 1xx is not final, a client would wait for more. */
#define STATUS_MIN 200
#define STATUS_MAX 999

/* flags of the readers below */
#define VALUE_OPTIONAL 0u
#define VALUE_REQUIRED 1u
#define VALUE_LITERAL 2u  /* no expression allowed */
#define VALUE_NOT_EMPTY 4u

struct value comp_attr(struct comp *c, const struct xml_node *n, const char *name, unsigned flags);
/* otherwise: the default of an absent attribute. */
struct value comp_attr_bool(struct comp *c, const struct xml_node *n, const char *name, unsigned flags,
                            bool otherwise);
/* min..max inclusive; otherwise is not checked against them. */
struct value comp_attr_int(struct comp *c, const struct xml_node *n, const char *name, unsigned flags,
                           int64_t min, int64_t max, int64_t otherwise);
struct value comp_attr_enum(struct comp *c, const struct xml_node *n, const char *name, unsigned flags,
                            const struct value_name *names, int otherwise);
/* A field name: a literal one must be a token, and is hashed. */
struct value comp_attr_field(struct comp *c, const struct xml_node *n, const char *name, unsigned flags);
/* A literal text; p == NULL when absent. */
struct slice comp_attr_text(struct comp *c, const struct xml_node *n, const char *name, unsigned flags);
/* The attribute is taken without a look at it. */
void comp_attr_ignore(struct comp *c, const struct xml_node *n, const char *name);
bool comp_has_attr(const struct xml_node *n, const char *name);

/* Text of an element: an expression (white space around it dropped) or the literal text as it stands. */
struct value comp_text(struct comp *c, const struct xml_node *n, unsigned flags);
/* The same, white space around a literal dropped. */
struct value comp_text_trimmed(struct comp *c, const struct xml_node *n, unsigned flags);
/* Trimmed texts of all children of that name. */
struct values comp_texts(struct comp *c, const struct xml_node *n, const char *child, unsigned flags);
/* The source between the element's tags, markup and all, named values replaced unless keep_braces. */
struct slice comp_inner(struct comp *c, const struct xml_node *n, bool keep_braces);

/* The element's content as a Liquid template; {{...}} in it is Liquid's, never a named value. NULL: an error was recorded. */
const struct liquid *comp_liquid(struct comp *c, const struct xml_node *n);

/* ---- children ---- */
/* The next child element of that name behind `after` (NULL: the first), or NULL. */
const struct xml_node *comp_next(struct comp *c, const struct xml_node *n, const struct xml_node *after,
                                 const char *name);
/* The only child of that name; a second one is an error. */
const struct xml_node *comp_child(struct comp *c, const struct xml_node *n, const char *name, unsigned flags);
/* Every child element, whatever its name; the caller knows them all. */
const struct xml_node *comp_any(struct comp *c, const struct xml_node *n, const struct xml_node *after);
/* All children (but those already taken) are policies. */
void comp_block(struct comp *c, const struct xml_node *n, struct policy_block *out);
/* All children are policies of the given names (ends with NULL), acting on `target`. */
void comp_block_on(struct comp *c, const struct xml_node *n, enum comp_target target,
                   const char *const *names, struct policy_block *out);

/* A step that stands for child n of a policy that is more than its statement (the when of a choose): set
 * rt->step to it while its own attributes are evaluated, so that LastError.Path names it. out->def is set by
 * the caller. */
void comp_site(struct comp *c, const struct xml_node *n, struct policy_step *out);

/* ---- where the policy stands ---- */
enum section comp_section(const struct comp *c);
enum policy_scope comp_scope(const struct comp *c);
enum comp_target comp_on(const struct comp *c);
/* In a fragment, not in a scope's document. */
bool comp_in_fragment(const struct comp *c);
/* Checking without the rest of the configuration (policy/check.h). */
bool comp_is_open(const struct comp *c);

/* ---- the rest of the configuration ---- */
/* NULL with an error recorded when unknown; NULL without one in open mode. */
const struct fact_backend *comp_backend(struct comp *c, const struct xml_node *n, const char *attr,
                                        struct slice id);
const struct fact_backend *comp_backend_url(struct comp *c, const struct xml_node *n, const char *attr,
                                            struct slice url);
/* The same of a certificate. */
const struct fact_certificate *comp_certificate(struct comp *c, const struct xml_node *n, const char *attr,
                                                struct slice id);
/* Requests will ask for the provider with this discovery URL, which lives as long as the program. */
void comp_provider(struct comp *c, struct slice url);
/* The statements of a fragment, compiled for the present section. */
void comp_fragment(struct comp *c, const struct xml_node *n, const char *attr, struct slice id,
                   struct policy_block *out);

/* ---- memory and messages ---- */
/* Zeroed program memory that lives as long as the document; aborts nothing: on overflow an error is recorded
 * and a shared scratch of COMP_DUMMY bytes is given, so that the caller needs no check. */
#define COMP_DUMMY 2048u
#define comp_new(c, type) \
    ((type *)comp_memory((c), sizeof(type) + 0 * sizeof(char[sizeof(type) <= COMP_DUMMY ? 1 : -1])))
void *comp_memory(struct comp *c, size_t n);
/* NULL, with the error recorded, when there is no memory. */
#define comp_array(c, type, count) ((type *)comp_array_of((c), (count), sizeof(type)))
void *comp_array_of(struct comp *c, size_t count, size_t size);
struct arena *comp_arena(struct comp *c);
struct slice comp_copy(struct comp *c, struct slice s);
/* An error at an element, or at its attribute (attr may be NULL). */
void comp_error(struct comp *c, const struct xml_node *n, const char *attr, const char *fmt, ...)
    PRINTF_LIKE(4, 5);
void comp_warning(struct comp *c, const struct xml_node *n, const char *attr, const char *fmt, ...)
    PRINTF_LIKE(4, 5);
/* An error was recorded since this document began. */
bool comp_failed(const struct comp *c);

#endif
