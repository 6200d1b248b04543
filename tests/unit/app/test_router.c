/* URL to API to operation: reference/gateway.md 2.1 and 2.2, a row per rule. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "app/router.h"

/* Operations and APIs are opaque to the router: names serve as their addresses. */
#define OPERATION(name) ((const struct operation *)(const void *)(name))
#define API(name) ((const struct api *)(const void *)(name))

struct operation_row {
    const char *method, *template, *id;
};

static const struct operation_row operations[] = {
    { "GET", "/", "root" },
    { "GET", "/items", "list" },
    { "POST", "/items", "create" },
    { "GET", "/items/{id}", "get" },
    { "GET", "/items/special", "special" },
    { "DELETE", "/items/{id}", "delete" },
    { "GET", "/items/{id}/parts/{part}", "part" },
    { "GET", "/Users('{name}')", "odata" },
    { "GET", "/{a}.{b}", "dotted" },
    { "GET", "/range/{from}-{to}", "range" },
    { "GET", "/files/*", "files" },
    { "*", "/any", "any" },
    { "PUT", "/any", "put-any" },
    { "GET", "/search", "search" },
    { "GET", "/search?q={q}", "search-q" },
    { "GET", "/search?q={q}&page={page}", "search-q-page" },
    { "GET", "/act?action=list", "act-list" },
    { "GET", "/act?action=drop", "act-drop" },
    { "GET", "/deep/{*rest}", "deep" },
    { "GET", "/mein gr%C3%BC\xc3\x9f/{x}", "spelled" },
    { "GET", "/find?my%20key=a%26b", "find" },
    { "DELETE", "/*", "rest" },
    { "DELETE", "/admin", "admin" },
};

struct match_row {
    const char *method, *path, *query, *id; /* id NULL: no match */
    const char *name, *value;               /* one parameter, or NULL */
};

static const struct match_row matches[] = {
    { "GET", "", "", "root", NULL, NULL },
    { "GET", "/", "", "root", NULL, NULL },
    { "GET", "/items", "", "list", NULL, NULL },
    { "GET", "/items/", "", "list", NULL, NULL },
    { "GET", "/ITEMS", "", "list", NULL, NULL },
    { "POST", "/items", "", "create", NULL, NULL },
    { "PUT", "/items", "", NULL, NULL, NULL },
    { "GET", "/items/7", "", "get", "id", "7" },
    { "GET", "/items/7/", "", "get", "id", "7" },
    { "GET", "/items/special", "", "special", NULL, NULL },
    { "DELETE", "/items/special", "", "delete", "id", "special" },
    { "GET", "/items/a%2Fb", "", "get", "id", "a%2Fb" },
    { "GET", "/items/7/parts/9", "", "part", "part", "9" },
    { "GET", "/items/7/parts", "", NULL, NULL, NULL },
    { "GET", "/Users('me')", "", "odata", "name", "me" },
    { "GET", "/report.pdf", "", "dotted", "b", "pdf" },
    { "GET", "/.pdf", "", NULL, NULL, NULL },
    { "GET", "/range/1-9", "", "range", "to", "9" },
    { "GET", "/range/1-", "", NULL, NULL, NULL },
    { "GET", "/files", "", "files", "*", "" },
    { "GET", "/files/", "", "files", "*", "" },
    { "GET", "/files/a/b", "", "files", "*", "a/b" },
    { "GET", "/deep/a/b", "", "deep", "rest", "a/b" },
    { "TRACE", "/any", "", "any", NULL, NULL },
    { "PUT", "/any", "", "put-any", NULL, NULL },
    { "GET", "/search", "", "search", NULL, NULL },
    { "GET", "/search", "?Q=x", "search-q", "q", "x" },
    { "GET", "/search", "?page=2&q=x&z=1", "search-q-page", "page", "2" },
    { "GET", "/act", "?action=drop", "act-drop", NULL, NULL },
    { "GET", "/act", "?action=other", NULL, NULL, NULL },
    { "GET", "/act", "", NULL, NULL, NULL },
    { "HEAD", "/items", "", NULL, NULL, NULL },
    /* An escape is what it stands for, but "%2F" is no separator; parameters stay as written. */
    { "GET", "/%69tem%73", "", "list", NULL, NULL },
    { "GET", "/items/%73pecial", "", "special", NULL, NULL },
    { "GET", "/items%2F7", "", NULL, NULL, NULL },
    { "GET", "/Users(%27m%27)e%27)", "", "odata", "name", "m%27)e" },
    { "GET", "/a%2Eb%2ec", "", "dotted", "a", "a" },
    { "GET", "/a%2Eb%2ec", "", "dotted", "b", "b%2ec" },
    { "GET", "/%zz.%4", "", "dotted", "a", "%zz" },
    { "GET", "/mein%20gr%c3%bc%c3%9F/1", "", "spelled", "x", "1" },
    { "GET", "/act", "?%61ction=dr%6fp", "act-drop", NULL, NULL },
    { "GET", "/act", "?action=DROP", NULL, NULL, NULL },
    { "GET", "/find", "?MY+KEY=a%26b", "find", NULL, NULL },
    /* Slashes at the end never lead to the operation that takes the rest. */
    { "DELETE", "/admin", "", "admin", NULL, NULL },
    { "DELETE", "/admin/", "", "admin", NULL, NULL },
    { "DELETE", "/admin//", "", "admin", NULL, NULL },
    { "DELETE", "/%61dmin/", "", "admin", NULL, NULL },
    { "DELETE", "//admin", "", "rest", "*", "/admin" },
    { "DELETE", "/admin/x/", "", "rest", "*", "admin/x/" },
    { "DELETE", "/", "", "rest", "*", "" },
    { "get", "/items", "", NULL, NULL, NULL },
};

