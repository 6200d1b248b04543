/* What app calls: compile policy documents, compose them into pipelines, run requests.
 *
 *     struct policy_compiler *pc = policy_compiler_new(program, &names, false);
 *     const struct policy_document *api = policy_compile_document(pc, text, "apis/a/policy.xml", SCOPE_API);
 *     ...                                       NULL: the diagnostics say why
 *     const struct policy_document *scopes[] = { operation, api, product, global };
 *     const struct policy_pipeline *p = policy_compose(program, scopes, 4);
 *
 *     rt_init(&rt, arena, &host, app_request);  rt.pipeline = p;  ...request, facts...
 *     policy_run(&rt);                          the response is in rt.response
 *
 * Compiling is for one thread at a time per compiler, never on a carrier. Documents and pipelines are
 * immutable and shared by all carriers. */
#ifndef POLICY_POLICY_H
#define POLICY_POLICY_H

#include <stdbool.h>
#include <stddef.h>

#include "platform/base/arena.h"
#include "platform/base/err.h"
#include "platform/base/slice.h"
#include "policy/comp.h"
#include "policy/facts.h"
#include "policy/rt.h"

struct policy_compiler;
struct policy_document;

/* ---- diagnostics ---- */

enum policy_severity { POLICY_ERROR, POLICY_WARNING };

struct policy_diagnostic {
    const char *file;
    unsigned line, column; /* 1-based; columns in bytes. 0: the file as a whole */
    enum policy_severity severity;
    struct slice message;
};

struct policy_diagnostics {
    struct policy_diagnostic *v;
    size_t n, room;
    size_t errors;
};

/* ---- compiling ---- */

enum policy_name { POLICY_NAMED_VALUE, POLICY_FRAGMENT, POLICY_BACKEND };

/* What the compiler asks about the rest of the configuration. All text must live as long as the program. */
struct policy_names {
    void *data;
    bool (*named_value)(void *data, struct slice name, struct slice *value);
    /* Text of a fragment and the file it came from. */
    bool (*fragment)(void *data, struct slice id, struct slice *text, const char **file);
    const struct fact_backend *(*backend)(void *data, struct slice id);
    /* A backend for an absolute http or https URL that stands in a policy. NULL: err says what is wrong with
     * it. */
    const struct fact_backend *(*backend_url)(void *data, struct slice url, struct err *err);
    /* The known name that one which is unknown is a misspelling of; p == NULL: like none. May be NULL. */
    struct slice (*nearest)(void *data, enum policy_name kind, struct slice name);
    const struct fact_certificate *certificates;
    unsigned n_certificates;
    /* An OpenID Connect provider that policies will ask for: rt_host.provider. May be NULL. */
    void (*provider)(void *data, struct slice url);
};

/* A compiler whose results live in `program`. open: unknown named values, fragments, backends are no problem
 * (policy/check.h); names may then be NULL. NULL when the arena is full. */
struct policy_compiler *policy_compiler_new(struct arena *program, const struct policy_names *names,
                                            bool open);
/* Frees its scratch memory; documents and diagnostics stay. */
void policy_compiler_free(struct policy_compiler *pc);

/* file is for messages and is kept as it is. NULL: at least one error was added to the diagnostics; such a
 * document must not be left out silently, the APIs under it must not be served. */
const struct policy_document *policy_compile_document(struct policy_compiler *pc, struct slice text,
                                                      const char *file, enum policy_scope scope);
/* A document whose root is <fragment>, compiled for all sections, to find its faults; include-fragment
 * compiles its own. */
bool policy_check_fragment(struct policy_compiler *pc, struct slice text, const char *file);
/* All so far. */
const struct policy_diagnostics *policy_compiler_diagnostics(const struct policy_compiler *pc);

/* ---- composing ---- */

#define POLICY_CHAIN_MAX (SCOPE_COUNT + 1u) /* the scopes and the built-in default behind them */

/* The effective policy of one operation in one product context: per section, what runs, innermost scope
 * first; each one's <base/> runs the next. About 300 bytes, no copying: cheap enough for every (operation,
 * product). */
struct policy_pipeline {
    struct policy_chain {
        const struct policy_block *blocks[POLICY_CHAIN_MAX];
        enum policy_scope scopes[POLICY_CHAIN_MAX];
        unsigned n;
    } sections[SECTION_COUNT];
};

/* documents: innermost first (operation, api, product, workspace, global), NULL where a scope has none. The
 * built-in default (backend: forward-request) comes behind the last. NULL when the arena is full. */
const struct policy_pipeline *policy_compose(struct arena *a, const struct policy_document *const *documents,
                                             unsigned n);

/* ---- running ---- */

/* Zero rt and set arena, host and app; request and response get their operations. */
void rt_init(struct rt *rt, struct arena *a, const struct rt_host *host, void *app);

/* Run inbound, backend, outbound of rt->pipeline; on a failure on-error. Afterwards rt->response is the
 * answer. Waits. rt->error.present tells whether there was a failure (reason "ClientConnectionFailure":
 * nobody waits for the answer). */
void policy_run(struct rt *rt);
/* A failure of the gateway before policies (404, 401, ...): set LastError and the default answer, then run
 * on-error; cors policies in scope add their header fields. source: "configuration" or "authorization". A NULL
 * pipeline is the built-in default alone. */
void policy_run_refused(struct rt *rt, const char *source, const struct rt_fault *fault);
/* A CORS preflight to the operation of rt->pipeline: only its cors policies run; rt->response answers. */
void policy_run_preflight(struct rt *rt);

/* The answer has been sent, or as much of it as the client took: what policies count then. Once, behind one of the above;
 * the program may be gone. */
void policy_run_sent(struct rt *rt);

/* The document holds a cors policy among the direct children of inbound or of its bases (Vary: Origin,
 * preflights). */
bool policy_pipeline_has_cors(const struct policy_pipeline *p);

/* ---- the list of policies ---- */
struct policy_info {
    const char *name;
    const char *doc;
    unsigned sections;
    enum policy_state { POLICY_BUILT, POLICY_UNBUILT, POLICY_SKIPPED } state;
};
/* Element i of policies.def; false behind the last. */
bool policy_info_at(size_t i, struct policy_info *out);

#endif
