/* Specifications to operations and described responses (reference/gateway.md 7). */
#include "tests/unit/app/artifact_rig.h"

static void test_openapi(void **state)
{
    struct world w;

    set_up(&w);
    put(&w, "apis/a/apiInformation.json", an_api);
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
    put(&w, "apis/a/apiInformation.json", an_api);
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
    put(&w, "apis/a/apiInformation.json", an_api);
    put(&w, "apis/a/specification.json", "{\"swagger\":\"2.0\",\"basePath\":\"/x\",\"paths\":{\"/y\":{\"post\":{\"operationId\":\"p\"}}}}");
    load(&w, NULL, NULL, false);
    assert_true(w.ok);
    has(&w, "operation", "a/p", "\"urlTemplate\":\"/y\"");
    tear_down(&w);
}


static void specify(struct world *w, const char *yaml)
{
    set_up(w);
    put(w, "apis/a/apiInformation.json", an_api);
    put(w, "apis/a/specification.yaml", yaml);
    load(w, NULL, NULL, false);
}

/* Required query parameters: of the operation, of the path unless the operation says otherwise, never twice. */
static void test_query_parameters(void **state)
{
    static const struct { const char *path, *operation, *template; } rows[] = {
        { "[]", "[{name: i, in: query, required: true}]", "/x/{id}?i={i}" },
        { "[]", "[{name: id, in: query, required: true}]", "/x/{id}" },
        { "[]", "[{name: i, in: header, required: true}, {name: j, in: cookie, required: true}]", "/x/{id}" },
        { "[{name: i, in: query, required: true}]", "[{name: i, in: query}]", "/x/{id}" },
        { "[{name: i, in: query}]", "[{name: i, in: query, required: true}]", "/x/{id}?i={i}" },
        { "[{name: i, in: query, required: true}]", "[{name: i, in: path, required: true}]", "/x/{id}?i={i}" },
        { "[{$ref: '#/components/parameters/a~1b%20c'}]", "[]", "/x/{id}?deep={deep}" },
        { "[{$ref: '#/components/parameters/hop'}]", "[]", "/x/{id}?deep={deep}" },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct world w;
        char yaml[600], template[80];
        snprintf(yaml, sizeof yaml, "openapi: 3.0.3\npaths:\n  /x/{id}:\n    parameters: %s\n    get: {operationId: g, parameters: %s}\n"
                 "components:\n  parameters:\n    a/b c: {name: deep, in: query, required: true}\n"
                 "    hop: {$ref: '#/components/parameters/a~1b%%20c'}\n", rows[i].path, rows[i].operation);
        snprintf(template, sizeof template, "\"urlTemplate\":\"%s\"", rows[i].template);
        specify(&w, yaml);
        assert_true(w.ok);
        has(&w, "operation", "a/g", template);
        tear_down(&w);
    }
}

static void test_made_ids(void **state)
{
    struct world w;
    char yaml[600], id[100], path[120];

    memset(path, 'x', sizeof path - 1);
    path[sizeof path - 1] = 0;
    snprintf(yaml, sizeof yaml, "swagger: '2.0'\npaths:\n  /{foo}/bar: {get: {}}\n  /foo/{bar}: {get: {summary: Named}}\n  /foo-bar: {get: {}}\n"
             "  /other: {get: {operationId: get-foo-bar}, post: {operationId: 12}}\n  /again: {get: {operationId: get-foo-bar}}\n  /%s: {put: {}}\n", path);
    specify(&w, yaml);
    assert_true(w.ok);
    has(&w, "operation", "a/get-foo-bar", "\"urlTemplate\":\"/other\"");
    has(&w, "operation", "a/get-foo-bar-1", "\"urlTemplate\":\"/again\"");
    has(&w, "operation", "a/get-foo-bar-2", "\"urlTemplate\":\"/{foo}/bar\"");
    has(&w, "operation", "a/get-foo-bar-3", "\"displayName\":\"Named\"");
    has(&w, "operation", "a/get-foo-bar-4", "\"urlTemplate\":\"/foo-bar\"");
    has(&w, "operation", "a/12", "\"method\":\"POST\"");
    snprintf(id, sizeof id, "a/put-%.72s", path);
    has(&w, "operation", id, "\"method\":\"PUT\"");
    says(&w, ARTIFACT_WARNING, "apis/a/specification.yaml", "get /again: operationId \"get-foo-bar\" is given twice");
    tear_down(&w);
}

static void test_yaml_forms(void **state)
{
    struct world w;

    specify(&w, "\xef\xbb\xbf" "openapi: 3.1\r\nx-common: &common\r\n  summary: Shared\r\n  responses: {200: {content: {text/plain: {example: hi}}}}\r\n"
                "paths:\r\n  \"/quoted\":\r\n    'get':\r\n      <<: *common\r\n      operationId: q\r\nx-ms-paths:\r\n  /x?op={op}: {get: {operationId: m}}\r\n");
    assert_true(w.ok);
    has(&w, "operation", "a/q", "\"displayName\":\"Shared\"");
    has(&w, "responses", "a/q", "{\"statusCode\":200,\"representations\":[{\"contentType\":\"text/plain\",\"sample\":\"hi\"}]}");
    has(&w, "operation", "a/m", "\"urlTemplate\":\"/x?op={op}\"");
    tear_down(&w);
}

