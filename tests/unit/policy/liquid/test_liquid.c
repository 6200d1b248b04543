/* Liquid templates in set-body (reference/policies.md 7): one line a case, through the policy as a request meets it. */
#include "tests/unit/policy/rig.h"

#define JSON "Content-Type: application/json"
#define XML "Content-Type: text/xml; charset=utf-8"

struct sample {
    const char *fields, *body, *liquid, *expected;
};

static void run_as(const char *attributes, const struct sample *s)
{
    struct slice statement = arena_printf(&rig.program, "<set-body template='liquid'%s>%s</set-body>", attributes, s->liquid);

    rig_inbound(arena_cstr(&rig.program, statement));
    rig_request("POST", "/orders/7?q=1", s->fields, s->body);
    rig_run();
    if (rig.rt.error.present)
        fail_msg("%s: %.*s", s->liquid, SLICE_ARG(rig.rt.error.message));
    if (!slice_eq(rig.rt.request.body.data, slice_from(s->expected)))
        fail_msg("%s: \"%.*s\", expected \"%s\"", s->liquid, SLICE_ARG(rig.rt.request.body.data), s->expected);
}

static void run_all(const struct sample *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        rig_teardown(NULL);
        rig_setup(NULL);
        run_as("", &s[i]);
    }
}

/* Templates that need no body. */
static void run_plain(const char *const cases[][2], size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct sample s = { "", NULL, cases[i][0], cases[i][1] };
        run_all(&s, 1);
    }
}

static void test_output(void **state)
{
    static const char *const cases[][2] = {
        { "plain", "plain" },
        { "{{ \"a\" }}{{ 'b' }}{{ 1 }}{{ -2.50 }}{{ true }}{{ nil }}{{ missing.x[3].y }}", "ab1-2.5true" },
        { "a {{- 1 -}} b", "a1b" },
        { "a\n {{- 1 -}}\n b", "a\n1 b" }, /* DotLiquid trims blanks before, one line end behind */
        { "a {%- assign x = 1 -%} b{{x}}", "ab1" },
        { "{% raw %}{{ a }}{% if %}{% endraw %}", "{{ a }}{% if %}" },
        { "a{% comment %} {{ x }} {% unknown %}{% endcomment %}b", "ab" },
        { "{% assign a = 'x' | Upcase | Append: 'y' %}{{ a }}", "Xy" },
        { "{% capture c %}[{{ 1 }}]{% endcapture %}{{ c }}{{ c }}", "[1][1]" },
        { "{% increment i %}{% increment i %}{% decrement j %}{% decrement j %}{{ i }}", "01-1-22" },
        { "{% cycle 'a', 'b' %}{% cycle 'a', 'b' %}{% cycle 'a', 'b' %}", "aba" },
        { "{% cycle 'x': 1, 2 %}{% cycle 'y': 1, 2 %}{% cycle 'x': 1, 2 %}", "112" },
        { "&lt;a&gt; {{ 'x' }}", "<a> x" },
        { "<a b=\"{{ 'x' }}\">{% if 1 &lt; 2 and 'a' == &quot;a&quot; %}&lt;{% endif %}</a>", "<a b=\"x\">&lt;</a>" },
    };
    run_plain(cases, COUNT_OF(cases));
}

