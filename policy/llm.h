/* What the policies for language models have in common: tokens of a request and of its answer (reference/policies.md 11).
 *
 * A body is looked at when it is whole, or can be made whole without harm: an event stream, an answer that is passed on piece by
 * piece (buffer-response="false"), and one that is longer than limits.body.buffered are never read for it. */
#ifndef POLICY_LLM_H
#define POLICY_LLM_H

#include "policy/rt.h"

/* An estimate: bytes of the prompt's JSON for a token. */
#define LLM_BYTES_PER_TOKEN 4u

struct llm_usage {
    bool known;
    uint64_t prompt, completion, total;
};
/* The usage that the answer reports: {"usage":{…}}, or the last event that has one. False: the body could not be read; failed. */
bool llm_usage(struct rt *rt, struct llm_usage *out) WARN_UNUSED;

struct llm_prompt {
    uint64_t tokens; /* estimated */
    bool streams;    /* "stream": true */
};
bool llm_prompt(struct rt *rt, struct llm_prompt *out) WARN_UNUSED;

/* The text of a member of a JSON object, unparsed; p == NULL: there is none, or text is no object. Exposed for its tests. */
struct slice llm_member(struct slice object, const char *name);
/* "usage" of a whole JSON answer or event stream. */
void llm_read_usage(struct arena *a, struct slice body, bool events, struct llm_usage *out);

/* llm-emit-token-metric and azure-openai-emit-token-metric are the same. */
bool llm_metric_compile(struct comp *c, const struct xml_node *n, const void **plan);
enum verdict llm_metric_run(struct rt *rt, const void *plan);

/* llm-token-limit and azure-openai-token-limit are the same, and share their counters. */
bool llm_limit_compile(struct comp *c, const struct xml_node *n, const void **plan);
enum verdict llm_limit_run(struct rt *rt, const void *plan);

/* The periods of token-quota-period: hours, days, weeks (from Monday), months and years of UTC. The one that wall_s (seconds since
 * 1970) is in, and the seconds that are left of it. */
enum llm_period { LLM_HOURLY, LLM_DAILY, LLM_WEEKLY, LLM_MONTHLY, LLM_YEARLY };
uint64_t llm_quota_window(uint64_t wall_s, enum llm_period period, struct rt_quota_window *w);

#endif