static void check_match(const struct route_table *t, const struct match_row *row)
{
    struct route_match m;
    bool found = route_table_match(t, slice_from(row->method), slice_from(row->path), slice_from(row->query), &m);

    if (!row->id) {
        if (found)
            fail_msg("%s %s%s: matched %s", row->method, row->path, row->query, (const char *)(const void *)m.operation);
        return;
    }
    if (!found)
        fail_msg("%s %s%s: no match, wanted %s", row->method, row->path, row->query, row->id);
    assert_string_equal((const char *)(const void *)m.operation, row->id);
    for (unsigned i = 0; row->name && i < m.n_parameters; i++)
        if (slice_eq(m.parameters[i].name, slice_from(row->name))) {
            assert_true(slice_eq(m.parameters[i].raw, slice_from(row->value)));
            return;
        }
    if (row->name)
        fail_msg("%s %s: no parameter %s", row->method, row->path, row->name);
}

static void test_operations(void **state)
{
    struct arena a;
    struct route_table t;
    struct err err;

    arena_init_growing(&a, 1 << 20);
    route_table_init(&t, &a);
    for (size_t i = 0; i < COUNT_OF(operations); i++)
        assert_true(route_table_add(&t, slice_from(operations[i].method), slice_from(operations[i].template),
                                    OPERATION(operations[i].id), &err));
    for (size_t i = 0; i < COUNT_OF(matches); i++)
        check_match(&t, &matches[i]);
    arena_free(&a);
}

/* What matches does not depend on the order of definition. */
static void check_both_orders(const struct operation_row *rows, const struct match_row *wanted)
{
    for (unsigned first = 0; first < 2; first++) {
        struct arena a;
        struct route_table t;
        struct err err;

        arena_init_growing(&a, 1 << 20);
        route_table_init(&t, &a);
        for (unsigned i = 0; i < 2; i++) {
            const struct operation_row *row = &rows[i ^ first];
            assert_true(route_table_add(&t, slice_from(row->method), slice_from(row->template), OPERATION(row->id), &err));
        }
        check_match(&t, wanted);
        arena_free(&a);
    }
}