static void test_conditions(void **state)
{
    static const char *const cases[][2] = {
        { "{% if true %}a{% else %}b{% endif %}", "a" },
        { "{% if nil %}a{% elsif 1 == 2 %}b{% elsif 2 == 2 %}c{% else %}d{% endif %}", "c" },
        { "{% if 0 %}a{% endif %}{% if '' %}b{% endif %}{% if false %}c{% endif %}", "ab" },
        { "{% unless false %}a{% else %}b{% endunless %}", "a" },
        { "{% if 1 < 2 and 2 >= 2 and 3 <> 4 and 1 != 2 %}a{% endif %}", "a" },
        { "{% if false and false or true %}a{% else %}b{% endif %}", "b" }, /* from the right */
        { "{% if true or false and false %}a{% endif %}", "a" },
        { "{% if 'abc' contains 'b' %}a{% endif %}{% if 'abc' contains 'd' %}b{% endif %}", "a" },
        { "{% if missing < 1 or missing > 1 %}a{% else %}b{% endif %}", "b" },
        { "{% if missing == nil and missing == empty and '' == empty and ' ' == blank %}a{% endif %}", "a" },
        { "{% if ' ' == empty %}a{% else %}b{% endif %}", "b" },
        { "{% if '1' == 1 and 1 == '1' and 1.0 == 1 %}a{% endif %}", "a" },
        { "{% case 2 %}x{% when 1 %}a{% when 2, 3 %}b{% else %}c{% endcase %}", "b" },
        { "{% case 'z' %}{% when 'a' or 'b' %}a{% else %}c{% endcase %}", "c" },
    };
    run_plain(cases, COUNT_OF(cases));
}

static void test_loops(void **state)
{
    static const char *const cases[][2] = {
        { "{% for i in (1..3) %}{{ i }}{% endfor %}", "123" },
        { "{% for i in (1..9) limit:2 offset:3 %}{{ i }}{% endfor %}", "45" },
        { "{% for i in (1..3) reversed %}{{ i }}{% endfor %}", "321" },
        { "{% for i in (1..4) limit:2 %}{{ i }}{% endfor %}|{% for i in (1..4) offset:continue %}{{ i }}{% endfor %}", "12|34" },
        { "{% for i in missing %}a{% else %}none{% endfor %}", "none" },
        { "{% for i in (1..5) %}{% if i == 2 %}{% continue %}{% endif %}{% if i == 4 %}{% break %}{% endif %}{{ i }}{% endfor %}.", "13." },
        { "{% for i in (1..2) %}{{ forloop.index }}{{ forloop.index0 }}{{ forloop.rindex }}{{ forloop.rindex0 }}{{ forloop.first }}{{ forloop.last }}{{ forloop.length }} {% endfor %}",
          "1021truefalse2 2110falsetrue2 " },
        { "{% for i in (1..2) %}{% for j in (1..2) %}{{ i }}{{ j }} {% endfor %}{% endfor %}", "11 12 21 22 " },
        { "[{% JSONArrayFor i in (1..3) %}{{ i }}{% endJSONArrayFor %}]", "[1,2,3]" },
    };
    run_plain(cases, COUNT_OF(cases));
}

