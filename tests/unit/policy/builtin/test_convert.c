/* json-to-xml and xml-to-json: what becomes of each construct, when they convert at all. */
#include "tests/unit/policy/rig.h"

static void run_on(const char *statement, const char *type, const char *accept, const char *body)
{
    rig_request("GET", "/", accept, NULL);
    rig.answer_fields = type;
    rig.answer_body = body;
    rig_outbound(statement);
    rig_run();
}

#define TO_XML "<json-to-xml apply='always' consider-accept-header='false' "
#define XSI " xsi:nil=\"true\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" />"

static void test_json_to_xml(void **state)
{
    static const struct {
        const char *attributes, *json, *xml;
    } cases[] = {
        { "/>", "{\"a\":{\"b\":1.50,\"c\":\"x<y\",\"d\":true,\"e\":false}}",
          "<a><b>1.50</b><c>x&lt;y</c><d>True</d><e>False</e></a>" },
        { "/>", "{\"a\":{\"b\":[1,2,{\"c\":3}],\"d\":[]}}", "<a><b>1</b><b>2</b><b><c>3</c></b><d /></a>" },
        { "/>", "{\"a\":[]}", "<Document><a /></Document>" },
        { "/>", "{\"a\":{\"b\":null}}", "<a><b" XSI "</a>" },
        { "/>", "{\"a\":1,\"b\":2}", "<Document><a>1</a><b>2</b></Document>" },
        { "/>", "{\"a\":[1,2]}", "<Document><a>1</a><a>2</a></Document>" },
        { "/>", "[1,[2]]", "<Document><item>1</item><item><item>2</item></item></Document>" },
        { "/>", "{}", "<Document />" },
        { "/>", "{\"a\":\"\"}", "<a />" },
        { "/>", "{\"a b\":{\"1c\":1,\"x_y\":2,\"@d\":3}}",
          "<a_x0020_b><_x0031_c>1</_x0031_c><x_y>2</x_y><_x0040_d>3</_x0040_d></a_x0020_b>" },
        { "namespace-separator=':' namespace-prefix='xmlns' attribute-block-name='#attrs'/>",
          "{\"a:E\":{\"xmlns:a\":\"u\",\"#attrs\":{\"q\":\"1\"},\"n\":\"t\"}}",
          "<a:E xmlns:a=\"u\" q=\"1\"><n>t</n></a:E>" },
        { "namespace-prefix='xmlns'/>", "{\"a_E\":{\"xmlns\":\"d\",\"xmlns_a\":\"u\"}}",
          "<a:E xmlns=\"d\" xmlns:a=\"u\" />" },
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        run_on(arena_printf(&rig.program, TO_XML "%s", cases[i].attributes).p,
               "Content-Type: application/json", "", cases[i].json);
        assert_response(200, cases[i].xml);
        assert_field(&rig.rt.response, "Content-Type", "application/xml");
    }
}

#define TO_JSON "<xml-to-json apply='always' consider-accept-header='false' "

