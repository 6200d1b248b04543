/* policy/front: each quirk of real documents becomes well-formed XML with the same content, and places map
 * back. */
#include "tests/unit/policy/rig.h"

#include "platform/xml.h"
#include "policy/front.h"

static struct front front;
static struct front_error err;

static const struct xml_node *read_root(struct slice source)
{
    struct xml_error xerr;

    if (!front_read(&rig.program, source, &front, &err))
        fail_msg("%.*s: at %u: %s", SLICE_ARG(source), err.offset, err.message);
    const struct xml_document *doc = xml_parse(&rig.program, front.text, NULL, &xerr);
    if (!doc)
        fail_msg("%.*s\n  became %.*s\n  %s", SLICE_ARG(source), SLICE_ARG(front.text), xerr.message);
    return doc->root;
}

static const struct xml_node *read_first(const char *source)
{
    return xml_child(read_root(slice_from(source)), NULL);
}

/* The value of attribute x of the only element. */
static void test_attributes(void **state)
{
    static const struct {
        const char *name, *source, *value;
    } cases[] = {
        { "plain", "<a x='1'/>", "1" },
        { "raw quotes", "<a x=\"@(f(\"b\"))\"/>", "@(f(\"b\"))" },
        { "raw quotes in a block", "<a x=\"@{ return \"}\"; }\"/>", "@{ return \"}\"; }" },
        { "raw < and &&", "<a x=\"@(1 < 2 && g(\"h\"))\"/>", "@(1 < 2 && g(\"h\"))" },
        { "raw < and && without quotes", "<a x=\"@(1 < 2 && 3 > 2)\"/>", "@(1 < 2 && 3 > 2)" },
        { "generics", "<a x=\"@(b.As<JObject>()[\"c\"])\"/>", "@(b.As<JObject>()[\"c\"])" },
        { "escaped", "<a x=\"@(f(&quot;b&quot;) &amp;&amp; 1 &lt; 2)\"/>", "@(f(\"b\") && 1 < 2)" },
        { "escaped bracket in a string", "<a x=\"@(f(&quot;)&quot;))\"/>", "@(f(\")\"))" },
        { "both", "<a x=\"@(f(\"b\") &amp;&amp; 1 &lt; 2)\"/>", "@(f(\"b\") && 1 < 2)" },
        { "line ends stay", "<a x=\"@{ // no \"quote\n return \"y\";\r\n\t}\"/>",
          "@{ // no \"quote\n return \"y\";\n\t}" },
        { "line ends stay without quotes", "<a x=\"@{ // c\n return 1; }\"/>", "@{ // c\n return 1; }" },
        { "white space before", "<a x=\" \n @(f(\"b\")) \"/>", "   @(f(\"b\")) " },
        { "single quotes", "<a x='@(f(\"b\"))'/>", "@(f(\"b\"))" },
        { "single quotes, char literal", "<a x='@(f('\\'', ')'))'/>", "@(f('\\'', ')'))" },
        { "verbatim string", "<a x=\"@(f(@\"\\\", @\"\"\"\"))\"/>", "@(f(@\"\\\", @\"\"\"\"))" },
        { "interpolated string", "<a x=\"@($\"{g(\"}\")}\")\"/>", "@($\"{g(\"}\")}\")" },
        { "comment with a quote", "<a x=\"@{ /* \" ) */ return 1; }\"/>", "@{ /* \" ) */ return 1; }" },
        { "literal with & and <", "<a x=\"b?c=1&d=2<3&amp;4&#65;&copy;\"/>", "b?c=1&d=2<3&4A&copy;" },
        { "@ that begins no expression", "<a x=\"@x(\"/>", "@x(" },
        { "no white space between", "<a w=\"1\"x=\"2\"/>", "2" },
        { "white space around =", "<a x = \"@(\"b\")\" />", "@(\"b\")" },
        { "closing brackets", "<a x=\"@(b[c[0]]>\"d\")\"/>", "@(b[c[0]]>\"d\")" },
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct xml_attr *x = xml_attr(read_first(cases[i].source), "x");
        if (!x || !slice_eq(x->value, slice_from(cases[i].value)))
            fail_msg("%s: \"%.*s\"", cases[i].name, SLICE_ARG(x->value));
    }
}