static void test_filters(void **state)
{
    static const char *const cases[][2] = {
        { "{{ -5 | Abs }} {{ '-1.5' | abs }}", "5 1.5" },
        { "{{ 'a' | Append: 'b' | Prepend: 'c' }}", "cab" },
        { "{{ 3 | AtLeast: 5 }}{{ 3 | AtMost: 2 }}{{ 3 | at_least: 1 }}", "523" },
        { "{{ 'hello big world' | Capitalize }}", "Hello Big World" },
        { "{{ 'a,,b' | Split: ',' | Compact | Join: '-' }}", "a-b" },
        { "{{ 1234.5 | Currency }} {{ -1 | Currency: 'en-GB' }} {{ 1234.5 | Currency: 'de-DE' }} {{ 'x' | Currency }}", "$1,234.50 -\u00A31.00 1.234,50 \u20AC x" },
        { "{{ '2020-01-02T03:04:05Z' | Date: 'yyyyMMddTHH:mm:ssZ' }} {{ 'x' | Date: 'yyyy' }}", "20200102T03:04:05Z x" },
        { "{{ missing | Default: 'd' }}{{ '' | default: 'e' }}{{ 'f' | Default: 'g' }}", "def" },
        { "{{ 10 | DividedBy: 3 }} {{ 10 | divided_by: 4.0 }} {{ 1 | DividedBy: 0 }}", "3 2.5 Liquid error: Attempted to divide by zero." },
        { "{{ 'AbC' | Downcase }}{{ 'abc' | Upcase }}", "abcABC" },
        { "{{ '&lt;a>&amp;' | Escape }}{{ '&lt;' | H }}", "&lt;a&gt;&amp;&lt;" },
        { "{{ 'b,a' | Split: ',' | First }}{{ 'b,a' | split: ',' | last }}", "ba" },
        { "[{{ ' a ' | Strip }}][{{ ' a ' | Lstrip }}][{{ ' a ' | Rstrip }}]", "[a][a ][ a]" },
        { "{{ 5 | Minus: 2 }}{{ 5 | Modulo: 3 }}{{ 5 | Plus: 2 }}{{ 5 | Times: 2 }}{{ '5' | Plus: 2 }}", "3271052" },
        { "{{ 'ab' | Times: 2 }}", "abab" },
        { "{{ 'a-b-a' | Remove: 'a' }} {{ 'aba' | RemoveFirst: 'a' }} {{ 'aba' | Replace: 'a', 'x' }} {{ 'aba' | ReplaceFirst: 'a', 'x' }}", "-b- ba xbx xba" },
        { "{{ 'a1b2' | Replace: '[0-9]', '#' }}", "a#b#" }, /* a regular expression */
        { "{{ 2.5 | Round }} {{ 3.14159 | Round: 2 }} {{ 'x' | Round }}", "2 3.14 " },
        { "{{ 'abc' | Size }}{{ 'a,b' | Split: ',' | Size }}{{ missing | Size }}", "320" },
        { "{{ 'hello' | Slice: 1 }} {{ 'hello' | Slice: 1, 3 }} {{ 'hello' | Slice: -3, 2 }} {{ 'a' | Slice: 5 }}", "e ell ll " },
        { "{{ 'b,C,a' | Split: ',' | Sort | Join }}", "a b C" },
        { "{{ '&lt;b>x&lt;/b>' | StripHtml }}{{ 'a\nb' | StripNewlines }}", "xab" },
        { "{{ 'a\nb' | NewlineToBr }}", "a<br />\nb" },
        { "{{ 'abcdefghij' | Truncate: 6 }} {{ 'abcdef' | Truncate: 4, '..' }} {{ 'abc' | Truncate: 3 }}", "abc... ab.. abc" },
        { "{{ 'a b c d' | TruncateWords: 2 }} {{ 'a b' | truncatewords: 2 }} {{ 'a b c' | truncate_words: 1, '!' }}", "a b... a b a!" },
        { "{{ 'a,b,a' | Split: ',' | Uniq | Join: '' }}", "ab" },
        { "{{ 'a b&amp;c' | UrlEncode }} {{ 'a+b%26c' | UrlDecode }}", "a+b%26c a b&c" },
        { "{{ missing | Upcase | Append: 'x' | Plus: 1 }}", "" },
    };
    run_plain(cases, COUNT_OF(cases));
}

