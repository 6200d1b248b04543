/* Artifact directories to entities: both layouts, what is skipped and what is refused. */
#include "tests/unit/app/artifact_rig.h"

#include <ctype.h>

static void test_both_link_layouts(void **state)
{
    struct world w;

    set_up(&w);
    put(&w, "apis/a/apiInformation.json", an_api);
    put(&w, "apis/b/apiInformation.json", "{\"properties\":{\"path\":\"b\"}}");
    put(&w, "apis/g/apiInformation.json", "{\"properties\":{\"path\":\"g\",\"type\":\"graphql\"}}");
    put(&w, "products/new/productInformation.json", "{\"properties\":{}}");
    put(&w, "products/new/apis/a/productApiInformation.json", "{}");
    put(&w, "products/new/apis/g/productApiInformation.json", "{}");
    put(&w, "groups/crew/groupInformation.json", "{\"properties\":{\"displayName\":\"The crew\"}}");
    put(&w, "products/new/groups/crew/productGroupInformation.json", "{}");
    put(&w, "products/old/groups.json", "[{\"name\":\"guests\"}]");
    put(&w, "products/old/productInformation.json", "{\"properties\":{}}");
    put(&w, "products/old/apis.json", "[{\"name\":\"a\"},{\"name\":\"b\"}]");
    put(&w, "gateways/none/gatewayInformation.json", "{\"properties\":{}}");
    put(&w, "workspaces/x/y.json", "{}");
    put(&w, "portal/y.json", "{}");
    load(&w, NULL, NULL, false);
    assert_true(w.ok);
    has(&w, "product", "new", "\"apis\":[\"a\"]");
    has(&w, "product", "old", "\"apis\":[\"a\",\"b\"],\"groups\":[\"guests\"]");
    has(&w, "product", "new", "\"groups\":[\"crew\"]");
    has(&w, "group", "crew", "\"displayName\":\"The crew\"");
    assert_true(slice_find(line_of(&w, "gateway", "none"), SLICE("apis")) < 0);
    says(&w, ARTIFACT_SKIP, "api g", "graphql");
    says(&w, ARTIFACT_SKIP, "workspaces/x", "not served");
    says(&w, ARTIFACT_SKIP, "portal", "not one that a gateway serves");
    tear_down(&w);
}