static void test_order_of_definition(void **state)
{
    static const struct {
        struct operation_row rows[2];
        struct match_row wanted;
    } cases[] = {
        { { { "GET", "/{a}-{b}", "hyphen" }, { "GET", "/{a}.{b}", "dot" } }, { "GET", "/x.y-z", "", "hyphen", "a", "x.y" } },
        { { { "GET", "/{a}x{b}", "two" }, { "GET", "/{a}x", "one" } }, { "GET", "/1x2x", "", "one", "a", "1x2" } },
        { { { "GET", "/a?b={b}", "any" }, { "GET", "/a?b=1", "own" } }, { "GET", "/a", "?b=1", "own", NULL, NULL } },
        { { { "*", "/a", "any" }, { "GET", "/a", "get" } }, { "GET", "/a", "", "get", NULL, NULL } },
        { { { "GET", "/*", "rest" }, { "GET", "/{a}", "one" } }, { "GET", "/x/", "", "one", "a", "x" } },
        { { { "GET", "/{a}/x", "text" }, { "GET", "/{a}/{b}", "parameter" } }, { "GET", "/1/x", "", "text", NULL, NULL } },
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++)
        check_both_orders(cases[i].rows, &cases[i].wanted);
}

static void test_twins(void **state)
{
    static const struct {
        const char *method, *template, *twin;
    } rows[] = {
        { "GET", "/a/{x}", NULL },     { "GET", "/A/{y}/", "/a/{x}" },       { "PUT", "/a/{x}", NULL },     { "GET", "/a/{x}?q=1", NULL },
        { "GET", "/a/{z}?q=2", NULL }, { "GET", "/a/{z}?Q=1", "/a/{x}?q=1" }, { "GET", "/b/*", NULL },       { "GET", "/b/{*r}", "/b/*" },
        { "GET", "/b?p={p}&q={q}", NULL }, { "GET", "/b?q={x}&p={y}", "/b?p={p}&q={q}" }, { "GET", "/b?p={p}", NULL },
    };
    struct arena a;
    struct route_table t;
    struct err err;

    arena_init_growing(&a, 1 << 20);
    route_table_init(&t, &a);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        assert_true(route_table_add(&t, slice_from(rows[i].method), slice_from(rows[i].template), OPERATION(rows[i].template), &err));
        const char *twin = (const char *)(const void *)t.twin;
        if (rows[i].twin ? !twin || strcmp(twin, rows[i].twin) != 0 : twin != NULL)
            fail_msg("%s %s: %s", rows[i].method, rows[i].template, twin ? twin : "no twin");
    }
    arena_free(&a);
}

static void test_wrong_templates(void **state)
{
    static const char *const wrong[] = { "/a/{b", "/a/b}", "/{a}/{A}", "/*/x", "/{}", "/{a}?b={A}", "/?a={x}&b={x}" };
    struct arena a;
    struct route_table t;
    struct err err;

    arena_init_growing(&a, 1 << 20);
    route_table_init(&t, &a);
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        assert_false(route_table_add(&t, SLICE("GET"), slice_from(wrong[i]), OPERATION("x"), &err));
        assert_non_null(strstr(err.text, wrong[i]));
    }
    arena_free(&a);
}

static struct slice header_v2(const void *arg, struct slice name)
{
    return slice_eq_icase(name, SLICE("X-Version")) ? SLICE("v2") : SLICE_NONE;
}

static void check_api(const struct api_paths *p, const char *path, const char *query, const char *id, const char *rest)
{
    struct api_match m;
    bool found = api_paths_match(p, slice_from(path), slice_from(query), header_v2, NULL, &m);

    if (!id) {
        assert_false(found);
        return;
    }
    if (!found)
        fail_msg("%s%s: no API, wanted %s", path, query, id);
    assert_string_equal((const char *)(const void *)m.api, id);
    assert_string_equal(path + m.consumed, rest);
}