static void test_wrong_specifications(void **state)
{
    static const struct { const char *yaml; enum artifact_severity severity; const char *why; } rows[] = {
        { "openapi: 3.0.0\npaths: []\n", ARTIFACT_ERROR, "must be an object" },
        { "openapi: 3.0.0\npaths: {'/x/{a': {get: {operationId: o}}}\n", ARTIFACT_ERROR, "operation o: urlTemplate \"/x/{a\"" },
        { "openapi: 4.0.0\npaths: {}\n", ARTIFACT_ERROR, "version 2, 3.0 or 3.1" },
        { "swagger: 1.2\napis: []\n", ARTIFACT_ERROR, "version 2, 3.0 or 3.1" },
        { "openapi: 3.0.0\npaths: {/x: {$ref: '#/none'}}\n", ARTIFACT_ERROR, "/x: $ref \"#/none\": leads nowhere" },
        { "openapi: 3.0.0\nx: {$ref: '#/y'}\ny: {$ref: '#/x'}\npaths: {/x: {$ref: '#/x'}}\n", ARTIFACT_ERROR, "leads nowhere" },
        { "openapi: 3.0.0\npaths: {/x: {$ref: 'other.yaml#/x'}}\n", ARTIFACT_WARNING, "references out of the document" },
        { "openapi: 3.0.0\npaths: {}\n", ARTIFACT_WARNING, "describes no operations" },
        { "openapi: 3.0.0\npaths:\n  /x:\n\tget: {}\n", ARTIFACT_ERROR, ".yaml:4:1:" },
        { "", ARTIFACT_WARNING, "no operations" },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct world w;
        specify(&w, rows[i].yaml);
        assert_int_equal(w.ok, rows[i].severity != ARTIFACT_ERROR);
        says(&w, rows[i].severity, "apis/a", rows[i].why);
        tear_down(&w);
    }
}

/* The parts of allOf are one object; a schema inside itself, or doubling at each level, ends. */
static void test_samples(void **state)
{
    struct world w;

    specify(&w, "openapi: 3.0.0\npaths:\n  /x:\n    get:\n      operationId: g\n      responses:\n"
                "        200: {content: {application/json: {schema: {$ref: '#/components/schemas/Both'}}}}\n"
                "        201: {content: {application/json: {schema: {$ref: '#/components/schemas/Circle'}}}}\n"
                "        202: {content: {application/json: {schema: {$ref: '#/components/schemas/L0'}}}}\n"
                "components:\n  schemas:\n    Base: {type: object, properties: {id: {type: integer}}}\n"
                "    Both: {allOf: [{$ref: '#/components/schemas/Base'}, {properties: {name: {type: string}}}], properties: {own: {type: boolean}}}\n"
                "    Circle: {properties: {a: {type: string}, me: {$ref: '#/components/schemas/Circle'}}}\n"
                "    L0: &l {type: object, properties: {a: {$ref: '#/components/schemas/L1'}, b: {$ref: '#/components/schemas/L1'}, c: {$ref: '#/components/schemas/L1'}}}\n"
                "    L1: {properties: {a: {$ref: '#/components/schemas/L2'}, b: {$ref: '#/components/schemas/L2'}, c: {$ref: '#/components/schemas/L2'}}}\n"
                "    L2: {properties: {a: {$ref: '#/components/schemas/L3'}, b: {$ref: '#/components/schemas/L3'}, c: {$ref: '#/components/schemas/L3'}}}\n"
                "    L3: {properties: {a: {$ref: '#/components/schemas/L4'}, b: {$ref: '#/components/schemas/L4'}, c: {$ref: '#/components/schemas/L4'}}}\n"
                "    L4: {properties: {a: {$ref: '#/components/schemas/L5'}, b: {$ref: '#/components/schemas/L5'}, c: {$ref: '#/components/schemas/L5'}}}\n"
                "    L5: {properties: {a: {$ref: '#/components/schemas/L6'}, b: {$ref: '#/components/schemas/L6'}, c: {$ref: '#/components/schemas/L6'}}}\n"
                "    L6: {type: string}\n");
    assert_true(w.ok);
    has(&w, "responses", "a/g", "\"{\\\"id\\\":0,\\\"name\\\":\\\"string\\\",\\\"own\\\":true}\"");
    has(&w, "responses", "a/g", "\"{\\\"a\\\":\\\"string\\\"}\"");
    assert_true(line_of(&w, "responses", "a/g").n < 32768);
    tear_down(&w);
}

/* An operationInformation.json says all of its operation; its examples count too. */
static void test_operation_files(void **state)
{
    struct world w;

    set_up(&w);
    put(&w, "apis/a/apiInformation.json", an_api);
    put(&w, "apis/a/specification.json", "{\"openapi\":\"3.0.0\",\"paths\":{\"/spec\":{\"get\":{\"operationId\":\"o\"},\"put\":{\"operationId\":\"p\"}}}}");
    put(&w, "apis/a/operations/o/operationInformation.json",
        "{\"properties\":{\"displayName\":\"O\",\"method\":\"get\",\"urlTemplate\":\"/file\",\"responses\":[{\"statusCode\":200,"
        "\"representations\":[{\"contentType\":\"application/json\",\"examples\":{\"default\":{\"value\":{\"x\":1}}}}]}]}}");
    load(&w, NULL, NULL, false);
    assert_true(w.ok);
    has(&w, "operation", "a/o", "\"urlTemplate\":\"/file\"");
    has(&w, "operation", "a/o", "\"method\":\"GET\"");
    has(&w, "operation", "a/p", "\"urlTemplate\":\"/spec\"");
    has(&w, "responses", "a/o", "\"sample\":\"{\\\"x\\\":1}\"");
    tear_down(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_openapi), cmocka_unit_test(test_responses), cmocka_unit_test(test_swagger_json),
        cmocka_unit_test(test_query_parameters), cmocka_unit_test(test_made_ids), cmocka_unit_test(test_yaml_forms),
        cmocka_unit_test(test_wrong_specifications), cmocka_unit_test(test_samples), cmocka_unit_test(test_operation_files),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
