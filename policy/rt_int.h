/* Private to policy/: what run.c, rt.c, fault.c and context.c share. */
#ifndef POLICY_RT_INT_H
#define POLICY_RT_INT_H

#include "policy/policy.h"

/* How expressions see the request: for struct expr_run with data = struct rt. */
extern const struct expr_host context_host;
extern const struct expr_message_ops context_message_ops;

/* fault.c: the answer to a failure in rt->response. */
extern const char *const rt_section_names[SECTION_COUNT];
extern const char *const rt_scope_names[SCOPE_COUNT];

#endif
