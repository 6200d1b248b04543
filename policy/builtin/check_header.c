/* check-header: a header must be there, or hold one of some values. reference/policies.md 4. */
#include "policy/rt.h"

struct plan {
    struct value name, code, message, ignore_case;
    struct values values;
};

static bool compile(struct comp *c, const struct xml_node *n, const void **plan)
{
    struct plan *p = comp_new(c, struct plan);

    *plan = p;
    p->name = comp_attr_field(c, n, "name", VALUE_REQUIRED);
    p->code = comp_attr_int(c, n, "failed-check-httpcode", VALUE_OPTIONAL, STATUS_MIN, STATUS_MAX, 401);
    p->message = comp_attr(c, n, "failed-check-error-message", VALUE_OPTIONAL);
    p->ignore_case = comp_attr_bool(c, n, "ignore-case", VALUE_OPTIONAL, false);
    p->values = comp_texts(c, n, "value", VALUE_OPTIONAL);
    if (p->values.n > RT_VALUES_MAX)
        comp_error(c, n, NULL, "<check-header> takes at most %u values", RT_VALUES_MAX);
    return !comp_failed(c);
}

static enum verdict deny(struct rt *rt, const struct plan *p, const char *reason, struct slice message)
{
    struct rt_fault fault = { .reason = reason, .message = message };
    int64_t code;

    if (!rt_int(rt, &p->code, &code) || !rt_text(rt, &p->message, &fault.text))
        return VERDICT_FAIL;
    fault.status = (int)code;
    return rt_fail_fault(rt, NULL, &fault);
}

static bool is_allowed(const struct slice *values, uint32_t n, struct slice found, bool ignore_case)
{
    for (uint32_t i = 0; i < n; i++) {
        if (ignore_case ? slice_eq_icase(values[i], found) : slice_eq(values[i], found))
            return true;
    }
    return n == 0;
}

static enum verdict run(struct rt *rt, const void *plan)
{
    const struct plan *p = plan;
    struct slice name, values[RT_VALUES_MAX];
    bool ignore_case;
    uint32_t hash;

    if (!rt_name(rt, &p->name, &name, &hash) || !rt_bool(rt, &p->ignore_case, &ignore_case) ||
        !rt_texts(rt, &p->values, values))
        return VERDICT_FAIL;
    struct slice found = rt_header(rt, &rt->request, name, hash);
    if (!found.p)
        return deny(
            rt, p, "HeaderNotFound",
            rt_printf(rt, "Header %.*s was not found in the request. Access denied.", SLICE_ARG(name)));
    if (!is_allowed(values, p->values.n, found, ignore_case))
        return deny(rt, p, "HeaderValueNotAllowed",
                    rt_printf(rt, "Header %.*s value of %.*s is not allowed. Access denied.", SLICE_ARG(name),
                              SLICE_ARG(found)));
    return VERDICT_NEXT;
}

const struct policy_def policy_check_header = {
    .name = "check-header",
    .sections = IN_INBOUND,
    .compile = compile,
    .run = run,
    .doc = "Require a header, or one of its values",
};