static void test_texts(void **state)
{
    static const struct {
        const char *name, *source, *text;
    } cases[] = {
        { "plain", "<a>b &amp; c</a>", "b & c" },
        { "raw expression", "<a>@(b.As<string>() + \"<\")</a>", "@(b.As<string>() + \"<\")" },
        { "escaped expression", "<a>@(b.As&lt;string&gt;() ?? \"{}\")</a>", "@(b.As<string>() ?? \"{}\")" },
        { "tags in a string", "<a>@{ return \"</a><b>\"; }</a>", "@{ return \"</a><b>\"; }" },
        { "white space around", "<a>\n  @(1 < 2)\n</a>", "\n  @(1 < 2)\n" },
        { "&& and &", "<a>@(b && c & d)</a>", "@(b && c & d)" },
        { "text behind", "<a>@(b)ms</a>", "@(b)ms" },
        { "behind a comment", "<a><!-- c -->@(1 < 2)</a>", "@(1 < 2)" },
        { "Liquid", "<a>{% if b < 3 %}x{% endif %} & {{ c }}</a>", "{% if b < 3 %}x{% endif %} & {{ c }}" },
        { "CDATA", "<a><![CDATA[@(b < \"c\")]]></a>", "@(b < \"c\")" },
        { "]]>", "<a>@(b[c[0]]>1)</a>", "@(b[c[0]]>1)" },
        { "reference", "<a>&#x41;&lt;</a>", "A<" },
        { "comment inside", "<a>b<!-- -- <x> & -- -->c</a>", "bc" },
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct slice text = xml_text(&rig.program, read_first(cases[i].source));
        if (!slice_eq(text, slice_from(cases[i].text)))
            fail_msg("%s: \"%.*s\"", cases[i].name, SLICE_ARG(text));
    }
}

static void test_around_the_root(void **state)
{
    const struct xml_node *a = read_first(
        "\xEF\xBB\xBF<!-- -- a -- -->\n<?xml version=\"1.0\" encoding=\"utf-16\"?>\n<a/>\n<b/> stray <c/>");

    assert_slice(a->name, "a");
    assert_slice(xml_next(a, NULL)->name, "b");
    assert_slice(xml_next(xml_next(a, NULL), NULL)->name, "c");
    assert_true(front.has_stray);
    assert_memory_equal(front.source.p + front.stray_at, "stray", 5);
    read_first("<a/>\n");
    assert_false(front.has_stray);
}

static void test_refused(void **state)
{
    static const struct {
        const char *source, *message;
        unsigned offset;
    } cases[] = {
        { "<a>\n <b>\n</a>", "</a> where <b> of line 2 is still open", 9 },
        { "<a><b></b>", "<a> is never closed", 0 },
        { "</a>", "</a> closes nothing", 0 },
        { "<a x=\"@(f(\"/>", "expression does not end", 6 },
        { "<a x=\"@(1) y\"/>", "expected \" behind the expression", 11 },
        { "<a x=\"1/>", "no closing quote", 5 },
        { "<a x=1/>", "must stand in quotes", 5 },
        { "<a x/>", "has no value", 3 },
        { "<a <b/></a>", "expected an attribute", 3 },
        { "<a>@{ return 1;</a>", "expression does not end", 3 },
        { "<a><!-- b</a>", "comment does not end", 3 },
        { "<a><![CDATA[b</a>", "CDATA section does not end", 3 },
        { "<!DOCTYPE a><a/>", "document type", 0 },
        { "<a>\xC3(</a>", "byte 0xc3 is not UTF-8", 3 },
        { "\xFF\xFE<", "UTF-16", 0 },
        { "<a", "does not end", 0 },
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        if (front_read(&rig.program, slice_from(cases[i].source), &front, &err))
            fail_msg("accepted: %s", cases[i].source);
        if (!strstr(err.message, cases[i].message) || err.offset != cases[i].offset)
            fail_msg("%s: at %u: %s", cases[i].source, err.offset, err.message);
    }
}

/* Every byte of the expression maps to itself. */
static void test_places(void **state)
{
    const char *source = "<!-- -- -->\n<a y='1&amp;2' x=\"@(f(\"b\") <\n 2 && c)\"> @(1 < \"&\")</a>";
    const struct xml_node *a = read_first(source);
    const struct xml_attr *x = xml_attr(a, "x");

    for (size_t i = 0; i < x->value.n; i++) {
        size_t at =
            front_offset(&front, x->value_at + xml_locate(slice_skip(front.text, x->value_at), true, i));
        assert_int_equal(source[at], x->value.p[i]);
    }
    const struct xml_node *t = a->children;
    for (size_t i = 0; i < t->text.n; i++) {
        struct slice raw = slice_sub(front.text, t->inner_at, t->inner_end);
        size_t at = front_offset(&front, t->inner_at + xml_locate(raw, false, i));
        assert_int_equal(source[at], t->text.p[i]);
    }
    assert_ptr_equal(source + front_offset(&front, a->at), strstr(source, "<a "));
    assert_ptr_equal(source + front_offset(&front, x->name_at), strstr(source, "x="));
    assert_ptr_equal(source + front_offset(&front, a->inner_end), strstr(source, "</a>"));
}

static void test_too_large(void **state)
{
    char *big = arena_alloc(&rig.program, FRONT_BYTES_MAX + 1);

    memset(big, ' ', FRONT_BYTES_MAX + 1);
    assert_true(front_read(&rig.program, slice_of(big, FRONT_BYTES_MAX), &front, &err));
    assert_false(front_read(&rig.program, slice_of(big, FRONT_BYTES_MAX + 1), &front, &err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        rig_test(test_attributes), rig_test(test_texts),  rig_test(test_around_the_root),
        rig_test(test_refused),    rig_test(test_places), rig_test(test_too_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
