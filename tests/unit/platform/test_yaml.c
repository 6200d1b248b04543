/* YAML to JSON: types of scalars, anchors and merges, lines that stay where they were, what is wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "platform/yaml.h"

static const struct { const char *yaml, *json; } rows[] = {
    { "", "null" },
    { "a: 1\nb: 'x'\nc: \"1\"\nd: ~\ne: true\nf: 01\ng: 0x1F\n", "{\"a\":1,\n\"b\":\"x\",\n\"c\":\"1\",\n\"d\":null,\n\"e\":true,\n\"f\":\"01\",\n\"g\":\"0x1F\"}" },
    { "200: ok\n", "{\"200\":\"ok\"}" },
    { "- a\n\n- b\n", "[\"a\",\n\n\"b\"]" },
    { "x: &x {k: 1}\ny: *x\nz: 2\n", "{\"x\":{\"k\":1},\n\"y\":{\"k\":1},\n\"z\":2}" },
    { "x: &x {k: 1}\ny: {<<: *x, k: 2}\n", "{\"x\":{\"k\":1},\n\"y\":{\"k\":1,\"k\":2}}" },
    { "- &x {k: 1}\n- &y {k: 2}\n- {<<: [*x, *y]}\n", "[{\"k\":1},\n{\"k\":2},\n{\"k\":2,\"k\":1}]" },
    { "- &x {k: 1}\n- &y {<<: *x}\n- {<<: *y}\n", "[{\"k\":1},\n{\"k\":1},\n{\"k\":1}]" },
    { "a: |\n  one\n  two\nb: 1\n", "{\"a\":\"one\\ntwo\\n\",\n\n\n\"b\":1}" },
    { "a: 1\r\nb: 2\r\n", "{\"a\":1,\n\"b\":2}" },
};

static void test_json(void **state)
{
    struct arena a;
    struct slice json;
    struct err err;

    arena_init_growing(&a, 1 << 20);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (!yaml_to_json(&a, slice_from(rows[i].yaml), &json, &err))
            fail_msg("%s: %s", rows[i].yaml, err.text);
        if (!slice_eq(json, slice_from(rows[i].json)))
            fail_msg("%s gives %.*s", rows[i].yaml, SLICE_ARG(json));
    }
    arena_free(&a);
}

static const struct { const char *yaml, *why; } wrong[] = {
    { "a: [\n", "line 2 column 1" },
    { "a: 1\nb:\n\tc: 1\n", "line 3 column 1" },
    { "a: 1\nb: \xff\xfe\n", "line 2 column 4" },
    { "{[a]: 1}", "line 1 column 2: a key must be text" },
    { "a: 1\nb: {<<: 1}\n", "line 2 column 9: the value of <<" },
    { "a: &a [*a]\n", "nested too deeply" },
    { "a: &a {<<: *a}\n", "nested too deeply" },
    { "a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\n"
      "d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e,*e]\n"
      "g: &g [*f,*f,*f,*f,*f,*f,*f,*f,*f,*f]\n", "aliases that repeat each other" },
};

static void test_wrong(void **state)
{
    struct arena a;
    struct slice json;
    struct err err;

    arena_init_growing(&a, 64 << 20);
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        assert_false(yaml_to_json(&a, slice_from(wrong[i].yaml), &json, &err));
        if (!strstr(err.text, wrong[i].why))
            fail_msg("%s: %s", wrong[i].yaml, err.text);
    }
    arena_free(&a);
}

/* Of the depth alone, long before the end: libyaml would take minutes. */
static void test_deep(void **state)
{
    static char deep[1 << 20];
    struct arena a;
    struct slice json;
    struct err err;

    arena_init_growing(&a, 64 << 20);
    memset(deep, '[', sizeof deep);
    assert_false(yaml_to_json(&a, slice_of(deep, sizeof deep), &json, &err));
    assert_non_null(strstr(err.text, "line 1 column 65: nested too deeply"));
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_json), cmocka_unit_test(test_wrong), cmocka_unit_test(test_deep) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