static void test_json_bodies(void **state)
{
    static const struct sample cases[] = {
        { JSON, "{\"a\":{\"b\":[1,{\"c\":\"x\"}]}}", "{{ body.a.b[0] }}{{ body.a.b[1][\"c\"] }}{{ body['a'].B[-1].C }}", "1xx" },
        { JSON, "{\"a\":[1,2],\"b\":true,\"c\":null,\"d\":1.50}", "{{ body.a }} {{ body.b }} {{ body.c }} {{ body.d }} {{ body.a.size }}{{ body.a.first }}{{ body.a.last }}", "12 true  1.5 212" },
        { "Content-Type: application/vnd.x+json", "[{\"n\":\"a\"},{\"n\":\"b\"}]", "{% for i in body %}{{ i.n }};{% endfor %}{{ body | Map: 'n' | Join: '+' }}", "a;b;a+b" },
        { JSON, "{\"x\":1,\"y\":2}", "{% for p in body %}{{ p.Key }}={{ p.Value }},{{ p[0] }}{{ p[1] }};{% endfor %}", "x=1,x1;y=2,y2;" },
        { JSON, "[3,1,2]", "{{ body | Sort | Join: ',' }}", "1,2,3" },
        { JSON, "[{\"n\":2,\"v\":\"b\"},{\"n\":1,\"v\":\"a\"}]", "{% assign s = body | Sort: 'n' %}{{ s[0].v }}{{ s[1].v }}", "ab" },
        { JSON, "{\"t\":\"2020-01-02T03:04:05Z\"}", "{{ body.t }} {{ body.t | Date: 'yyyy-MM-dd' }}", "01/02/2020 03:04:05 2020-01-02" },
        { JSON, "[1,2]", "{% if body contains 2 %}a{% endif %}{% if body == empty %}b{% endif %}", "a" },
        { JSON, "[]", "{% if body == empty %}b{% endif %}{% for i in body %}x{% else %}none{% endfor %}", "bnone" },
        { JSON, "", "[{{ body.a }}]", "[]" },
        { JSON, "{\"a\":{\"b\":1}}", "{{ body.a }}", "[b, 1]" },
        { JSON, "[1,2,3]", "{{ body[-2] }}{{ body[3] }}{% for i in body %}{{ body.size }}{{ body.first }}{{ body.last }} {% endfor %}{% assign r = body | Reverse %}{{ r[0] }}{{ r.last }}{{ body[0] }}", "2313 313 313 311" },
        { "Content-Type: text/plain", "{\"a\":1}", "{{ body }}{{ body.a }}", "{\"a\":1}" },
        { "", "raw", "{{ body }}", "raw" },
    };
    run_all(cases, COUNT_OF(cases));
}

static void test_xml_bodies(void **state)
{
    static const struct sample cases[] = {
        { XML, "<s:Envelope xmlns:s='u'><s:Body><getOrder><id n='1'>7</id><i>a</i><i>b</i></getOrder></s:Body></s:Envelope>",
          "{{ body.envelope.body.getOrder.id.n }}{{ body.envelope.body.getOrder.i[1] }}{% for i in body.envelope.body.getOrder.i %}{{ i }}{% endfor %}", "1bab" },
        { XML, "<a><b>x</b></a>", "{{ body.a.b }}{{ body.A.B }}", "xx" },
        { XML, "<a><i z='9'><n>1</n></i></a>", "[{% JSONArrayFor x in body.a -%}\n{{ x.n }}{% endJSONArrayFor %}]", "[1]" },
        { XML, "<r q='0'><p><id>1</id></p><p><id>2</id></p> text </r>", "{% for x in body.r %}{{ x.id }};{% endfor %}", "1;2;" }, /* children, no attributes */
        { XML, "<s:r xmlns:s='u'><l><p><Name>a \"b\"</Name></p><p/></l></s:r>",
          "[{% JSONArrayFor i in body.r.l -%}\n{\"n\": {% if i.Name %}\"{{i.Name | Replace: '\\r', '\\r' | Replace: '([^\\\\](\\\\\\\\)*)\"', '$1\\\"'}}\"{% else %}null{% endif %}}{% endJSONArrayFor -%}]",
          "[{\"n\": \"a \\\"b\\\"\"},{\"n\": null}]" },
        { XML, "<a><i><n>1</n></i><i><n>2</n></i></a>", "[{% JSONArrayFor x in body.a.i -%}\n{{ x.n }}{% endJSONArrayFor %}]", "[1,2]" },
        { XML, "<a xmlns:x='http://www.w3.org/2001/XMLSchema-instance'><b x:nil='true'/></a>", "{% if body.a.b == nil %}null{% else %}blank{% endif %}", "blank" },
    };
    run_all(cases, COUNT_OF(cases));
}

static void test_attributes(void **state)
{
    static const struct sample nil = { XML, "<a xmlns:x='http://www.w3.org/2001/XMLSchema-instance'><b x:nil='true'/></a>",
                                       "{% if body.a.b == nil %}null{% else %}blank{% endif %}", "null" };
    static const struct sample date = { JSON, "{\"t\":\"2020-01-02T03:04:05Z\"}", "{{ body.t }}", "2020-01-02T03:04:05Z" };

    run_as(" xsi-nil='null'", &nil);
    rig_teardown(NULL);
    rig_setup(NULL);
    run_as(" parse-date='false'", &date);
}

