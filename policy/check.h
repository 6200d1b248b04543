/* Compile one document for its faults alone, without the rest of the configuration: `holdfast check`. */
#ifndef POLICY_CHECK_H
#define POLICY_CHECK_H

#include "platform/base/arena.h"
#include "policy/policy.h"

/* Compile text (root: policies, fragment, or bare sections) in open mode: named values, fragments, backends
 * and certificates are taken as known, and {{name}} inside an expression is an operand of unknown type.
 * Diagnostics in order of position, in arena a. */
const struct policy_diagnostics *policy_check(struct arena *a, struct slice text, const char *file);

#endif