static void test_xml_to_json(void **state)
{
    static const struct {
        const char *attributes, *xml, *json;
    } cases[] = {
        { "kind='direct'/>", "<a>text</a>", "{\"a\":\"text\"}" },
        { "kind='direct'/>", "<?xml version='1.0'?><a><b/><c></c></a>", "{\"version\":\"1.0\",\"a\":{\"b\":null,\"c\":\"\"}}" },
        { "kind='direct'/>", "<a x='1' y='&quot;'>t</a>",
          "{\"a\":{\"@x\":\"1\",\"@y\":\"\\\"\",\"#text\":\"t\"}}" },
        { "kind='direct'/>", "<a>\n <b>1</b><c/>\n <b>2</b></a>",
          "{\"a\":{\"b\":[\"1\",\"2\"],\"c\":null}}" },
        { "kind='direct'/>", "<s:a xmlns:s='u'><s:b/></s:a>", "{\"s$a\":{\"@xmlns$s\":\"u\",\"s$b\":null}}" },
        { "kind='direct' always-array-child-elements='true'/>", "<a><b>1</b></a>",
          "{\"a\":{\"b\":[\"1\"]}}" },
        { "kind='direct'/>", "<a><!-- c --><![CDATA[<x>]]></a>", "{\"a\":\"<x>\"}" },
        { "kind='javascript-friendly'/>", "<a x='1' xmlns='u'>t<b>2</b></a>",
          "{\"a\":{\"x\":\"1\",\"$\":\"t\",\"b\":\"2\"}}" },
        { "kind='direct'/>", "\xEF\xBB\xBF<?xml version = \"1.0\" encoding='utf-8' standalone=\"yes\" ?>\n<a/>",
          "{\"version\":\"1.0\",\"encoding\":\"utf-8\",\"standalone\":\"yes\",\"a\":null}" },
        { "kind='javascript-friendly'/>", "<?xml version='1.0'?><a>1</a>", "{\"a\":\"1\"}" },
        { "kind='javascript-friendly'/>", "<a xmlns='u'>t</a>", "{\"a\":\"t\"}" },
        { "kind='@(\"direct\")' empty-values='x' trim='true'/>", "<a/>", "{\"a\":null}" },
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        run_on(arena_printf(&rig.program, TO_JSON "%s", cases[i].attributes).p, "Content-Type: text/xml", "",
               cases[i].xml);
        assert_response(200, cases[i].json);
        assert_field(&rig.rt.response, "Content-Type", "application/json");
    }
}

static void test_when_to_convert(void **state)
{
    static const struct {
        const char *statement, *type, *accept;
        bool converts;
    } cases[] = {
        { "<json-to-xml apply='content-type-json' consider-accept-header='false'/>",
          "Content-Type: application/json; charset=utf-8", "", true },
        { "<json-to-xml apply='content-type-json' consider-accept-header='false'/>",
          "Content-Type: application/hal+json", "", true },
        { "<json-to-xml apply='content-type-json' consider-accept-header='false'/>",
          "Content-Type: text/plain", "", false },
        { "<json-to-xml apply='content-type-json' consider-accept-header='false'/>", "", "", false },
        { "<json-to-xml apply='always'/>", "", "Accept: text/html, application/xml;q=0.9", true },
        { "<json-to-xml apply='always'/>", "", "Accept: application/json", false },
        { "<json-to-xml apply='always'/>", "", "", false },
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        run_on(cases[i].statement, cases[i].type, cases[i].accept, "{\"a\":1}");
        assert_response(200, cases[i].converts ? "<a>1</a>" : "{\"a\":1}");
    }
}

static void test_malformed(void **state)
{
    run_on(TO_XML "/>", "", "", "{\"a\":");
    assert_int_equal(rig.rt.response.status, 400);
    assert_last_error("json-to-xml", "BodyNotWellFormed", "The body is not JSON: ");
    run_on(TO_JSON "kind='direct'/>", "", "", "<a>");
    assert_int_equal(rig.rt.response.status, 400);
    assert_last_error("xml-to-json", "BodyNotWellFormed", "The body is not XML: ");
    run_on(TO_JSON "kind='direct'/>", "", "", NULL);
    assert_response(200, "");
}

static void test_large_body_is_refused(void **state)
{
    struct buf b;

    buf_init(&b, &rig.program);
    for (int i = 0; i < 50000; i++)
        buf_printf(&b, "%s\"m%d\":%d", i ? "," : "{", i, i);
    buf_puts(&b, "}");
    run_on(TO_XML "/>", "", "", buf_slice(&b).p);
    assert_int_equal(rig.rt.response.status, 500);
    assert_slice(rig.rt.error.reason, "LimitExceeded");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        rig_test(test_json_to_xml), rig_test(test_xml_to_json),          rig_test(test_when_to_convert),
        rig_test(test_malformed),   rig_test(test_large_body_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