static void test_context(void **state)
{
    static const struct sample cases[] = {
        { "Host: h\nX-A: 1\nX-A: 2", "b", "{{ context.Request.Method }} {{ context.Request.OriginalMethod }} {{ context.Request.Url.Path }} {{ context.Request.Url.QueryString }}", "POST POST /base/orders/7 ?q=1" },
        { "X-A: 1\nX-A: 2", "b", "{{ context.Request.Headers['x-a'] }} {{ context.Request.HasBody }} {{ context.Request.Url.Query.q }}", "1,2 true 1" },
        { "X-A: 1", "b", "{% for h in context.Request.Headers %}{% if h.Key == 'X-A' %}{{ h.Key }}:{{ h.Value }}{% endif %}{% endfor %}", "X-A:1" },
        { "", "b", "[{{ context.Response.StatusCode }}{{ context.Nothing.Here }}{{ context.Variables['none'] }}]", "[]" },
    };
    run_all(cases, COUNT_OF(cases));
}

/* As published samples have them. */
static void test_real_templates(void **state)
{
    static const struct sample cases[] = {
        { JSON, "[{\"id\":1,\"name\":\"a\"},{\"id\":2,\"name\":\"b\"}]",
          "\n<customers>\n  {% JSONArrayFor customer in body %}\n  <id>{{customer.id}}</id><name>{{customer.name | upcase}}</name>\n  {% endJSONArrayFor %}\n</customers>",
          "\n<customers>\n  \n  <id>1</id><name>A</name>\n  ,\n  <id>2</id><name>B</name>\n  \n</customers>" },
        { "X-A: 1", NULL, "\n  {% for header in context.Request.Headers %}\n    {{- header.Key }}: {{ header.Value }}\n  {% endfor %}", "\n  \nX-A: 1\n  " },
        { JSON, "{\"c\":{\"p\":{\"id\":\"7\",\"s\":\"x < y\"}}}", "{ \"order\": { \"id\": \"{{body.c.p.id}}\", \"n\": {% if body.c.p.n < 2 %}1{% else %} null{% endif %}, \"s\": \"{{body.c.p.s}}\" } }",
          "{ \"order\": { \"id\": \"7\", \"n\":  null, \"s\": \"x < y\" } }" },
        { JSON, "{\"n\":1}", "<a>{% if body.n < 2 %}yes{% endif %} & </a>", "<a>yes &amp; </a>" },
    };
    run_all(cases, COUNT_OF(cases));
}

static void test_variables(void **state)
{
    rig_inbound("<set-variable name='s' value='text'/><set-variable name='o' value='@(new JObject(new JProperty(\"a\", \"b\")))'/>"
                "<set-variable name='n' value='@(5)'/><set-variable name='l' value='@(new JArray(1, 2))'/>"
                "<set-body template='liquid'>{% assign v = context.Variables['o'] %}{{ context.Variables['s'] }} {{ v.a }} {{ v['A'] }} "
                "{{ context.Variables.n | Plus: 1 }} {% for i in context.Variables['l'] %}{{ i }};{% endfor %}</set-body>");
    rig_run();
    assert_slice(rig.rt.request.body.data, "text b b 6 1;2;");
}

static void test_outbound(void **state)
{
    rig.answer_fields = "Content-Type: application/json\nX-B: 2";
    rig.answer_body = "{\"a\":1}";
    rig_outbound("<set-body template='liquid'>{{ body.a }} {{ context.Response.StatusCode }} {{ context.Response.Headers['X-B'] }}</set-body>");
    rig_run();
    assert_slice(rig.rt.response.body.data, "1 200 2");
}

static void test_return_response_has_no_body(void **state)
{
    rig_inbound("<return-response><set-status code='201'/><set-body template='liquid'>[{{ body }}]{{ context.Request.Method }}</set-body></return-response>");
    rig_request("POST", "/", JSON, "{\"a\":1}");
    rig_run();
    assert_response(201, "[]POST");
}

