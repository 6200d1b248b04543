/* Limits of the tokens of language models: llm-token-limit, azure-openai-token-limit. */
#include "tests/unit/policy/rig.h"

#define USAGE(prompt, completion) \
    "{\"usage\":{\"prompt_tokens\":" #prompt ",\"completion_tokens\":" #completion "}}"
/* 40 bytes of messages: 10 tokens */
#define PROMPT "{\"messages\":[{\"role\":\"user\",\"content\":\"say hallo\"}]}"
#define NAMES                                                                                                          \
    " remaining-tokens-header-name='X-Left' remaining-tokens-variable-name='left' tokens-consumed-header-name='X-Used'" \
    " tokens-consumed-variable-name='used' retry-after-variable-name='retry'"                                          \
    " remaining-quota-tokens-header-name='X-Quota' remaining-quota-tokens-variable-name='quota'"
#define LIMIT(attributes) "<llm-token-limit counter-key='k' " attributes NAMES "/>"

/* 2023-11-14T22:13:20Z, a Tuesday */
#define NOW_S UINT64_C(1700000000)

static void call(const char *statements, const char *body)
{
    rig.wall_ns = NOW_S * NS_PER_S;
    if (!rig.answer_body) {
        rig.answer_fields = "Content-Type: application/json";
        rig.answer_body = USAGE(30, 40);
    }
    rig_request("POST", "/p", "Content-Type: application/json\nContent-Length: 4000", body);
    rig_inbound(statements);
    rig_run();
}

static void test_tokens_per_minute(void **state)
{
    static const char limit[] = LIMIT("tokens-per-minute='100' estimate-prompt-tokens='false'");

    call(limit, PROMPT);
    assert_response(200, USAGE(30, 40));
    assert_field(&rig.rt.response, "X-Used", "70");
    assert_field(&rig.rt.response, "X-Left", "30");
    assert_field(&rig.rt.response, "X-Quota", NULL);
    assert_string_equal(rig_variable("used"), "70");
    assert_string_equal(rig_variable("left"), "30");
    assert_string_equal(rig.sent_body, PROMPT);
    call(limit, PROMPT); /* one more passes, as it cannot be known what it will use */
    assert_field(&rig.rt.response, "X-Left", "0");
    rig.forwarded = 0;
    call(limit, PROMPT);
    assert_response(429, "{ \"statusCode\": 429, \"message\": \"Token limit is exceeded. Try again in 57 seconds.\" }");
    assert_field(&rig.rt.response, "Retry-After", "57");
    assert_string_equal(rig_variable("retry"), "57");
    assert_last_error("llm-token-limit", "OpenAITokenLimitExceeded", "Token limit is exceeded. Try again in 57 seconds.");
    assert_int_equal(rig.forwarded, 0);
    /* another key, and a field of another name */
    call("<azure-openai-token-limit counter-key='@(\"o\" + 1)' tokens-per-minute='@(100)'/>", PROMPT);
    assert_int_equal(rig.rt.response.status, 200);
    call("<azure-openai-token-limit counter-key='k' tokens-per-minute='100' retry-after-header-name='X-Later'/>", PROMPT);
    assert_int_equal(rig.rt.response.status, 429);
    assert_field(&rig.rt.response, "X-Later", "57");
    assert_field(&rig.rt.response, "Retry-After", NULL);
}