static void test_one_gateway(void **state)
{
    struct world w;

    set_up(&w);
    put(&w, "apis/a/apiInformation.json", an_api);
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

static void test_secrets(void **state)
{
    struct world w;

    set_up(&w);
    put(&w, "apis/a/apiInformation.json", an_api);
    put(&w, "apis/a/policy.xml", "<policies><inbound><set-variable name=\"v\" value=\"{{ used }}\"/></inbound></policies>");
    put(&w, "named values/used/namedValueInformation.json", "{\"properties\":{\"displayName\":\"used\",\"secret\":true}}");
    put(&w, "named values/idle/namedValueInformation.json", "{\"properties\":{\"displayName\":\"idle\",\"secret\":true}}");
    load(&w, NULL, NULL, false);
    assert_false(w.ok);
    says(&w, ARTIFACT_ERROR, "named values/used/namedValueInformation.json", "used by apis/a/policy.xml");
    says(&w, ARTIFACT_WARNING, "named values/idle", "nothing that is served uses it");
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
        { "apis/a/apiInformation.json", "{\"properties\":\n{\"path\":}}", ".json:2:9:" },
        { "apis/a/apiInformation.json", "{\"properties\":[]}", "must be an object" },
        { "apis/a/specification.yaml", "openapi: 3.0.0\npaths:\n  - x\n   y: {", ".yaml:4:" },
        { "apis/a/specification.json", "{}", "neither" },
        { "apis/a/operations/o/operationInformation.json", "{\"properties\":{\"method\":\"GET\"}}", "urlTemplate" },
        { "products/p/productInformation.json", "{", ".json:1:" },
        { "products/p/apis/none/productApiInformation.json", "{}", "does not exist" },
        { "subscriptions/s/subscriptionInformation.json", "{\"properties\":{\"scope\":\"/apis/none\"}}", "no such api" },
        { "backends/b/backend.xml", "<backend id=\"b\"><service/></backend>", "<service url=" },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct world w;
        set_up(&w);
        put(&w, "apis/a/apiInformation.json", an_api);
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

/* What an artifact file or an overrides file says of one resource, and what comes of it. */
static void test_properties(void **state)
{
    static const struct { const char *file, *properties; enum artifact_severity severity; const char *why; } rows[] = {
        { "apis/a", "\"path\":\"a\",\n\"protocols\":\"http\"", ARTIFACT_ERROR, "apiInformation.json:2: protocols: \"http\": give a list" },
        { "apis/a", "\"path\":\"a\",\"protocols\":[\"htpp\"]", ARTIFACT_ERROR, "\"htpp\": give http, https, ws or wss" },
        { "apis/a", "\"path\":\"a\",\"subscriptionRequired\":\"no\"", ARTIFACT_ERROR, "give true or false" },
        { "apis/a", "\"displayName\":\"a\"", ARTIFACT_ERROR, "\"path\" is missing" },
        { "apis/a", "\"path\":\"a\",\"serviceUrl\":\"ftp://x\"", ARTIFACT_ERROR, "no http or https URL" },
        { "apis/a", "\"path\":\"a\",\"serviceUrl\":\"http://x/{#T#}\"", ARTIFACT_ERROR, "serviceUrl: still holds a {#token#}" },
        { "apis/a", "\"path\":\"a\",\n\n\"apiVersionSetId\":\"/apiVersionSets/vv\"", ARTIFACT_ERROR,
          ":3: apiVersionSetId: no such version set: vv: did you mean v" },
        { "apis/a;rev=2", "\"path\":\"a\",\"apiRevision\":\"3\"", ARTIFACT_ERROR, "the folder says otherwise" },
        { "apis/a", "\"path\":\"a\",\"type\":\"soap\"", ARTIFACT_SKIP, "type soap" },
        { "apis/a", "\"path\":\"/B/\"", ARTIFACT_ERROR, "that of api" },
        { "products/p", "\"state\":\"publishd\"", ARTIFACT_ERROR, "give one of published|notPublished" },
        { "version sets/w", "\"displayName\":\"w\"", ARTIFACT_ERROR, "versioningScheme is missing" },
        { "version sets/w", "\"versioningScheme\":\"Path\"", ARTIFACT_ERROR, "Segment|Query|Header" },
        { "subscriptions/s", "\"scope\":\"/apis/ba\"", ARTIFACT_ERROR, "no such api: did you mean b" },
        { "subscriptions/s", "\"scope\":\"b\"", ARTIFACT_ERROR, "give /products/ID, /apis/ID or /apis" },
        { "subscriptions/s", "\"scope\":\"/apis\",\"state\":\"dead\"", ARTIFACT_ERROR, "active|suspended" },
        { "subscriptions/s", "\"scope\":\"/apis\",\"startDate\":\"yesterday\"", ARTIFACT_ERROR, "startDate: \"yesterday\": give a date" },
        { "subscriptions/s", "\"scope\":\"/apis\"", ARTIFACT_WARNING, "has no key" },
        { "subscriptions/s", "\"scope\":\"/apis\",\"primaryKey\":\"{#K#}\"", ARTIFACT_ERROR, "primaryKey: still holds" },
        { "subscriptions/s", "\"scope\":\"/apis\",\"primaryKey\":\"same\",\"secondaryKey\":\"taken\"", ARTIFACT_ERROR,
          "subscription old has the same key" },
        { "named values/n", "\"displayName\":\"shown\",\"value\":\"x\"", ARTIFACT_ERROR, "is that of named value m too" },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        static const char *const files[] = { "api", "product", "versionSet", "subscription", "namedValue" };
        struct world w;
        char path[120], text[400];
        size_t kind = 0;
        set_up(&w);
        put(&w, "apis/b/apiInformation.json", "{\"properties\":{\"path\":\"b\"}}");
        put(&w, "version sets/v/versionSetInformation.json", "{\"properties\":{\"versioningScheme\":\"segment\"}}");
        put(&w, "subscriptions/old/subscriptionInformation.json", "{\"properties\":{\"scope\":\"/apis\",\"primaryKey\":\"taken\"}}");
        put(&w, "named values/m/namedValueInformation.json", "{\"properties\":{\"displayName\":\"shown\",\"value\":\"y\"}}");
        while (tolower(files[kind][0]) != tolower(rows[i].file[0]))
            kind++;
        snprintf(path, sizeof path, "%s/%sInformation.json", rows[i].file, files[kind]);
        snprintf(text, sizeof text, "{\"properties\":{%s}}", rows[i].properties);
        put(&w, path, text);
        load(&w, NULL, NULL, false);
        says(&w, rows[i].severity, "", rows[i].why);
        assert_int_equal(w.ok, rows[i].severity != ARTIFACT_ERROR);
        tear_down(&w);
    }
}

/* Scopes by their tail, in any case; what is published names the resource as its folder is called. */
static void test_scopes(void **state)
{
    static const struct { const char *scope, *published; } rows[] = {
        { "/apis", "/apis" },
        { "/apis/b", "/apis/b" },
        { "apis/B", "/apis/b" },
        { "/products/p", "/products/p" },
        { "/subscriptions/1/resourceGroups/products/providers/Microsoft.ApiManagement/service/x/apis/b",
          "/subscriptions/1/resourceGroups/products/providers/Microsoft.ApiManagement/service/x/apis/b" },
        { "/subscriptions/1/resourceGroups/g/providers/Microsoft.ApiManagement/service/x/Products/P", "/products/p" },
        { "/subscriptions/1/resourceGroups/g/providers/Microsoft.ApiManagement/service/x/",
          "/subscriptions/1/resourceGroups/g/providers/Microsoft.ApiManagement/service/x/" },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct world w;
        char text[300];
        set_up(&w);
        put(&w, "apis/b/apiInformation.json", "{\"properties\":{\"path\":\"b\"}}");
        put(&w, "products/p/productInformation.json", "{\"properties\":{}}");
        put(&w, "products/p/apis/B/productApiInformation.json", "{}");
        snprintf(text, sizeof text, "{\"properties\":{\"primaryKey\":\"k\",\"scope\":\"%s\"}}", rows[i].scope);
        put(&w, "subscriptions/s/subscriptionInformation.json", text);
        load(&w, NULL, NULL, false);
        assert_true(w.ok);
        snprintf(text, sizeof text, "\"scope\":\"%s\"", rows[i].published);
        has(&w, "subscription", "s", text);
        has(&w, "product", "p", "\"apis\":[\"b\"]");
        tear_down(&w);
    }
}

static void test_revisions(void **state)
{
    struct world w;

    set_up(&w);
    put(&w, "apis/a/apiInformation.json", "{\"properties\":{\"path\":\"a\",\"apiRevision\":1}}");
    put(&w, "apis/a;rev=2/apiInformation.json", "{\"properties\":{\"path\":\"a\"}}");
    load(&w, NULL, NULL, false);
    assert_true(w.ok);
    has(&w, "api", "a", "\"apiRevision\":\"1\"}");
    has(&w, "api", "a;rev=2", "\"apiRevision\":\"2\"}");
    put(&w, "apis/a;rev=2/apiInformation.json", "{\"properties\":{\"path\":\"a\",\"isCurrent\":true}}");
    load(&w, NULL, NULL, false);
    assert_true(w.ok);
    has(&w, "api", "a", "\"isCurrent\":false");
    has(&w, "api", "a;rev=2", "\"isCurrent\":true");
    put(&w, "apis/a;rev=3/apiInformation.json", "{\"properties\":{\"path\":\"a\",\"isCurrent\":true}}");
    load(&w, NULL, NULL, false);
    assert_false(w.ok);
    says(&w, ARTIFACT_ERROR, "apis/a;rev=3", "a;rev=2 is the current revision too");
    tear_down(&w);
}

/* A policy of an operation that is not there would never run. */
static void test_operation_policies(void **state)
{
    struct world w;

    set_up(&w);
    put(&w, "apis/a/apiInformation.json", an_api);
    put(&w, "apis/a/specification.json", "{\"openapi\":\"3.0.0\",\"paths\":{\"/x\":{\"get\":{\"operationId\":\"get-x\"}}}}");
    put(&w, "apis/a/operations/get-y/policy.xml", "<policies/>");
    load(&w, NULL, NULL, false);
    assert_false(w.ok);
    says(&w, ARTIFACT_ERROR, "apis/a/operations/get-y/policy.xml", "has no operation \"get-y\": did you mean get-x");
    tear_down(&w);
}

static void test_names_of_files(void **state)
{
    struct world w;

    set_up(&w);
    put(&w, "apis/a/apiInformation.json", an_api);
    put(&w, "apis/a/Policy.xml", "<policies/>");
    put(&w, "apis/a/README.md", "");
    put(&w, "apis/a/.DS_Store", "");
    put(&w, "products/p/productInformation.json", "{\"properties\":{}}");
    put(&w, "products/p/apis/.gitkeep", "");
    put(&w, "products/p/apis.json", "[\"a\"]");
    load(&w, NULL, NULL, false);
    assert_true(w.ok);
    says(&w, ARTIFACT_WARNING, "apis/a/Policy.xml", "did you mean policy.xml");
    has(&w, "product", "p", "\"apis\":[\"a\"]");
    put(&w, "products/p/apis/a/productApiInformation.json", "{}");
    put(&w, "products/p/apis.json", "[\"nobody\"]"); /* link files win */
    load(&w, NULL, NULL, false);
    assert_true(w.ok);
    char *link = file_join(&w.arena, w.dir, SLICE("apis/a/policy.xml"));
    assert_int_equal(symlink("nowhere", link), 0);
    load(&w, NULL, NULL, false);
    says(&w, ARTIFACT_ERROR, "apis/a/policy.xml", "cannot open");
    assert_true(w.out.unreadable);
    assert_int_equal(unlink(link), 0);
    put(&w, "apis/a/policy.xml", "<policies>\n\xff</policies>");
    load(&w, NULL, NULL, false);
    says(&w, ARTIFACT_ERROR, "apis/a/policy.xml", ":2:1: not UTF-8");
    put(&w, "apis/A/apiInformation.json", an_api);
    load(&w, NULL, NULL, false);
    says(&w, ARTIFACT_ERROR, "apis/a", "\"A\" is there too");
    tear_down(&w);
}

/* What one gateway does not serve leaves with --gateway, secrets first of all. */
static void test_narrowed(void **state)
{
    struct world w;

    set_up(&w);
    put(&w, "apis/a/apiInformation.json", an_api);
    put(&w, "apis/b/apiInformation.json", "{\"properties\":{\"path\":\"b\"}}");
    put(&w, "apis/b/policy.xml", "<policies><inbound><set-variable name=\"v\" value=\"{{other}}\"/></inbound></policies>");
    put(&w, "gateways/edge/apis/a/gatewayApiInformation.json", "{}");
    put(&w, "gateways/far/apis/b/gatewayApiInformation.json", "{}");
    put(&w, "products/p/productInformation.json", "{\"properties\":{}}");
    put(&w, "products/p/apis/b/productApiInformation.json", "{}");
    put(&w, "subscriptions/s/subscriptionInformation.json", "{\"properties\":{\"scope\":\"/products/p\",\"primaryKey\":\"k\"}}");
    put(&w, "named values/other/namedValueInformation.json", "{\"properties\":{\"displayName\":\"other\",\"value\":\"x\",\"secret\":true}}");
    load(&w, NULL, "edge", false);
    assert_true(w.ok);
    assert_non_null(line_of(&w, "gateway", "edge").p);
    assert_null(line_of(&w, "gateway", "far").p);
    assert_null(line_of(&w, "product", "p").p);
    assert_null(line_of(&w, "subscription", "s").p);
    assert_null(line_of(&w, "named-value", "other").p);
    tear_down(&w);
}

/* Credentials are secrets; ids of certificates, and places of named values, are none. */
static void test_credentials(void **state)
{
    static const struct { const char *backend; bool secret; } rows[] = {
        { "\"credentials\":{\"header\":{\"x-key\":[\"abc\"]}}", true },
        { "\"credentials\":{\"query\":{\"code\":[\"abc\"]}}", true },
        { "\"credentials\":{\"authorization\":{\"scheme\":\"Basic\",\"parameter\":\"YTpi\"}}", true },
        { "\"proxy\":{\"url\":\"http://p\",\"username\":\"u\",\"password\":\"p\"}", true },
        { "\"credentials\":{\"header\":{\"authorization\":[\"Bearer {{token}}\"]}}", false },
        { "\"credentials\":{\"certificateIds\":[\"c\"],\"certificate\":[\"AB\"],\"managedIdentity\":{\"clientId\":\"x\"}}", false },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct world w;
        char text[300];
        set_up(&w);
        snprintf(text, sizeof text, "{\"properties\":{\"url\":\"http://x\",%s}}", rows[i].backend);
        put(&w, "backends/b/backendInformation.json", text);
        load(&w, NULL, NULL, false);
        if (strstr(rows[i].backend, "certificateIds"))
            says(&w, ARTIFACT_WARNING, "backends/b/backendInformation.json", "no such certificate: c");
        assert_int_equal(w.ok, !rows[i].secret);
        load(&w, NULL, NULL, true);
        assert_true(w.ok);
        tear_down(&w);
    }
}

/* Used is what served policies reach: over fragments, a backend's pool, a variable. */
static void test_usage(void **state)
{
    static const struct { const char *policy; const char *fragment; bool used; } rows[] = {
        { "<set-backend-service backend-id=\"b\"/>", "", true },
        { "<set-backend-service backend-id=\"bb\"/>", "", false },
        { "<include-fragment fragment-id=\"f\"/>", "<set-backend-service backend-id=\"b\"/>", true },
        { "<trace/>", "<set-backend-service backend-id=\"b\"/>", false },
        { "<set-variable name=\"id\" value=\"b\"/><set-backend-service backend-id=\"@(x)\"/>", "", true },
        { "<set-backend-service backend-id=\"pool\"/>", "", true },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct world w;
        char text[300];
        set_up(&w);
        put(&w, "apis/a/apiInformation.json", an_api);
        snprintf(text, sizeof text, "<policies><inbound>%s</inbound></policies>", rows[i].policy);
        put(&w, "apis/a/policy.xml", text);
        snprintf(text, sizeof text, "<fragment>%s</fragment>", rows[i].fragment);
        put(&w, "policy fragments/f/policy.xml", text);
        put(&w, "backends/b/backendInformation.json", "{\"properties\":{\"url\":\"[placeholder]\"}}");
        put(&w, "backends/pool/backendInformation.json",
            "{\"properties\":{\"type\":\"Pool\",\"pool\":{\"services\":[{\"id\":\"/backends/b\"}]}}}");
        load(&w, NULL, NULL, false);
        if (strstr(rows[i].policy, "pool"))
            says(&w, ARTIFACT_ERROR, "backends/pool", "pools are not built yet");
        says(&w, rows[i].used ? ARTIFACT_ERROR : ARTIFACT_WARNING, "backends/b/backendInformation.json", ":1: url: \"[placeholder]\"");
        tear_down(&w);
    }
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
        cmocka_unit_test(test_both_link_layouts),
        cmocka_unit_test(test_one_gateway), cmocka_unit_test(test_secrets),
        cmocka_unit_test(test_malformed), cmocka_unit_test(test_guide_backend), cmocka_unit_test(test_nothing_there),
        cmocka_unit_test(test_properties), cmocka_unit_test(test_scopes), cmocka_unit_test(test_revisions),
        cmocka_unit_test(test_operation_policies), cmocka_unit_test(test_names_of_files), cmocka_unit_test(test_narrowed),
        cmocka_unit_test(test_credentials), cmocka_unit_test(test_usage),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
