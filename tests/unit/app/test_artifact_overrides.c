/* Overrides files: merging, values from outside, what they may make, what is wrong in them. */
#include "tests/unit/app/artifact_rig.h"

static void test_overrides(void **state)
{
    struct world w;
    char file[80];

    set_up(&w);
    put(&w, "apis/a/apiInformation.json", an_api);
    put(&w, "backends/b/backendInformation.json",
        "{\"properties\":{\"url\":\"[placeholder]\",\"tls\":{\"validateCertificateName\":true,\"validateCertificateChain\":true}}}");
    put(&w, "named values/n1/namedValueInformation.json", "{\"properties\":{\"displayName\":\"shown\",\"value\":\"old\"}}");
    put(&w, "o.yaml",
        "apimServiceName: x\nnamedValues:\n  - name: shown\n    properties: {value: '@env:HOLDFAST_TEST_VALUE'}\n"
        "backends:\n  - name: b\n    properties: {url: 'http://b.example', tls: {validateCertificateName: false, validateCertificateChain: null}}\n"
        "apis:\n  - name: a\n    properties: {serviceUrl: 'http://x'}\n    policies:\n      - name: policy\n        properties: {value: '<policies/>'}\n"
        "subscriptions:\n  - name: s\n    properties: {scope: /apis/a, primaryKey: secret-key}\n");
    snprintf(file, sizeof file, "%s/o.yaml", w.dir);
    setenv("HOLDFAST_TEST_VALUE", "from outside", 1);
    load(&w, file, NULL, false);
    assert_true(w.ok);
    has(&w, "named-value", "n1", "\"value\":\"from outside\"");
    has(&w, "backend", "b", "\"url\":\"http://b.example\"");
    has(&w, "backend", "b", "\"tls\":{\"validateCertificateName\":false}");
    has(&w, "api", "a", "\"serviceUrl\":\"http://x\"");
    has(&w, "policy", "api/a", "<policies/>");
    has(&w, "subscription", "s", "\"primaryKeyHash\":\"");
    assert_true(slice_find(line_of(&w, "subscription", "s"), SLICE("secret-key")) < 0);
    says(&w, ARTIFACT_WARNING, "o.yaml", "subscriptions/s");
    put(&w, "o.yaml", "apis:\n  - name: aa\n    properties: {}\n");
    load(&w, file, NULL, false);
    assert_false(w.ok);
    says(&w, ARTIFACT_ERROR, "o.yaml", "did you mean a?");
    put(&w, "o.yaml", "apis: [\n");
    load(&w, file, NULL, false);
    assert_false(w.ok);
    says(&w, ARTIFACT_ERROR, "o.yaml", "o.yaml:2:");
    tear_down(&w);
}


static void override_with(struct world *w, const char *yaml)
{
    char file[80];

    snprintf(file, sizeof file, "%s/o.yaml", w->dir);
    put(w, "o.yaml", yaml);
    load(w, file, NULL, true);
}

static void artifacts(struct world *w)
{
    set_up(w);
    put(w, "apis/a/apiInformation.json", an_api);
    put(w, "apis/a/operations/get/operationInformation.json", "{\"properties\":{\"method\":\"GET\",\"urlTemplate\":\"/\"}}");
    put(w, "named values/n/namedValueInformation.json", "{\"properties\":{\"displayName\":\"shown\",\"value\":\"v\",\"tags\":[\"t\"]}}");
    put(w, "backends/b/backendInformation.json", "{\"properties\":{\"url\":\"http://b\",\"credentials\":{\"header\":{\"x\":[\"1\",\"2\"]}}}}");
    put(w, "policy fragments/f/policy.xml", "<fragment/>");
    put(w, "gateways/edge/gatewayInformation.json", "{\"properties\":{\"locationData\":{\"name\":\"here\",\"city\":\"C\"}}}");
}

static void test_merge(void **state)
{
    static const struct { const char *yaml, *kind, *id, *text; } rows[] = {
        { "backends: [{name: b, properties: {credentials: {header: {x: [3]}, query: {q: [4]}}}}]", "backend", "b",
          "\"credentials\":{\"header\":{\"x\":[3]},\"query\":{\"q\":[4]}}" },
        { "backends: [{name: B, properties: {tls: {validateCertificateName: null, validateCertificateChain: false}}}]", "backend", "b",
          "\"tls\":{\"validateCertificateChain\":false}" },
        { "gateways: [{name: edge, properties: {locationData: {city: null}}}]", "gateway", "edge", "\"locationData\":{\"name\":\"here\"}" },
        { "gateways: [{name: edge, apis: [{name: a}]}]", "gateway", "edge", "\"apis\":[\"a\"]" },
        { "namedValues: [{name: shown, properties: {value: 443}}]", "named-value", "n", "\"value\":\"443\"" },
        { "namedValues: [{name: n, properties: {value: 1.10}}]", "named-value", "n", "\"value\":\"1.10\"" },
        { "namedValues: [{name: new, properties: {value: true}}]", "named-value", "new", "\"value\":\"true\"" },
        { "namedValues: [{name: n, properties: {value: '@file:beside.txt'}}]", "named-value", "n", "\"value\":\"from a file\"" },
        { "namedValues: [{name: n, properties: {value: '@file:binary'}}]", "named-value", "n", "\"value\":\"/wA=\"" },
        { "apis: [{name: a, properties: {subscriptionRequired: 'false'}}]", "api", "a", "\"subscriptionRequired\":false" },
        { "apis: [{name: A, policies: [{name: policy, properties: {format: rawxml, value: <policies/>}}]}]", "policy", "api/a", "<policies/>" },
        { "apis: [{name: a, operations: [{name: get, policies: [{name: policy, properties: {value: <policies/>}}]}]}]", "policy",
          "api/a/operation/get", "o.yaml[api/a/operation/get]" },
        { "policies: [{name: policy, properties: {value: <policies/>}}]", "policy", "global", "<policies/>" },
        { "policyFragments: [{name: f, properties: {value: <fragment> </fragment>}}]", "fragment", "f", "<fragment> </fragment>" },
        { "users: [{name: 1, properties: {email: a@b.example}}]", "user", "1", "a@b.example" },
        { "users: [{name: u, properties: {email: a@b.example}}]", "user", "u", "a@b.example" },
        { "subscriptions: [{name: s, properties: {scope: /apis, primaryKey: 12345678}}]", "subscription", "s", "\"primaryKeyHash\":\"" },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct world w;
        artifacts(&w);
        put(&w, "beside.txt", "\xef\xbb\xbf" "from a file\r\n");
        put(&w, "binary", "\xff");
        char *binary = file_join(&w.arena, w.dir, SLICE("binary"));
        FILE *f = fopen(binary, "wb");
        fwrite("\xff", 1, 2, f);
        fclose(f);
        override_with(&w, rows[i].yaml);
        if (!w.ok)
            says(&w, ARTIFACT_ERROR, "no error is expected", rows[i].yaml);
        has(&w, rows[i].kind, rows[i].id, rows[i].text);
        tear_down(&w);
    }
}

