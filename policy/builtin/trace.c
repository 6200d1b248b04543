/* trace: a line in the request trace and the log. reference/policies.md 8 "trace".
 *
 *   trace = message *metadata / text        the second form is older and still found in real documents */
#include "policy/rt.h"

#define METADATA_MAX 32u

struct metadata {
    struct value name, value;
};

struct plan {
    struct slice source;
    enum rt_trace_level level;
    struct value message;
    struct metadata *metadata;
    uint32_t n;
};

static const struct value_name levels[] = {
    { "verbose", RT_TRACE_VERBOSE },
    { "information", RT_TRACE_INFORMATION },
    { "error", RT_TRACE_ERROR },
    { 0 },
};

static bool compile(struct comp *c, const struct xml_node *n, const void **plan)
{
    struct plan *p = comp_new(c, struct plan);

    *plan = p;
    p->metadata = comp_array(c, struct metadata, METADATA_MAX);
    if (!p->metadata)
        return false;
    p->source = comp_attr_text(c, n, "source", VALUE_REQUIRED);
    p->level =
        (enum rt_trace_level)comp_attr_enum(c, n, "severity", VALUE_LITERAL, levels, RT_TRACE_VERBOSE).number;
    const struct xml_node *message = comp_child(c, n, "message", VALUE_OPTIONAL);
    p->message = comp_text_trimmed(c, message ? message : n, VALUE_OPTIONAL);
    if (!message && !p->message.expr && !p->message.text.n)
        comp_error(c, n, NULL, "<trace> needs the element <message>");
    for (const struct xml_node *k = comp_next(c, n, NULL, "metadata"); k;
         k = comp_next(c, n, k, "metadata")) {
        if (p->n == METADATA_MAX) {
            comp_error(c, k, NULL, "<trace> takes at most %u <metadata>", METADATA_MAX);
            return false;
        }
        p->metadata[p->n].name = comp_attr(c, k, "name", VALUE_REQUIRED);
        p->metadata[p->n++].value = comp_attr(c, k, "value", VALUE_REQUIRED);
    }
    return !comp_failed(c);
}

static enum verdict run(struct rt *rt, const void *plan)
{
    const struct plan *p = plan;
    struct slice name, text;
    struct buf b;

    if (!rt_text(rt, &p->message, &text))
        return VERDICT_FAIL;
    buf_init(&b, rt->arena);
    buf_put(&b, text);
    for (uint32_t i = 0; i < p->n; i++) {
        if (!rt_text(rt, &p->metadata[i].name, &name) || !rt_text(rt, &p->metadata[i].value, &text))
            return VERDICT_FAIL;
        buf_printf(&b, ", %.*s: %.*s", SLICE_ARG(name), SLICE_ARG(text));
    }
    text = buf_slice(&b);
    if (b.failed)
        return rt_fail_memory(rt);
    rt_trace_custom(rt, p->source, p->level, text);
    return VERDICT_NEXT;
}

const struct policy_def policy_trace = {
    .name = "trace",
    .sections = SECTIONS_ALL,
    .compile = compile,
    .run = run,
    .doc = "Write a line to trace and log",
};
