/* Failures: LastError and the default answers, byte for byte (reference/policies.md 0.4, 0.5, gateway.md 3).
 *
 *   { "statusCode": 429, "message": "..." }
 *   { "statusCode": 500, "message": "Internal server error", "activityId": "..." }
 *
 * No line end behind them. The second is the answer to whatever goes wrong inside. */
#include <stdio.h>

#include "platform/base/hash.h"
#include "policy/rt_int.h"

const char *const rt_section_names[SECTION_COUNT] = { "inbound", "backend", "outbound", "on-error" };
const char *const rt_scope_names[SCOPE_COUNT] = { "global", "workspace", "product", "api", "operation" };

/* Statements of a fragment stand where it is included: "set-header" in a fragment that choose/when includes
 * is choose/when/set-header. */
static struct slice path_of(struct rt *rt, const struct policy_step *step)
{
    struct slice path = step->path;

    for (const struct rt_include *i = rt->include; i; i = i->outer) {
        ptrdiff_t slash = slice_rfind_byte(i->step->path, '/');
        if (slash >= 0)
            path = rt_printf(rt, "%.*s/%.*s", (int)slash, i->step->path.p, SLICE_ARG(path));
    }
    return path.p ? path : step->path;
}

static void set_last_error(struct rt *rt, const char *source, const struct rt_fault *fault)
{
    const struct policy_step *step = rt->step;

    rt->error = (struct rt_error){
        .present = true,
        .source = slice_from(source ? source : step ? step->def->name : ""),
        .reason = slice_from(fault->reason),
        .message = fault->message.p ? fault->message : SLICE(""),
        .scope = slice_from(step ? rt_scope_names[rt_scope(rt)] : ""),
        .section = slice_from(rt_section_names[rt->section]),
        .path = step ? path_of(rt, step) : SLICE(""),
        .policy_id = step && step->id.p ? step->id : SLICE(""),
        .status = fault->status,
    };
}

/* Needs no arena: it also answers when that is full. */
static struct slice internal_body(struct rt *rt, int status)
{
    int n = snprintf(
        rt->error_body, sizeof rt->error_body,
        "{ \"statusCode\": %d, \"message\": \"Internal server error\", \"activityId\": \"%.*s\" }", status,
        (int)(rt->request_id.n < 64 ? rt->request_id.n : 64), rt->request_id.p ? rt->request_id.p : "");

    return slice_of(rt->error_body, (size_t)n);
}

static struct slice message_body(struct rt *rt, const struct rt_fault *fault)
{
    struct buf b;

    buf_init(&b, rt->arena);
    buf_printf(&b, "{ \"statusCode\": %d, \"message\": ", fault->status);
    buf_put_json(&b, fault->text.p ? fault->text : fault->message);
    buf_puts(&b, " }");
    return b.failed ? SLICE_NONE : buf_slice(&b);
}

static void set_answer(struct rt *rt, const struct rt_fault *fault)
{
    struct rt_message *m = &rt->response;
    struct slice body = fault->internal ? SLICE_NONE : message_body(rt, fault);

    if (!body.p)
        body = internal_body(rt, fault->status);
    m->present = true;
    m->status = fault->status;
    m->reason = slice_from(fault->status_reason);
    m->app = NULL;
    m->body = (struct rt_body){ RT_BODY_SLICE, body };
    m->fields =
        (struct http_fields){ .v = rt->error_fields, .cap = COUNT_OF(rt->error_fields), .arena = rt->arena };
    bool ok = http_fields_add(&m->fields, SLICE("Content-Type"), SLICE("application/json"));
    if (ok && fault->header.n)
        ok = http_fields_add(&m->fields, fault->header, fault->header_value);
    (void)ok; /* two fields always fit into error_fields */
}

enum verdict rt_fail_fault(struct rt *rt, const char *source, const struct rt_fault *fault)
{
    set_last_error(rt, source, fault);
    set_answer(rt, fault);
    if (UNLIKELY(rt->tracing))
        rt_trace_line(rt, "failed: %s: %.*s", fault->reason, SLICE_ARG(rt->error.message));
    return VERDICT_FAIL;
}

enum verdict rt_fail(struct rt *rt, const char *source, const char *reason, struct slice message)
{
    const struct rt_fault fault = { .status = 500, .reason = reason, .message = message, .internal = true };

    return rt_fail_fault(rt, source, &fault);
}

enum verdict rt_fail_keep(struct rt *rt, const char *source, const char *reason, struct slice message)
{
    const struct rt_fault fault = { .status = rt->response.status, .reason = reason, .message = message };

    set_last_error(rt, source, &fault);
    if (UNLIKELY(rt->tracing))
        rt_trace_line(rt, "failed: %s: %.*s", reason, SLICE_ARG(message));
    return VERDICT_FAIL;
}

enum verdict rt_fail_memory(struct rt *rt)
{
    rt->over_budget = true;
    return rt_fail(rt, NULL, "LimitExceeded",
                   SLICE("The request needs more memory than limits.arena allows."));
}

enum verdict rt_unavailable(struct rt *rt, const char *what)
{
    return rt_fail(rt, NULL, "NotAvailable", rt_printf(rt, "This gateway has no %s.", what));
}
