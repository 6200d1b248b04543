/* What send-request and send-one-way-request share: the request of its own that they make (reference/policies.md 8).
 *
 *   send-request = [ set-url ] [ set-method ] *set-header [ set-body ] [ authentication-... ] [ proxy ] */
#ifndef POLICY_SEND_H
#define POLICY_SEND_H

#include "policy/rt.h"

struct send_plan {
    struct value mode, url, timeout;
    struct policy_block children;
};

/* mode, timeout and the children. */
void send_compile(struct comp *c, const struct xml_node *n, struct send_plan *p);
/* Evaluate all of it into *s. VERDICT_FAIL: rt_fail was called. May wait: mode "copy" reads the request's body. */
enum verdict send_prepare(struct rt *rt, const struct send_plan *p, struct rt_send *s);

#endif
