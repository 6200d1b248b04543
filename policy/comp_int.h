/* Private to policy/: the state of compiling one document, and of the compiler over many. */
#ifndef POLICY_COMP_INT_H
#define POLICY_COMP_INT_H

#include "platform/base/map.h"
#include "policy/comp.h"
#include "policy/expr/expr.h"
#include "policy/front.h"
#include "policy/policy.h"

/* Statements within statements; bounds the recursion of compiling and of running (rt_run per level). */
#define COMP_DEPTH_MAX 32u
/* Diagnostics kept; one more says that there were more. */
#define DIAGNOSTICS_MAX 500u

/* A compiled document: a block per section; absent sections have NULL. */
struct policy_document {
    enum policy_scope scope;
    const char *file;
    const struct policy_block *sections[SECTION_COUNT];
};

struct fragment {
    struct slice id;
    enum section section;
    struct policy_block block;
    unsigned height; /* statements within statements, its own includes too */
    bool compiling;  /* it includes itself */
    bool failed;
    struct fragment *next;
};

struct policy_compiler {
    struct arena *program;
    struct arena scratch; /* per document: front, tree */
    struct policy_names names;
    bool open;
    struct fragment *fragments;
    struct policy_diagnostics diagnostics;
    _Alignas(16) char dummy[COMP_DUMMY]; /* what comp_memory gives when there is none */
};

/* Names that a policy has asked for, to suggest the nearest to an unknown one. */
#define ASKED_MAX 48u
struct asked {
    const char *names[ASKED_MAX];
    unsigned n;
};

/* What has been asked for. */
#define TAKEN 1u
#define TAKEN_STATEMENT 2u /* it reports its own rest */
#define TAKEN_MARKUP 4u    /* what is below is content */
#define TAKEN_TEXT 8u      /* its text */

struct comp {
    struct policy_compiler *pc;
    const char *file;
    struct front front;
    const struct xml_document *xml;
    uint8_t *node_taken, *attr_taken;
    enum policy_scope scope;
    enum section section;
    unsigned allowed;              /* sections whose policies may stand here (IN_...) */
    enum comp_target target;
    bool in_fragment;
    const struct xml_node *element; /* the statement being compiled */
    struct slice path;              /* its LastError.Path */
    struct asked *asked;
    unsigned depth, deepest;        /* statements within statements */
    size_t errors_before;           /* of pc->diagnostics */
};

/* ---- diag.c ---- */
void diag_add(struct policy_compiler *pc, const char *file, unsigned line, unsigned column,
              enum policy_severity severity, struct slice message);
/* At a byte of the document's source. */
void diag_at(struct comp *c, size_t source_offset, enum policy_severity severity, const char *fmt, ...)
    PRINTF_LIKE(4, 5);
void diag_vat(struct comp *c, size_t source_offset, enum policy_severity severity, const char *fmt,
              va_list args);

/* ---- value.c ---- */
/* Compile every expression below n, for policies that are not built. */
void value_check_all(struct comp *c, const struct xml_node *n);
/* Report what nobody has asked for, below n. */
void value_report_rest(struct comp *c, const struct xml_node *n);
/* Warn of text where only elements are looked at. */
void value_report_text(struct comp *c, const struct xml_node *n);
void value_ask(struct comp *c, const char *name);
void comp_no_memory(struct comp *c);

/* ---- compile.c ---- */
/* ": did you mean 'x'?", else the empty text. */
struct slice comp_did_you_mean(struct comp *c, enum policy_name kind, struct slice name);
/* A document of any root, for its faults alone. */
void compile_any(struct policy_compiler *pc, struct slice text, const char *file);

/* ---- list.c ---- */
/* What stands in policies.def under that name; false: nothing. *def is set for policies that are built, else
 * NULL. */
bool list_find(struct slice name, struct policy_info *info, const struct policy_def **def);
/* The nearest known name, or NULL. */
const char *list_nearest(struct slice name);
/* The built-in global policy: backend forwards. */
extern const struct policy_document list_default_document;

#endif