static void test_wrong_overrides(void **state)
{
    static const struct { const char *yaml; enum artifact_severity severity; const char *why; } rows[] = {
        { "- a\n", ARTIFACT_ERROR, "give a mapping of lists" },
        { "apimServiceName: x\nbackend: []\n", ARTIFACT_ERROR, "o.yaml:2: backend: no such list in an overrides file: did you mean backends?" },
        { "apis: {a: 1}\n", ARTIFACT_ERROR, "o.yaml:1: apis: give a list of entries" },
        { "apis:\n  - properties: {}\n", ARTIFACT_ERROR, "each entry needs a `name`" },
        { "apis:\n  - name: aa\n", ARTIFACT_ERROR, "o.yaml:2: apis/aa: no such api in the artifacts: did you mean a?" },
        { "apis:\n  - name: a\n    propertes: {}\n", ARTIFACT_ERROR, "did you mean properties?" },
        { "apis:\n  - name: a\n    properties: []\n", ARTIFACT_ERROR, "give a mapping" },
        { "apis:\n  - name: a\n    properties:\n      serviceURL: http://x\n", ARTIFACT_WARNING, "o.yaml:4: apis/a: serviceURL: no such property: did you mean serviceUrl?" },
        { "apis:\n  - name: a\n    properties:\n      serviceUrl: gopher\n", ARTIFACT_ERROR, "o.yaml:4: api a: serviceUrl: \"gopher\" is no http" },
        { "apis: [{name: a, policies: [{name: policy}]}]\n", ARTIFACT_ERROR, "policies: each needs" },
        { "apis: [{name: a, operations: [{name: got, policies: [{properties: {value: <policies/>}}]}]}]\n", ARTIFACT_ERROR, "did you mean get" },
        { "policies: [{properties: {value: '<policies>{#X#}</policies>'}}]\n", ARTIFACT_ERROR, "still holds a {#token#}" },
        { "namedValues: [{name: n, properties: {value: '@env:HOLDFAST_TEST_NONE'}}]\n", ARTIFACT_ERROR, "this variable is not set" },
        { "namedValues: [{name: n, properties: {value: '@file:none'}}]\n", ARTIFACT_ERROR, "cannot open" },
        { "namedValues: [{name: m, properties: {value: x}}]\n", ARTIFACT_WARNING, "namedValues/m: made by the overrides, the artifacts have none: did you mean n?" },
        { "backends: [{name: c, properties: {url: '{#URL#}'}}]\n", ARTIFACT_WARNING, "made by the overrides" }, /* nothing calls it */
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct world w;
        artifacts(&w);
        override_with(&w, rows[i].yaml);
        says(&w, rows[i].severity, "o.yaml", rows[i].why);
        assert_int_equal(w.ok, rows[i].severity != ARTIFACT_ERROR);
        tear_down(&w);
    }
}

/* Several files: the later one wins, key by key. */
static void test_several_files(void **state)
{
    struct world w;
    char one[80], two[80];

    artifacts(&w);
    put(&w, "1.yaml", "apis: [{name: a, properties: {serviceUrl: http://one, path: one}}]\n");
    put(&w, "2.yaml", "apis: [{name: a, properties: {serviceUrl: http://two}}]\n");
    snprintf(one, sizeof one, "%s/1.yaml", w.dir);
    snprintf(two, sizeof two, "%s/2.yaml", w.dir);
    struct artifact_options o = { .dir = w.dir, .overrides = (const char *[]){ one, two }, .n_overrides = 2, .allow_plain_secrets = true,
                                  .salt = SLICE("test") };
    assert_true(artifact_load(&w.arena, &o, &w.out));
    has(&w, "api", "a", "\"serviceUrl\":\"http://two\"");
    has(&w, "api", "a", "\"path\":\"one\"");
    tear_down(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_overrides), cmocka_unit_test(test_merge), cmocka_unit_test(test_wrong_overrides),
        cmocka_unit_test(test_several_files),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
