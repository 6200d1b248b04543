/* What the policies that emit metrics have in common: namespace and dimensions (reference/policies.md 8 "emit-metric"). */
#ifndef POLICY_METRIC_H
#define POLICY_METRIC_H

#include "policy/rt.h"

/* As in the original. */
#define METRIC_DIMENSIONS_MAX 10u

struct metric_dimension {
    struct value name, value;
};

struct metric {
    struct slice space;
    const struct metric_dimension *dimensions;
    unsigned n;
};
/* The attribute namespace and 1 to METRIC_DIMENSIONS_MAX <dimension>. */
void metric_compile(struct comp *c, const struct xml_node *n, struct metric *m);
/* The values of the dimensions into out[0..m->n). False: failed. */
bool metric_evaluate(struct rt *rt, const struct metric *m, struct rt_dimension out[METRIC_DIMENSIONS_MAX]) WARN_UNUSED;
/* The default dimensions once more, as they are by now (Backend ID). */
void metric_refresh(struct rt *rt, const struct metric *m, struct rt_dimension out[METRIC_DIMENSIONS_MAX]);

#endif