/* The prompt counts before: a call that cannot fit does not go out. */
static void test_estimates(void **state)
{
    static const char limit[] = LIMIT("tokens-per-minute='79' estimate-prompt-tokens='true'") "<set-variable name='in' "
                                "value='@(context.Variables[\"used\"] + \" \" + context.Variables[\"left\"])'/>";

    call(limit, PROMPT);
    assert_string_equal(rig_variable("in"), "10 79");
    assert_field(&rig.rt.response, "X-Left", "9");
    call(limit, PROMPT);
    assert_response(429, "{ \"statusCode\": 429, \"message\": \"Token limit is exceeded. Try again in 60 seconds.\" }");
    call("<llm-token-limit counter-key='k2' tokens-per-minute='9' estimate-prompt-token='true'/>", PROMPT);
    assert_response(429, "{ \"statusCode\": 429, \"message\": \"Token limit is exceeded.\" }"); /* not later either */
    assert_field(&rig.rt.response, "Retry-After", NULL);
    /* too long to be read: all of its 4000 bytes */
    rig.body_too_long = true;
    call("<llm-token-limit counter-key='k3' tokens-per-minute='999' estimate-prompt-tokens='true'/>", PROMPT);
    assert_int_equal(rig.rt.response.status, 429);
    call("<llm-token-limit counter-key='k3' tokens-per-minute='1000' estimate-prompt-tokens='true'/>", PROMPT);
    assert_int_equal(rig.rt.response.status, 200);
    assert_string_equal(rig.sent_body, PROMPT);
}

/* An answer that streams is not read: the prompt is counted, estimated whatever the policy says. */
static void test_streams(void **state)
{
    static const char limit[] = LIMIT("tokens-per-minute='100' estimate-prompt-tokens='false'");

    rig.answer_fields = "Content-Type: text/event-stream";
    rig.answer_body = "data: " USAGE(30, 40);
    call(limit, "{\"stream\": true, \"prompt\":\"abcdef\"}");
    assert_field(&rig.rt.response, "X-Used", "2");
    assert_field(&rig.rt.response, "X-Left", "98");
    assert_int_equal(rig.rt.response.body.state, RT_BODY_STREAM);
    call(limit, "{\"stream\": false, \"prompt\":\"abcdef\"}");
    assert_field(&rig.rt.response, "X-Used", "0");
}

/* What fails uses nothing, unless its answer says so. */
static void test_failures_use_nothing(void **state)
{
    static const char limit[] = LIMIT("tokens-per-minute='100' estimate-prompt-tokens='true'");

    rig.status = 400;
    rig.answer_fields = "Content-Type: application/json";
    rig.answer_body = "{\"error\":{}}";
    call(limit, PROMPT);
    assert_field(&rig.rt.response, "X-Used", "0");
    assert_field(&rig.rt.response, "X-Left", "100");
    rig.status = 0;
    call(limit, PROMPT);
    assert_int_equal(rig.rt.response.status, 500);
    assert_field(&rig.rt.response, "X-Left", "100");
}

static void test_quotas(void **state)
{
    static const char limit[] = LIMIT("token-quota='150' token-quota-period='Hourly' estimate-prompt-tokens='false'");

    call(limit, PROMPT);
    assert_field(&rig.rt.response, "X-Quota", "80");
    assert_field(&rig.rt.response, "X-Left", NULL);
    assert_string_equal(rig_variable("quota"), "80");
    call(limit, PROMPT);
    call(limit, PROMPT);
    assert_field(&rig.rt.response, "X-Quota", "0");
    call(limit, PROMPT);
    assert_response(403, "{ \"statusCode\": 403, \"message\": \"Token quota is exceeded. Try again in 46 minutes and 40 seconds.\" }");
    assert_field(&rig.rt.response, "Retry-After", "2800");
    assert_last_error("llm-token-limit", "OpenAITokenQuotaExceeded",
                      "Token quota is exceeded. Try again in 46 minutes and 40 seconds.");
    call(LIMIT("token-quota='69' token-quota-period='monthly' estimate-prompt-tokens='false'"), PROMPT);
    call(LIMIT("token-quota='69' token-quota-period='monthly' estimate-prompt-tokens='false'"), PROMPT);
    assert_response(403, "{ \"statusCode\": 403, \"message\": \"Token quota is exceeded. Try again in 16 days, 1 hour, 46 minutes and "
                         "40 seconds.\" }");
    /* both */
    call("<llm-token-limit counter-key='both' tokens-per-minute='100' token-quota='80' token-quota-period='Daily'/>", PROMPT);
    call("<llm-token-limit counter-key='both' tokens-per-minute='100' token-quota='80' token-quota-period='Daily' "
         "estimate-prompt-tokens='true'/>", "{\"prompt\":\"0123456789012345678901234567890123456789\"}");
    assert_int_equal(rig.rt.response.status, 403);
}

