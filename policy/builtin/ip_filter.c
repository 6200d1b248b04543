/* ip-filter: allow or forbid callers by address. reference/policies.md 4 "ip-filter". The client learns
 * "Forbidden" only. */
#include "policy/rt.h"

enum { ACTION_ALLOW, ACTION_FORBID };
static const struct value_name actions[] = { { "allow", ACTION_ALLOW }, { "forbid", ACTION_FORBID }, { 0 } };

/* from == to for an address. A computed address has its value instead. */
struct range {
    struct ip from, to;
    struct value computed;
};

struct plan {
    struct value action;
    struct range *ranges;
    uint32_t n;
};

/* Templates are checked with gaps like "tf-address": in open mode text that is no attempt at an address is
 * only a warning. */
static bool is_gap(const struct comp *c, struct slice s)
{
    if (!comp_is_open(c))
        return false;
    for (size_t i = 0; i < s.n; i++) {
        if (ascii_is_alpha(s.p[i]) && ascii_hex_value(s.p[i]) < 0)
            return true;
    }
    return slice_find(s, SLICE("{{")) >= 0;
}

static bool compile_ip(struct comp *c, const struct xml_node *n, const char *attr, struct slice text,
                       struct ip *out)
{
    text = slice_trim(text);
    if (ip_parse(text, out))
        return true;
    if (is_gap(c, text))
        comp_warning(c, n, attr, "\"%.*s\" is not an IP address yet", SLICE_ARG(text));
    else if (slice_find_byte(text, '/') >= 0)
        comp_error(c, n, attr, "\"%.*s\": use <address-range from=\"\" to=\"\"/> for a network",
                   SLICE_ARG(text));
    else
        comp_error(c, n, attr, "\"%.*s\" is not an IP address", SLICE_ARG(text));
    return false;
}

static void compile_range(struct comp *c, const struct xml_node *n, struct range *r)
{
    struct slice from = comp_attr_text(c, n, "from", VALUE_REQUIRED),
                 to = comp_attr_text(c, n, "to", VALUE_REQUIRED);
    int order;

    if (!from.p || !to.p)
        return;
    bool ok = compile_ip(c, n, "from", from, &r->from);
    ok = compile_ip(c, n, "to", to, &r->to) && ok;
    if (ok && (!ip_compare(&r->from, &r->to, &order) || order > 0))
        comp_error(c, n, NULL, "<address-range>: \"%.*s\" to \"%.*s\" holds no address", SLICE_ARG(from),
                   SLICE_ARG(to));
}

static void compile_address(struct comp *c, const struct xml_node *n, struct range *r)
{
    r->computed = comp_text_trimmed(c, n, VALUE_REQUIRED);
    if (!r->computed.expr && r->computed.text.n && compile_ip(c, n, NULL, r->computed.text, &r->from))
        r->to = r->from;
}

static uint32_t count_children(const struct xml_node *n)
{
    uint32_t count = 0;

    for (const struct xml_node *k = xml_child(n, NULL); k; k = xml_next(k, NULL))
        count++;
    return count;
}

static bool compile(struct comp *c, const struct xml_node *n, const void **plan)
{
    struct plan *p = comp_new(c, struct plan);

    *plan = p;
    p->action = comp_attr_enum(c, n, "action", VALUE_REQUIRED, actions, ACTION_ALLOW);
    p->ranges = comp_array(c, struct range, count_children(n));
    if (!p->ranges)
        return false;
    for (const struct xml_node *k = comp_next(c, n, NULL, "address"); k; k = comp_next(c, n, k, "address"))
        compile_address(c, k, &p->ranges[p->n++]);
    for (const struct xml_node *k = comp_next(c, n, NULL, "address-range"); k;
         k = comp_next(c, n, k, "address-range"))
        compile_range(c, k, &p->ranges[p->n++]);
    if (p->n == 0)
        comp_error(c, n, NULL, "<ip-filter> needs an <address> or <address-range>");
    return !comp_failed(c);
}

static enum verdict deny(struct rt *rt, const char *reason, struct slice message)
{
    const struct rt_fault fault = {
        .status = 403, .reason = reason, .message = message, .text = SLICE("Forbidden")
    };

    return rt_fail_fault(rt, NULL, &fault);
}

static bool in_range(const struct ip *ip, const struct ip *from, const struct ip *to)
{
    int low, high;

    return ip_compare(from, ip, &low) && ip_compare(ip, to, &high) && low <= 0 && high <= 0;
}

/* False: an expression failed. */
static bool is_listed(struct rt *rt, const struct plan *p, const struct ip *caller, bool *listed)
{
    *listed = false;
    for (uint32_t i = 0; i < p->n && !*listed; i++) {
        const struct range *r = &p->ranges[i];
        struct slice text;
        struct ip ip;

        if (!r->computed.expr) {
            *listed = in_range(caller, &r->from, &r->to);
            continue;
        }
        if (!rt_text(rt, &r->computed, &text))
            return false;
        *listed = ip_parse(slice_trim(text), &ip) && in_range(caller, &ip, &ip);
    }
    return true;
}

static enum verdict run(struct rt *rt, const void *plan)
{
    const struct plan *p = plan;
    struct ip caller;
    bool listed;
    int action;

    if (!rt_enum(rt, &p->action, &action))
        return VERDICT_FAIL;
    if (!ip_parse(rt->client_ip, &caller)) {
        if (action == ACTION_FORBID)
            return VERDICT_NEXT;
        return deny(rt, "FailedToParseCallerIP",
                    SLICE("Failed to establish IP address for the caller. Access denied."));
    }
    if (!is_listed(rt, p, &caller, &listed))
        return VERDICT_FAIL;
    if (action == ACTION_ALLOW && !listed)
        return deny(
            rt, "CallerIpNotAllowed",
            rt_printf(rt, "Caller IP address %.*s is not allowed. Access denied.", SLICE_ARG(rt->client_ip)));
    if (action == ACTION_FORBID && listed)
        return deny(rt, "CallerIpBlocked", SLICE("Caller IP address is blocked. Access denied."));
    return VERDICT_NEXT;
}

const struct policy_def policy_ip_filter = {
    .name = "ip-filter",
    .sections = IN_INBOUND,
    .compile = compile,
    .run = run,
    .doc = "Allow or forbid callers by IP address",
};
