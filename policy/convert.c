/* What json-to-xml and xml-to-json have in common. See convert.h. */
#include "policy/convert.h"

void convert_compile(struct comp *c, const struct xml_node *n, const struct value_name *applies,
                     struct convert_rule *r)
{
    r->on = comp_on(c);
    r->apply = comp_attr_enum(c, n, "apply", VALUE_REQUIRED, applies, 0);
    r->consider_accept = comp_attr_bool(c, n, "consider-accept-header", VALUE_OPTIONAL, true);
}

/* media-range with a subtype of that name or suffix (RFC 9110 12.5.1); q=0 is not looked at. */
static bool accepts(struct rt *rt, const char *kind)
{
    struct slice rest = http_fields_get(&rt->request.fields, SLICE("Accept")), part;

    while (rest.n && slice_cut(&rest, ',', &part)) {
        ptrdiff_t semicolon = slice_find_byte(part, ';');
        part = slice_trim(semicolon < 0 ? part : slice_first(part, (size_t)semicolon));
        struct slice tail = slice_skip(part, part.n > strlen(kind) ? part.n - strlen(kind) : 0);
        if (slice_eq_icase(tail, slice_from(kind)))
            return true;
    }
    return false;
}

bool convert_wanted(struct rt *rt, const struct convert_rule *r, const char *const *types, const char *accept,
                    struct slice *body, bool *wanted)
{
    struct rt_message *m = rt_message(rt, r->on);
    bool consider;
    int apply;

    *wanted = false;
    if (!rt_enum(rt, &r->apply, &apply) || !rt_bool(rt, &r->consider_accept, &consider))
        return false;
    if ((apply == 1 && !rt_is_media_type(m, types)) || (consider && !accepts(rt, accept)))
        return true;
    if (!rt_body(rt, m, body))
        return false;
    *wanted = body->n > 0;
    return true;
}

enum verdict convert_done(struct rt *rt, const struct convert_rule *r, struct slice text,
                          const char *content_type)
{
    struct rt_message *m = rt_message(rt, r->on);

    if (!text.p || !http_fields_set(&m->fields, SLICE("Content-Type"), slice_from(content_type)))
        return rt_fail_memory(rt);
    rt_trace(rt, "%zu bytes", text.n);
    return rt_set_body(rt, m, text) ? VERDICT_NEXT : VERDICT_FAIL;
}

enum verdict convert_malformed(struct rt *rt, const char *kind, const char *message)
{
    const struct rt_fault fault = { .status = 400, .reason = "BodyNotWellFormed",
                                    .message = rt_printf(rt, "The body is not %s: %s", kind, message) };

    return rt_fail_fault(rt, NULL, &fault);
}