static void add(struct api_paths *p, const char *path, enum version_scheme scheme, const char *parameter, const char *version,
                unsigned revision, bool current, const char *id)
{
    struct err err;

    assert_true(api_paths_add(p, slice_from(path), scheme, slice_from(parameter), slice_from(version), revision, current, API(id),
                              slice_from(id), &err));
}

static void test_api_paths(void **state)
{
    struct arena a;
    struct api_paths p;
    struct err err;

    arena_init_growing(&a, 1 << 20);
    api_paths_init(&p, &a);
    add(&p, "a", VERSION_NONE, "", "", 1, true, "a");
    add(&p, "a/b", VERSION_NONE, "", "", 1, true, "ab");
    add(&p, "a", VERSION_NONE, "", "", 2, false, "a2");
    add(&p, "q", VERSION_QUERY, "api-version", "", 1, true, "q-original");
    add(&p, "q", VERSION_QUERY, "api-version", "2024", 1, true, "q-2024");
    add(&p, "h", VERSION_HEADER, "X-Version", "v2", 1, true, "h-v2");
    check_api(&p, "/a", "", "a", "");
    check_api(&p, "/A/x", "", "a", "/x");
    check_api(&p, "/a/b/c", "", "ab", "/c");
    check_api(&p, "/ab", "", NULL, "");
    check_api(&p, "/a;rev=2/x", "", "a2", "/x");
    check_api(&p, "/a;rev=1/x", "", "a", "/x");
    check_api(&p, "/a;rev=3/x", "", NULL, "");
    check_api(&p, "/q/x", "", "q-original", "/x");
    check_api(&p, "/q/x", "?api-version=2024", "q-2024", "/x");
    check_api(&p, "/q/x", "?api-version=2023", NULL, "");
    check_api(&p, "/h/x", "", "h-v2", "/x");
    check_api(&p, "/", "", NULL, "");
    /* Without any other path, too. */
    check_api(&p, "/%61/x", "", "a", "/x");
    check_api(&p, "/a%2Fb/c", "", NULL, "");
    check_api(&p, "/A;ReV=2", "", "a2", "");
    check_api(&p, "/a;rev=/x", "", NULL, "");
    check_api(&p, "/a;rev=2x/x", "", NULL, "");
    check_api(&p, "/q/x", "?API-version=2%3024", "q-2024", "/x");
    check_api(&p, "*", "", NULL, "");
    add(&p, "", VERSION_NONE, "", "", 1, true, "fallback");
    add(&p, "s/v1", VERSION_NONE, "", "", 1, true, "s-v1");
    assert_true(api_paths_claim(&p, SLICE("s"), &err));
    check_api(&p, "/s/v1/x", "", "s-v1", "/x");
    check_api(&p, "/s/v2/x", "", NULL, "");
    check_api(&p, "/s", "", NULL, "");
    check_api(&p, "/", "", "fallback", "/");
    check_api(&p, "/zzz/y", "", "fallback", "/zzz/y");
    assert_false(api_paths_add(&p, SLICE("a"), VERSION_NONE, SLICE(""), SLICE(""), 1, true, API("again"), SLICE("again"), &err));
    arena_free(&a);
}

/* An API at "" has revisions as well, where no other path is. */
static void test_revision_of_the_empty_path(void **state)
{
    struct arena a;
    struct api_paths p;

    arena_init_growing(&a, 1 << 16);
    api_paths_init(&p, &a);
    add(&p, "", VERSION_NONE, "", "", 1, true, "root");
    add(&p, "", VERSION_NONE, "", "", 2, false, "root2");
    check_api(&p, "/;rev=2/x", "", "root2", "/x");
    check_api(&p, "/x", "", "root", "/x");
    check_api(&p, "/;rev=3/x", "", NULL, "");
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_operations),
        cmocka_unit_test(test_order_of_definition),
        cmocka_unit_test(test_twins),
        cmocka_unit_test(test_wrong_templates),
        cmocka_unit_test(test_api_paths),
        cmocka_unit_test(test_revision_of_the_empty_path),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
