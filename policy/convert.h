/* When json-to-xml and xml-to-json convert, and how they fail (reference/policies.md 7). */
#ifndef POLICY_CONVERT_H
#define POLICY_CONVERT_H

#include "platform/base/map.h"
#include "platform/json.h"
#include "policy/rt.h"

struct convert_rule {
    enum comp_target on;
    struct value apply;           /* 0: always, 1: by Content-Type */
    struct value consider_accept;
};
/* by_type: the second value of `apply`: "content-type-json". */
void convert_compile(struct comp *c, const struct xml_node *n, const struct value_name *applies,
                     struct convert_rule *r);
/* Is there a body to convert? types: the Content-Types of `apply`; accept: what Accept must ask for ("xml").
 * Then *body is it. False: failed. */
bool convert_wanted(struct rt *rt, const struct convert_rule *r, const char *const *types, const char *accept,
                    struct slice *body, bool *wanted) WARN_UNUSED;
/* Put the converted text in place. */
enum verdict convert_done(struct rt *rt, const struct convert_rule *r, struct slice text,
                          const char *content_type);
/* The body is not what it should be: 400 (policies.md, appendix C). */
enum verdict convert_malformed(struct rt *rt, const char *kind, const char *message);

#endif
