/* What the policies that limit calls have in common: reports, windows, keys (reference/policies.md 3). */
#ifndef POLICY_LIMIT_H
#define POLICY_LIMIT_H

#include "policy/rt.h"

/* Where the outcome is written; empty names: nowhere. */
struct limit_report {
    struct slice retry_header, remaining_header, total_header;
    struct slice retry_variable, remaining_variable;
};
void limit_compile_report(struct comp *c, const struct xml_node *n, struct limit_report *r);
/* A field name that is written to; `otherwise` without the attribute. */
struct slice limit_compile_header(struct comp *c, const struct xml_node *n, const char *attr, struct slice otherwise);
/* A number into a field of the final answer, into a variable (int); no name: nothing. */
bool limit_write_header(struct rt *rt, struct slice name, uint64_t number) WARN_UNUSED;
bool limit_write_variable(struct rt *rt, struct slice name, uint64_t number) WARN_UNUSED;
/* The limit's size; written whether the call passes or not. */
bool limit_report_total(struct rt *rt, const struct limit_report *r, uint64_t calls) WARN_UNUSED;
bool limit_report_remaining(struct rt *rt, const struct limit_report *r, uint64_t remaining) WARN_UNUSED;
/* Says so when a literal window is longer than what the original takes; we have no reason to refuse it. */
#define LIMIT_PERIOD_MAX_S 86400
void limit_check_period(struct comp *c, const struct xml_node *n, const struct value *period);
/* 429 with its body; returns VERDICT_FAIL. */
enum verdict limit_deny_rate(struct rt *rt, const struct limit_report *r, uint64_t seconds);

/* ---- quotas: fixed windows ---- */

/* The calendar they are aligned to begins 0001-01-01T00:00:00Z. */
#define LIMIT_EPOCH_S INT64_C(62135596800)

struct limit_quota {
    uint64_t calls, bytes; /* UINT64_MAX: not limited */
    uint64_t period_s;     /* 0: for ever */
    int64_t start_s;       /* windows are aligned to this, in seconds since 1970 */
};
/* calls, bandwidth, renewal-period of an element; at least one of the first two. least_s: shortest period but
 * 0. outer: whose period holds where the element names none; NULL: it must. */
void limit_compile_quota(struct comp *c, const struct xml_node *n, uint64_t least_s,
                         const struct limit_quota *outer, struct limit_quota *q);
void limit_window(struct rt *rt, const struct limit_quota *q, struct rt_quota_window *w);
/* 403 with its body. */
enum verdict limit_deny_quota(struct rt *rt, const struct limit_quota *q, const struct rt_quota_use *use);

/* Days from 1970-01-01 to a date of the Gregorian calendar (Hinnant, "chrono-compatible low-level date algorithms"). */
int64_t limit_days_from_civil(int64_t y, unsigned m, unsigned d);

/* ---- limits inside of limits: <api>, <operation> (rate-limit, quota) ---- */

/* The key of a counter of the present subscription: of the scope whose policy runs, or of an API or operation
 * within it. */
struct slice limit_subscription_key(struct rt *rt, const char *kind, struct slice inner);

/* <api id|name> or <operation id|name>. */
struct limit_name {
    struct slice id, name;
};
void limit_compile_name(struct comp *c, const struct xml_node *n, struct limit_name *out);
bool limit_name_is(const struct limit_name *l, struct slice id, struct slice name);

#endif
