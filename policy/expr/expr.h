/* Policy expressions: compile `@(...)` or `@{...}` once, evaluate it once per request.
 * The engine reaches the request only through struct expr_host (host.h); it knows no socket, file, setting or policy.
 *
 * A compiled expression is immutable and may be shared by all threads. An evaluation belongs to one fiber: all its
 * state, over pauses too, hangs on struct expr_run and its arena, nothing on the thread. */
#ifndef POLICY_EXPR_EXPR_H
#define POLICY_EXPR_EXPR_H

#include <stdbool.h>
#include <stdint.h>

#include "platform/base/arena.h"
#include "platform/base/compiler.h"
#include "platform/base/slice.h"

struct expr;
struct expr_host;
struct expr_message;
struct buf;

/* ---- values ---- */

/* Run-time kinds. Policies look at values through the functions below, not at kinds. */
enum expr_kind {
    EXPR_NULL, EXPR_BOOL, EXPR_CHAR,
    EXPR_I8, EXPR_U8, EXPR_I16, EXPR_U16, EXPR_I32, EXPR_U32, EXPR_I64, EXPR_U64,
    EXPR_F32, EXPR_F64, EXPR_DECIMAL,   /* p: struct decimal in an arena */
    EXPR_STRING,                        /* s, n bytes of UTF-8 (a lone surrogate as three bytes) */
    EXPR_ENUM,                          /* i; aux: type id */
    EXPR_DATETIME,                      /* i: ticks; aux: DateTimeKind */
    EXPR_OFFSETTIME,                    /* i: local ticks; n: offset in minutes (int32) */
    EXPR_TIMESPAN,                      /* i: ticks */
    EXPR_GUID,                          /* p: 16 bytes */
    EXPR_HOST,                          /* a part of `context`; aux: which; p: message or NULL */
    EXPR_OBJECT,                        /* p: struct object */
};

#define EXPR_ASCII 1 /* flags of a string: every byte < 0x80, so a UTF-16 index is a byte index */

/* A tagged value, 16 bytes, passed by value. What it points to lives in the arena of the evaluation that made it
 * or in the program that holds the constant. */
struct expr_value {
    uint8_t kind;
    uint8_t flags;
    uint16_t aux;
    uint32_t n;
    union {
        int64_t i;
        uint64_t u;
        double d;
        float f;
        const char *s;
        const void *p;
    };
};

static inline struct expr_value expr_value_null(void)
{
    return (struct expr_value){ .kind = EXPR_NULL };
}

static inline bool expr_value_is_null(struct expr_value v)
{
    return v.kind == EXPR_NULL;
}

/* Values from C data; text and bytes are borrowed and must live as long as the value.
 * Text that is not UTF-8 is read as ISO-8859-1 into the arena (NULL: replaced by the empty string). */
struct expr_value expr_value_from_text(struct arena *a, struct slice text);
struct expr_value expr_value_from_bool(bool b);
struct expr_value expr_value_from_int(int32_t i);
struct expr_value expr_value_from_long(int64_t i);
struct expr_value expr_value_from_double(double d);
/* A byte[]; null when the arena is full. */
struct expr_value expr_value_from_bytes(struct arena *a, struct slice bytes);
/* A System.DateTime, UTC. */
struct expr_value expr_value_from_unix_ns(uint64_t ns);
/* An IResponse (send-request) or IRequest. m must live as long as the value. */
struct expr_value expr_value_from_message(const struct expr_message *m, bool is_response);
/* A Jwt as validate-jwt leaves it in a variable; null when the token cannot be decoded. */
struct expr_value expr_value_from_jwt(struct arena *a, struct slice token);
/* An Authorization { AccessToken, Claims } with no claims. */
struct expr_value expr_value_from_authorization(struct arena *a, struct slice access_token);
/* A JToken parsed as Newtonsoft does; false when the text is not JSON. */
bool expr_value_from_json(struct arena *a, struct slice text, struct expr_value *out) WARN_UNUSED;

