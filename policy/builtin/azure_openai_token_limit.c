/* azure-openai-token-limit: see policy/llm_limit.c. */
#include "policy/rt.h"

const struct policy_def policy_azure_openai_token_limit = {
    .name = "azure-openai-token-limit",
    .sections = IN_INBOUND,
    .compile = llm_limit_compile,
    .run = llm_limit_run,
    .doc = "Limit the tokens of a language model per minute or period, and key",
};