/* A named value of that name is known, but Liquid's braces are Liquid's. */
static void test_named_values_are_left_alone(void **state)
{
    rig_named_value("name", "wrong");
    rig_inbound("<set-body template='liquid'>{%assign name = 'x'%}{{name}}</set-body>");
    rig_run();
    assert_slice(rig.rt.request.body.data, "x");
}

static void test_refused(void **state)
{
    static const char *const cases[][2] = {
        { "{{ a", "'{{' is never closed by '}}'" },
        { "{% if a", "'{%' is never closed by '%}'" },
        { "{% if a %}x", "this tag is never closed: 'if'" },
        { "{% endif %}", "no block is open here for 'endif'" },
        { "{% for i in a %}{% endif %}", "another block must be closed first, not 'endif'" },
        { "{% nope %}", "unknown tag 'nope'" },
        { "{{ a | Nope }}", "unknown filter 'Nope'" },
        { "{{ a. }}", "a name expected behind '.'" },
        { "{{ a[1 }}", "']' expected" },
        { "{{ 'a }}", "the string is never closed" },
        { "{{ a b }}", "unexpected 'b " },
        { "{% if a = b %}{% endif %}", "an operator expected before '= b" },
        { "{% assign a b %}", "'=' expected" },
        { "{% for i of a %}{% endfor %}", "'in' expected" },
        { "{% break %}", "this tag stands in no loop: 'break'" },
        { "{% raw %}x", "this tag is never closed: 'raw'" },
        { "{% if a %}{% else %}{% else %}{% endif %}", "nothing may come behind 'else' but the end: 'else'" },
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct slice s = arena_printf(&rig.program, "<set-body template='liquid'>%s</set-body>", cases[i][0]);
        rig_refused_inbound(arena_cstr(&rig.program, s), cases[i][1]);
    }
    rig_refused("<policies>\n<inbound>\n<set-body template='liquid'>&lt;a>\n  {{ x | Nope }}</set-body></inbound></policies>", "4:10: Liquid: unknown filter 'Nope'");
    rig_refused("<policies>\n<inbound>\n<set-body template='liquid'><a>\n  {{ x | Nope }}</a></set-body></inbound></policies>", "4:10: Liquid: unknown filter 'Nope'");
}

static void test_budgets(void **state)
{
    static const char *const cases[] = {
        "{% for i in (1..9000000) %}{% endfor %}",
        "{% assign a = 'xxxxxxxxxxxxxxxx' %}{% for i in (1..40) %}{% assign a = a | Append: a %}{% endfor %}",
        "{% capture a %}{% for i in (1..1000) %}xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx{% endfor %}{% endcapture %}{% for i in (1..1000) %}{{ a }}{% endfor %}",
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        rig_teardown(NULL);
        rig_setup(NULL);
        rig_inbound(arena_cstr(&rig.program, arena_printf(&rig.program, "<set-body template='liquid'>%s</set-body>", cases[i])));
        rig_run();
        if (!rig.rt.error.present || rig.rt.response.status != 500)
            fail_msg("%s: no failure", cases[i]);
    }
}

static void test_body_that_is_not_json(void **state)
{
    rig_inbound("<set-body template='liquid'>{{ body.a }}</set-body>");
    rig_request("POST", "/", JSON, "{\"a\":");
    rig_run();
    assert_int_equal(rig.rt.response.status, 500);
    assert_slice(rig.rt.error.reason, "ExpressionValueEvaluationFailure");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        rig_test(test_output),
        rig_test(test_conditions),
        rig_test(test_loops),
        rig_test(test_filters),
        rig_test(test_json_bodies),
        rig_test(test_xml_bodies),
        rig_test(test_attributes),
        rig_test(test_context),
        rig_test(test_real_templates),
        rig_test(test_variables),
        rig_test(test_outbound),
        rig_test(test_return_response_has_no_body),
        rig_test(test_named_values_are_left_alone),
        rig_test(test_refused),
        rig_test(test_budgets),
        rig_test(test_body_that_is_not_json),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