/* ToString() with the invariant culture. *text has p == NULL for null ("absent"). False when the arena is full. */
bool expr_value_text(struct arena *a, struct expr_value v, struct slice *text) WARN_UNUSED;
/* A bool, or the text true/false in any case; false result when it is neither. */
bool expr_value_bool(struct expr_value v, bool *out) WARN_UNUSED;
/* An integer, a whole float in range, or the decimal text of one; false result when it is none. */
bool expr_value_int(struct expr_value v, int64_t *out) WARN_UNUSED;
/* A number as double, or the text of one. */
bool expr_value_double(struct expr_value v, double *out) WARN_UNUSED;
/* The bytes of a byte[]; of anything else the UTF-8 bytes of its text. Null gives p == NULL. */
bool expr_value_bytes(struct arena *a, struct expr_value v, struct slice *out) WARN_UNUSED;
/* Is v a byte[]? */
bool expr_value_is_bytes(struct expr_value v);
/* Is v a string? */
bool expr_value_is_text(struct expr_value v);
/* The message of an IResponse or IRequest value, or NULL. */
const struct expr_message *expr_value_message(struct expr_value v);
/* string, bool, char, number, DateTime, DateTimeOffset, TimeSpan, Guid, null: types that may go into a trace or a cache as text. */
bool expr_value_is_basic(struct expr_value v);
/* A deep copy of v into another arena, sharing nothing with the first; false when the type cannot be copied
 * (messages, lambdas) or the arena is full. */
bool expr_value_copy(struct arena *to, struct expr_value v, struct expr_value *out) WARN_UNUSED;

/* The full .NET type name ("System.Collections.Generic.List<System.Int32>", "sequence", "anonymous"); empty for null. */
struct slice expr_value_type_name(struct arena *a, struct expr_value v);

/* ---- compiling ---- */

struct expr_error {
    unsigned offset;  /* bytes into source */
    unsigned line;    /* 1-based, within source */
    unsigned column;  /* 1-based, in bytes */
    char message[400];
};

struct expr_options {
    /* {{name}} inside the expression is an operand of unknown type, and so is a gap of a template
     * (expr_is_gap_name): for checking without named values. Such an expression compiles, but evaluating it
     * raises an exception. */
    bool open_names;
};

/* Compile the policy text with its `@(`...`)` or `@{`...`}`; surrounding white space is allowed. Scratch memory
 * is given back, the result and what it needs of the source are in `program`. NULL with *err set on failure. */
const struct expr *expr_compile(struct arena *program, struct slice source, const struct expr_options *opt,
                                struct expr_error *err);
/* RETRY_COUNT: a name that tools fill in before a document is used. */
bool expr_is_gap_name(struct slice s);
/* Does the text, white space apart, begin with `@(` or `@{`? */
bool expr_is_expression(struct slice text);
/* The value when it is known at compile time. */
bool expr_is_constant(const struct expr *e, struct expr_value *out);
/* The static type of the result as C# writes it ("string", "List<int>"). */
struct slice expr_result_type(const struct expr *e);

/* ---- evaluating ---- */

#define EXPR_STEPS_DEFAULT 1000000u /* loop turns, calls and units of library work: some 30 ms */
#define EXPR_DEPTH_DEFAULT 64u      /* nested calls from the library into lambdas, and nesting of data */

struct expr_run {
    struct arena *arena;          /* results and temporaries: the request's arena */
    const struct expr_host *host; /* NULL: no context (any use of it raises NullReferenceException) */
    void *data;                   /* given to the host's functions */
    uint32_t steps;               /* budget; 0: EXPR_STEPS_DEFAULT */
    uint32_t depth;               /* budget; 0: EXPR_DEPTH_DEFAULT */
    void (*pause)(void *pause_data); /* may be NULL; called every 4,096 steps and before long work */
    void *pause_data;
    struct arena_mark mark;       /* set by expr_eval: a budget exception takes back what the arena gave since (expr_keep) */
};

/* For the host's functions: what they have allocated in the run's arena so far lasts, whatever becomes of the evaluation. */
static inline void expr_keep(struct expr_run *run)
{
    run->mark = arena_mark(run->arena);
}

/* An exception that left the expression. Budgets end in type "Holdfast.BudgetException", which no catch sees. */
struct expr_exception {
    struct slice type;    /* "System.FormatException" */
    struct slice message;
    unsigned offset;      /* bytes into the source: where it was raised */
    bool budget;
};

/* Evaluate. True with *out; false with *exc (its slices are in the arena or static). */
bool expr_eval(const struct expr *e, struct expr_run *run, struct expr_value *out, struct expr_exception *exc) WARN_UNUSED;

/* The text form of results in `eval` and traces: strings as they are, dates "o", byte[] base64, JTokens compact,
 * sequences and dictionaries as JSON. Forcing a lazy sequence can raise. */
bool expr_print(struct expr_run *run, struct expr_value v, struct slice *text, struct expr_exception *exc) WARN_UNUSED;

#endif
