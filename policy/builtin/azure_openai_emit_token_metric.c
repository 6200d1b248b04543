/* azure-openai-emit-token-metric: see policy/llm_metric.c. */
#include "policy/rt.h"

const struct policy_def policy_azure_openai_emit_token_metric = {
    .name = "azure-openai-emit-token-metric",
    .sections = IN_INBOUND,
    .compile = llm_metric_compile,
    .run = llm_metric_run,
    .doc = "Count the tokens that a language model used, on the Prometheus port",
};