/* A key that several statements name counts once. */
static void test_the_same_key_twice(void **state)
{
    call(LIMIT("tokens-per-minute='500'") "<llm-token-limit counter-key='k' tokens-per-minute='500' token-quota='900' "
         "token-quota-period='Daily'/><llm-token-limit counter-key='k' tokens-per-minute='600' token-quota='900' "
         "token-quota-period='Daily' remaining-tokens-header-name='X-Other' remaining-quota-tokens-header-name='X-Day'/>", PROMPT);
    assert_field(&rig.rt.response, "X-Left", "430");
    assert_field(&rig.rt.response, "X-Other", "530");
    assert_field(&rig.rt.response, "X-Day", "830");
}

static void test_windows(void **state)
{
    static const struct {
        uint64_t wall_s;
        enum llm_period period;
        uint64_t left;
        int later; /* index of the window against that of NOW_S */
    } cases[] = {
        { NOW_S, LLM_HOURLY, 2800, 0 },
        { NOW_S + 2799, LLM_HOURLY, 1, 0 },
        { NOW_S + 2800, LLM_HOURLY, 3600, 1 },
        { NOW_S, LLM_DAILY, 6400, 0 },
        { NOW_S, LLM_WEEKLY, 6400 + 5 * 86400, 0 },
        { NOW_S + 6400 + 5 * 86400, LLM_WEEKLY, 7 * 86400, 1 },
        { NOW_S, LLM_MONTHLY, 6400 + 16 * 86400, 0 },
        { NOW_S + 6400 + 16 * 86400, LLM_MONTHLY, 31 * 86400, 1 },
        { NOW_S + 6400 + 47 * 86400, LLM_MONTHLY, 31 * 86400, 2 }, /* January */
        { NOW_S + 6400 + 78 * 86400, LLM_MONTHLY, 29 * 86400, 3 }, /* February of a leap year */
        { NOW_S, LLM_YEARLY, 6400 + 47 * 86400, 0 },
        { NOW_S + 6400 + 47 * 86400, LLM_YEARLY, 366 * 86400, 1 },
    };
    struct rt_quota_window now, w;

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        llm_quota_window(NOW_S, cases[i].period, &now);
        uint64_t left = llm_quota_window(cases[i].wall_s, cases[i].period, &w);
        if (left != cases[i].left || (int)(w.index - now.index) != cases[i].later)
            fail_msg("case %zu gives %d, %d", i, (int)left, (int)(w.index - now.index));
    }
}

static void test_refused(void **state)
{
    rig_refused_inbound("<llm-token-limit counter-key='k'/>", "needs tokens-per-minute, or token-quota");
    rig_refused_inbound("<llm-token-limit counter-key='k' token-quota='1'/>", "token-quota and token-quota-period together");
    rig_refused_inbound("<llm-token-limit counter-key='k' tokens-per-minute='9' token-quota-period='Daily'/>", "together");
    rig_refused_inbound("<llm-token-limit counter-key='k' token-quota='1' token-quota-period='Fortnightly'/>", "expected one of Hourly");
    rig_refused_inbound("<llm-token-limit tokens-per-minute='9'/>", "counter-key");
    rig_refused_inbound("<llm-token-limit counter-key='k' tokens-per-minute='0'/>", "expected 1 to");
    rig_refused_inbound("<llm-token-limit counter-key='k' tokens-per-minute='9' remaining-tokens-header-name='a b'/>", "a b");
    rig_refused("<policies><outbound><llm-token-limit counter-key='k' tokens-per-minute='9'/></outbound></policies>", "llm-token-limit");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        rig_test(test_tokens_per_minute), rig_test(test_estimates),          rig_test(test_streams),
        rig_test(test_failures_use_nothing), rig_test(test_quotas),          rig_test(test_the_same_key_twice),
        rig_test(test_windows),           rig_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
