/* Artifact directories to entities: both layouts, OpenAPI, overrides, what is skipped and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "app/artifact/artifact.h"
#include "platform/base/buf.h"
#include "platform/file.h"

struct world {
    struct arena arena;
    char dir[64];
    struct artifacts out;
    bool ok;
};

static void set_up(struct world *w)
{
    arena_init_growing(&w->arena, 64 << 20);
    strcpy(w->dir, "/tmp/holdfast-artifacts-XXXXXX");
    assert_non_null(mkdtemp(w->dir));
}

static void put(struct world *w, const char *path, const char *text)
{
    char *whole = file_join(&w->arena, w->dir, slice_from(path));
    struct slice dir = slice_first(slice_from(whole), (size_t)slice_rfind_byte(slice_from(whole), '/'));
    struct err err;

    if (!file_make_dirs(arena_cstr(&w->arena, dir), 0755, &err) || !file_write_atomic(whole, slice_from(text), 0644, &err))
        fail_msg("%s", err.text);
}

static void load(struct world *w, const char *overrides, const char *gateway, bool plain)
{
    const char *files[] = { overrides };
    struct artifact_options o = { .dir = w->dir, .overrides = files, .n_overrides = overrides ? 1 : 0, .gateway = gateway,
                                  .allow_plain_secrets = plain, .salt = SLICE("test") };

    w->ok = artifact_load(&w->arena, &o, &w->out);
}

static void tear_down(struct world *w)
{
    char command[128];

    snprintf(command, sizeof command, "rm -rf %s", w->dir);
    assert_int_equal(system(command), 0);
    arena_free(&w->arena);
}

static struct slice line_of(const struct world *w, const char *kind, const char *id)
{
    for (size_t i = 0; i < w->out.n; i++)
        if (slice_eq(w->out.entities[i].kind, slice_from(kind)) && slice_eq(w->out.entities[i].id, slice_from(id)))
            return w->out.entities[i].line;
    return SLICE_NONE;
}

static void has(const struct world *w, const char *kind, const char *id, const char *text)
{
    struct slice line = line_of(w, kind, id);

    if (!line.p)
        fail_msg("no %s %s", kind, id);
    if (slice_find(line, slice_from(text)) < 0)
        fail_msg("%s %s lacks %s: %.*s", kind, id, text, SLICE_ARG(line));
}

static void says(const struct world *w, enum artifact_severity severity, const char *what, const char *why)
{
    for (const struct artifact_problem *p = w->out.problems; p; p = p->next)
        if (p->severity == severity && slice_find(p->what, slice_from(what)) >= 0 && slice_find(p->why, slice_from(why)) >= 0)
            return;
    for (const struct artifact_problem *p = w->out.problems; p; p = p->next)
        print_message("%d %.*s: %.*s\n", p->severity, SLICE_ARG(p->what), SLICE_ARG(p->why));
    fail_msg("nothing says %s: %s", what, why);
}

static const char api[] = "{\"properties\":{\"path\":\"a\",\"protocols\":[\"http\"],\"description\":\"long\"}}";

static void test_openapi(void **state)
{
    struct world w;

    set_up(&w);
    put(&w, "apis/a/apiInformation.json", api);
    put(&w, "apis/a/specification.yaml",
        "openapi: 3.1.0\npaths:\n  /items/{id}:\n    parameters:\n      - $ref: '#/components/parameters/Must'\n"
        "    get:\n      operationId: getItem\n      summary: Get it\n      parameters:\n        - {name: v, in: query, required: true}\n"
        "        - {name: w, in: query}\n    delete: {}\ncomponents:\n  parameters:\n    Must: {name: must, in: query, required: true}\n");
    load(&w, NULL, NULL, false);
    assert_true(w.ok);
    has(&w, "operation", "a/getItem", "\"urlTemplate\":\"/items/{id}?v={v}&must={must}\"");
    has(&w, "operation", "a/getItem", "\"displayName\":\"Get it\"");
    has(&w, "operation", "a/delete-items-id", "\"method\":\"DELETE\"");
    assert_true(slice_find(line_of(&w, "api", "a"), SLICE("description")) < 0);
    tear_down(&w);
}

static void test_responses(void **state)
{
    struct world w;

    set_up(&w);
    put(&w, "apis/a/apiInformation.json", api);
    put(&w, "apis/a/specification.yaml",
        "openapi: 3.0.0\npaths:\n  /x:\n    get:\n      operationId: g\n      responses:\n        '200':\n          content:\n"
        "            application/json: {schema: {$ref: '#/components/schemas/T'}}\n            text/plain: {example: hi}\n"
        "        default: {}\ncomponents:\n  schemas:\n    T:\n      type: object\n      properties:\n        id: {type: integer}\n"
        "        name: {type: string, example: Ann}\n        self: {$ref: '#/components/schemas/T'}\n"
        "        tags: {type: array, items: {type: string}}\n");
    load(&w, NULL, NULL, false);
    assert_true(w.ok);
    has(&w, "responses", "a/g", "\"statusCode\":200");
    has(&w, "responses", "a/g", "\"contentType\":\"text/plain\",\"sample\":\"hi\"");
    has(&w, "responses", "a/g", "{\\\"id\\\":0,\\\"name\\\":\\\"Ann\\\"");
    tear_down(&w);
}

static void test_swagger_json(void **state)
{
    struct world w;

    set_up(&w);
    put(&w, "apis/a/apiInformation.json", api);
    put(&w, "apis/a/specification.json", "{\"swagger\":\"2.0\",\"basePath\":\"/x\",\"paths\":{\"/y\":{\"post\":{\"operationId\":\"p\"}}}}");
    load(&w, NULL, NULL, false);
    assert_true(w.ok);
    has(&w, "operation", "a/p", "\"urlTemplate\":\"/y\"");
    tear_down(&w);
}

static void test_both_link_layouts(void **state)
{
    struct world w;

    set_up(&w);
    put(&w, "apis/a/apiInformation.json", api);
    put(&w, "apis/b/apiInformation.json", "{\"properties\":{\"path\":\"b\"}}");
    put(&w, "apis/g/apiInformation.json", "{\"properties\":{\"path\":\"g\",\"type\":\"graphql\"}}");
    put(&w, "products/new/productInformation.json", "{\"properties\":{}}");
    put(&w, "products/new/apis/a/productApiInformation.json", "{}");
    put(&w, "products/new/apis/g/productApiInformation.json", "{}");
    put(&w, "products/old/productInformation.json", "{\"properties\":{}}");
    put(&w, "products/old/apis.json", "[{\"name\":\"a\"},{\"name\":\"b\"}]");
    put(&w, "gateways/none/gatewayInformation.json", "{\"properties\":{}}");
    put(&w, "workspaces/x/y.json", "{}");
    load(&w, NULL, NULL, false);
    assert_true(w.ok);
    has(&w, "product", "new", "\"apis\":[\"a\"]");
    has(&w, "product", "old", "\"apis\":[\"a\",\"b\"]");
    assert_true(slice_find(line_of(&w, "gateway", "none"), SLICE("apis")) < 0);
    says(&w, ARTIFACT_SKIP, "api g", "graphql");
    says(&w, ARTIFACT_SKIP, "workspaces", "not one that a gateway serves");
    tear_down(&w);
}

static void test_one_gateway(void **state)
{
    struct world w;

    set_up(&w);
    put(&w, "apis/a/apiInformation.json", api);
    put(&w, "apis/a;rev=2/apiInformation.json", "{\"properties\":{\"path\":\"a\",\"apiRevision\":\"2\"}}");
    put(&w, "apis/b/apiInformation.json", "{\"properties\":{\"path\":\"b\"}}");
    put(&w, "gateways/edge/apis/a/gatewayApiInformation.json", "{}");
    load(&w, NULL, "edge", false);
    assert_true(w.ok);
    assert_non_null(line_of(&w, "api", "a").p);
    assert_non_null(line_of(&w, "api", "a;rev=2").p);
    assert_null(line_of(&w, "api", "b").p);
    load(&w, NULL, "edgy", false);
    assert_false(w.ok);
    says(&w, ARTIFACT_ERROR, "--gateway", "did you mean edge");
    tear_down(&w);
}

static void test_overrides(void **state)
{
    struct world w;
    char file[80];

    set_up(&w);
    put(&w, "apis/a/apiInformation.json", api);
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
    says(&w, ARTIFACT_ERROR, "o.yaml", "line 2");
    tear_down(&w);
}

static void test_secrets(void **state)
{
    struct world w;

    set_up(&w);
    put(&w, "apis/a/apiInformation.json", api);
    put(&w, "apis/a/policy.xml", "<policies><inbound><set-variable name=\"v\" value=\"{{ used }}\"/></inbound></policies>");
    put(&w, "named values/used/namedValueInformation.json", "{\"properties\":{\"displayName\":\"used\",\"secret\":true}}");
    put(&w, "named values/idle/namedValueInformation.json", "{\"properties\":{\"displayName\":\"idle\",\"secret\":true}}");
    load(&w, NULL, NULL, false);
    assert_false(w.ok);
    says(&w, ARTIFACT_ERROR, "named-value used", "apis/a/policy.xml");
    says(&w, ARTIFACT_WARNING, "named-value idle", "nothing that is served uses it");
    put(&w, "named values/used/namedValueInformation.json", "{\"properties\":{\"displayName\":\"used\",\"secret\":true,\"value\":\"x\"}}");
    load(&w, NULL, NULL, false);
    assert_false(w.ok);
    says(&w, ARTIFACT_ERROR, "named-value used", "--allow-plain-secrets");
    load(&w, NULL, NULL, true);
    assert_true(w.ok);
    tear_down(&w);
}

static void test_malformed(void **state)
{
    static const struct { const char *file, *text, *why; } rows[] = {
        { "apis/a/apiInformation.json", "{\"properties\":\n{\"path\":}}", "line 2" },
        { "apis/a/apiInformation.json", "{\"properties\":[]}", "must be an object" },
        { "apis/a/specification.yaml", "openapi: 3.0.0\npaths:\n  - x\n   y: {", "line 4" },
        { "apis/a/specification.json", "{}", "neither" },
        { "apis/a/operations/o/operationInformation.json", "{\"properties\":{\"method\":\"GET\"}}", "urlTemplate" },
        { "products/p/productInformation.json", "{", "line 1" },
        { "products/p/apis/none/productApiInformation.json", "{}", "does not exist" },
        { "subscriptions/s/subscriptionInformation.json", "{\"properties\":{\"scope\":\"/apis/none\"}}", "no such api" },
        { "backends/b/backend.xml", "<backend id=\"b\"><service/></backend>", "<service url=" },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct world w;
        set_up(&w);
        put(&w, "apis/a/apiInformation.json", api);
        if (strncmp(rows[i].file, "products/p/apis", 15) == 0)
            put(&w, "products/p/productInformation.json", "{\"properties\":{}}");
        put(&w, rows[i].file, rows[i].text);
        load(&w, NULL, NULL, false);
        assert_false(w.ok);
        const char *folder = rows[i].file;
        says(&w, ARTIFACT_ERROR, strncmp(folder, "products/p/apis", 15) == 0 ? "products/p" : folder, rows[i].why);
        tear_down(&w);
    }
}

static void test_guide_backend(void **state)
{
    struct world w;

    set_up(&w);
    put(&w, "backends/on-prem-api/backend.xml", "<backend id=\"on-prem-api\">\n<service url=\"http://internal-api.local:8080\" />\n</backend>\n");
    load(&w, NULL, NULL, false);
    assert_true(w.ok);
    has(&w, "backend", "on-prem-api", "\"url\":\"http://internal-api.local:8080\"");
    tear_down(&w);
}

static void test_nothing_there(void **state)
{
    struct world w;

    set_up(&w);
    load(&w, NULL, NULL, false);
    assert_false(w.ok);
    tear_down(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_openapi), cmocka_unit_test(test_responses), cmocka_unit_test(test_swagger_json), cmocka_unit_test(test_both_link_layouts),
        cmocka_unit_test(test_one_gateway), cmocka_unit_test(test_overrides), cmocka_unit_test(test_secrets),
        cmocka_unit_test(test_malformed), cmocka_unit_test(test_guide_backend), cmocka_unit_test(test_nothing_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
