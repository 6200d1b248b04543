/* policy/compile, value, names: what is refused and where, named values, fragments, roots, open mode. */
#include "tests/unit/policy/rig.h"

#include "platform/base/buf.h"

static void test_refused_documents(void **state)
{
    static const struct {
        const char *text, *expected;
    } cases[] = {
        { "", "1:1: document is empty" },
        { "<!-- nothing -->", "1:1: document is empty" },
        { "<policy/>", "1:1: root element <policy>: expected <policies>" },
        { "<fragment/>", "root element <fragment>: expected <policies>" },
        { "<policies/>\n<policies/>", "2:1: <policies> behind the root element" },
        { "<policies>\n  <inbond/>\n</policies>", "2:3: <inbond> is not a section" },
        { "<policies>\n  <set-method>GET</set-method>\n</policies>", "policies stand inside of one" },
        { "<policies><inbound/><inbound/></policies>", "1:21: section <inbound> stands twice" },
        { "<policies><inbound x=\"1\"/></policies>", "1:20: attribute 'x' of <inbound> is not known" },
        { "<policies>\n<inbound>\n<base>\n</inbound></policies>",
          "4:1: </inbound> where <base> of line 3 is still open" },
        { "<policies><outbound><rewrite-uri template=\"/\"/></outbound></policies>",
          "1:21: policy 'rewrite-uri' cannot stand in outbound, only in inbound" },
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++)
        rig_refused(cases[i].text, cases[i].expected);
}

static void test_refused_statements(void **state)
{
    static const struct {
        const char *text, *expected;
    } cases[] = {
        { "\n <set-haeder name='a'/>", "2:2: policy 'set-haeder' is not known: did you mean 'set-header'?" },
        { "<completely-different/>", "policy 'completely-different' is not known" },
        { "\n<set-header nam='a'/>", "2:1: <set-header> needs the attribute 'name'" },
        { "<set-method\n\n mode='x'>GET</set-method>", "3:2: attribute 'mode' of <set-method> is not known" },
        { "<set-variable name='a' valeu='b' value='c'/>",
          "attribute 'valeu' of <set-variable> is not known: did you mean 'value'?" },
        { "<set-header name='a'><vale>1</vale></set-header>",
          "element 'vale' of <set-header> is not known: did you mean 'value'?" },
        { "<set-header name='a'><value x='1'>1</value></set-header>",
          "attribute 'x' of <value> is not known" },
        { "<set-header name='a' exists-action='replace'/>",
          "'exists-action' is \"replace\": expected one of override, skip, append, delete" },
        { "<set-header name='a b'/>", "not a header name" },
        { "<set-header name=''/>", "'name' must not be empty" },
        { "<set-status code='abc'/>", "1:38: 'code' is \"abc\": expected a whole number" },
        { "<set-status code='42'/>", "'code' is 42: expected 200 to 999" },
        { "<choose/>", "<choose> needs at least one <when>" },
        { "<choose><when>x</when></choose>", "<when> needs the attribute 'condition'" },
        { "<choose><when condition='yes'/></choose>",
          "'condition' is \"yes\": expected true, false or an expression" },
        { "<choose><when condition='true'/><otherwise/>\n<otherwise/></choose>",
          "2:1: <otherwise> may stand only once in <choose>" },
        { "<choose><if condition='true'/></choose>", "<choose> needs at least one <when>" },
        { "<return-response><set-variable name='a' value='b'/></return-response>",
          "<set-variable> cannot stand in <return-response>" },
        { "<set-variable name='@(1)' value='b'/>", "'name' takes no expression" },
        { "<set-backend-service/>", "takes base-url or backend-id" },
        { "<set-backend-service base-url='http://a' backend-id='other'/>", "not both" },
        { "<set-backend-service backend-id='nope'/>", "backend 'nope' is not known" },
        { "<set-backend-service base-url='nope'/>", "\"nope\": not an absolute URL" },
        { "<include-fragment fragment-id='nope'/>", "1:38: fragment 'nope' is not known" },
        { "<set-body template='liquid'>\n {% if a %}</set-body>", "2:2: Liquid: this tag is never closed: 'if'" },
        { "<rate-limit-by-key calls='1' renewal-period='0' counter-key='a'/>", "'renewal-period' is 0" },
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++)
        rig_refused_inbound(cases[i].text, cases[i].expected);
}

static void test_expression_places(void **state)
{
    static const struct {
        const char *text, *expected;
    } cases[] = {
        /* the unknown member of each is at the place given */
        { "<policies><inbound>\n<set-variable name='a' value=\"@(context.Nope)\"/></inbound></policies>",
          "2:41: expression of 'value'" },
        { "<policies><inbound>\n<set-variable name='a' value=\"@(\"x\" + "
          "context.Nope)\"/></inbound></policies>",
          "2:47: " },
        { "<policies><inbound>\n<set-variable name='a' value=\"@(&quot;x&quot; + "
          "context.Nope)\"/></inbound></policies>",
          "2:57: " },
        { "<policies><inbound>\n<set-variable name='a' value=\"@(\"{{nv}}\" + "
          "context.Nope)\"/></inbound></policies>",
          "2:52: " },
        { "<policies><inbound>\n<set-body>\n  @{ // a < b\n  return "
          "context.Nope;\n}</set-body></inbound></policies>",
          "4:18: " },
        { "<policies><inbound>\n<set-variable name='a' value=\"@{ // a < b\r\n  return "
          "context.Nope;}\"/></inbound></policies>",
          "3:18: " },
    };

    rig_named_value("nv", "a much longer text than its name");
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        rig_refused(cases[i].text, cases[i].expected);
}

static void test_all_faults_are_collected(void **state)
{
    rig_refused_inbound("<set-header/><set-status code='x' reaso='y'/><nope/>", "needs the attribute 'name'");
    const struct policy_diagnostics *d = policy_compiler_diagnostics(rig.compiler);
    assert_int_equal(d->n, 4);
    assert_int_equal(d->errors, 4);
    assert_string_equal(d->v[0].file, "operation.xml");
    assert_int_equal(d->v[3].line, 1);
}

static void test_named_values(void **state)
{
    rig_named_value("name", "X-Named");
    rig_named_value("text", "v & \"w\"");
    rig_named_value("code", "418");
    rig_named_value("expression", "@(\"com\" + \"puted\")");
    rig_named_value("operand", "40 + 2");
    rig_inbound("<return-response><set-status code='{{code}}' reason='{{text}}!'/>"
                "<set-header name='{{name}}'><value>{{expression}}</value></set-header>"
                "<set-header name='Sum'><value>@({{operand}})</value></set-header>"
                "<set-header name='Left'><value>{{ a }}{{}}{{x}</value></set-header>"
                "<set-body>a{{text}}b</set-body></return-response>");
    rig_run();
    assert_response(418, "av & \"w\"b");
    assert_slice(rig.rt.response.reason, "v & \"w\"!");
    assert_field(&rig.rt.response, "X-Named", "computed");
    assert_field(&rig.rt.response, "Sum", "42");
}

static void test_unknown_named_value(void **state)
{
    rig_refused_inbound("\n<set-variable name='a' value='b{{nope}}'/>",
                        "2:32: named value 'nope' is not known");
    rig_refused_inbound("\n<set-variable name='a' value='@(\"{{nope}}\")'/>",
                        "2:34: named value 'nope' is not known");
    rig_refused_inbound("\n<set-body>a\n{{nope}}</set-body>", "3:1: named value 'nope' is not known");
}

static void test_bare_sections(void **state)
{
    rig_operation("<inbound><set-header name='A'><value>1</value></set-header></inbound>\n<outbound>"
                  "<set-header name='B'><value>2</value></set-header></outbound>");
    rig_run();
    assert_field(&rig.rt.request, "A", "1");
    assert_field(&rig.rt.response, "B", "2");
    assert_int_equal(rig.forwarded, 1);
}

static void test_fragments(void **state)
{
    rig_fragment("one", "<!-- f -->\n<fragment><set-header name='A'><value>1</value></set-header>"
                        "<include-fragment fragment-id='two'/></fragment>");
    rig_fragment("two", "<fragment><set-header name='B'><value>2</value></set-header></fragment>");
    rig_inbound("<include-fragment fragment-id='one'/><set-header name='C'><value>3</value></set-header>");
    rig_run();
    assert_field(&rig.rt.request, "A", "1");
    assert_field(&rig.rt.request, "B", "2");
    assert_field(&rig.rt.request, "C", "3");
}

static void test_fragment_acts_on_its_section(void **state)
{
    rig_fragment("f", "<fragment><set-header name='A'><value>1</value></set-header></fragment>");
    rig_operation("<policies><inbound><include-fragment fragment-id='f'/></inbound>"
                  "<outbound><include-fragment fragment-id='f'/></outbound></policies>");
    rig_run();
    assert_field(&rig.rt.request, "A", "1");
    assert_field(&rig.rt.response, "A", "1");
}

static void test_faults_in_fragments(void **state)
{
    rig_fragment("loop", "<fragment><include-fragment fragment-id='back'/></fragment>");
    rig_fragment("back", "<fragment><include-fragment fragment-id='loop'/></fragment>");
    rig_fragment("bad", "<fragment>\n<nope/></fragment>");
    rig_fragment("based", "<fragment><base/></fragment>");
    rig_fragment("root", "<policies/>");
    rig_refused_inbound("<include-fragment fragment-id='loop'/>", "fragment 'loop' includes itself");
    rig_refused_inbound("<include-fragment fragment-id='based'/>", "<base/> cannot stand in a fragment");
    rig_refused_inbound("<include-fragment fragment-id='root'/>", "expected <fragment>");
    rig_refused_inbound("<include-fragment fragment-id='bad'/>\n<include-fragment fragment-id='bad'/>",
                        "2:1: policy 'nope' is not known");
    const struct policy_diagnostics *d = policy_compiler_diagnostics(rig.compiler);
    assert_int_equal(d->n, 3); /* the fault once, and each place that includes it */
    assert_string_equal(d->v[0].file, "fragment.xml");
    assert_slice(d->v[1].message, "fragment 'bad' has errors");
    assert_string_equal(d->v[2].file, "operation.xml");
}

static void test_unbuilt_policy(void **state)
{
    rig_refused("<policies><outbound>\n<xsl-transform>\n<parameter "
                "name='a'>@(context.Nope)</parameter></xsl-transform>"
                "</outbound></policies>",
                "2:1: policy 'xsl-transform' is not built yet");
    const struct policy_diagnostics *d = policy_compiler_diagnostics(rig.compiler);
    assert_int_equal(d->errors, 2);
    assert_int_equal(d->v[1].line, 3);
}

/* What no policy asks for is told. */
static void test_stray_text(void **state)
{
    rig_inbound("<set-header name='A'>\n 1 </set-header>");
    rig_warned("text in <set-header> is not looked at");
    rig_inbound("<choose>a<when condition='true'/></choose>");
    rig_warned("text in <choose> is not looked at");
    rig_global("<policies>\n<!-- a -->\n<inbound> x</inbound> y</policies>");
    rig_warned("text in <inbound> is not looked at");
    rig_warned("text in <policies> is not looked at");
    assert_int_equal(policy_compiler_diagnostics(rig.compiler)->v[0].line, 2);
}

static void test_scopes(void **state)
{
    rig_api("<policies><inbound><base/><quota calls='1' renewal-period='60'/></inbound></policies>");
    rig_warned("policy 'quota' is not meant for API scope, only for product");
    rig_global("<policies><inbound><base/><rate-limit calls='1' renewal-period='60'/></inbound></policies>");
    rig_warned("policy 'base' is not meant for global scope, only for workspace, product, API, operation");
    rig_warned("policy 'rate-limit' is not meant for global scope, only for product, API, operation");
}

/* Attributes and values of each policy that are refused. */
static void test_refused_attributes(void **state)
{
    static const char *const cases[][2] = {
        { "<trace source='a'/>", "<trace> needs the element <message>" },
        { "<trace source='a'><message>a</message><message>b</message></trace>", "<message> may stand only once" },
        { "<trace><message>a</message></trace>", "<trace> needs the attribute 'source'" },
        { "<trace source='@(1)'><message>a</message></trace>", "'source' takes no expression" },
        { "<trace source='a' severity='warning'><message>a</message></trace>",
          "'severity' is \"warning\": expected one of verbose, information, error" },
        { "<rewrite-uri template='/a/@(1)'/>", "'template' must be an expression as a whole" },
        { "<rewrite-uri template='{{path}}/b'/>", "'template' must be an expression as a whole" },
        { "<rewrite-uri template='/a' copy-unmatched-params='yes'/>", "expected true, false" },
        { "<set-header name='A'><value>a\nb</value></set-header>", "holds a line break" },
        { "<set-header name='A' exists-action='replace'/>", "expected one of override, skip, append, delete" },
        { "<set-header name='A B'/>", "not a header name" },
        { "<set-header/>", "<set-header> needs the attribute 'name'" },
        { "<set-header name='A' existsaction='skip'/>", "did you mean 'exists-action'?" },
        { "<set-header name='A'><valu>1</valu></set-header>", "did you mean 'value'?" },
        { "<set-body xsi-nil='empty'>a</set-body>", "'xsi-nil' is \"empty\": expected one of blank, null" },
        { "<set-body parse-date='no'>a</set-body>", "'parse-date' is \"no\": expected true, false" },
        { "<json-to-xml apply='always' parse-date='no'/>", "'parse-date' is \"no\"" },
        { "<json-to-xml/>", "<json-to-xml> needs the attribute 'apply'" },
        { "<xml-to-json apply='always'/>", "<xml-to-json> needs the attribute 'kind'" },
        { "<limit-concurrency key='k'/>", "<limit-concurrency> needs the attribute 'max-count'" },
        { "<limit-concurrency key='k' max-count='@(1)'/>", "'max-count' takes no expression" },
        { "<wait for='some'/>", "expected one of all, any" },
        { "<wait><set-method>GET</set-method></wait>", "<set-method> cannot stand in <wait>" },
        { "<return-response><set-method>GET</set-method></return-response>",
          "<set-method> cannot stand in <return-response>" },
        { "<choose/>", "<choose> needs at least one <when>" },
        { "<choose><when/></choose>", "<when> needs the attribute 'condition'" },
        { "<choose><when condition='yes'/></choose>", "'condition' is \"yes\"" },
        { "<choose><when condition='true'/><otherwise/><otherwise/></choose>", "<otherwise> may stand only once" },
        { "<retry condition='true' count='51'/>", "'count' is 51: expected 1 to 50" },
        { "<retry count='1'/>", "<retry> needs the attribute 'condition'" },
        { "<mock-response status-code='@(200)'/>", "'status-code' takes no expression" },
        { "<set-variable name='@(1)' value='a'/>", "'name' takes no expression" },
        { "<set-variable name='a'/>", "<set-variable> needs the attribute 'value'" },
        { "<set-status code='199'/>", "'code' is 199: expected 200 to 999" },
        { "<mock-response status-code='100'/>", "'status-code' is 100: expected 200 to 999" },
        { "<set-status/>", "<set-status> needs the attribute 'code'" },
        { "<include-fragment/>", "<include-fragment> needs the attribute 'fragment-id'" },
        { "<cors/>", "<cors> needs the element <allowed-origins>" },
        { "<find-and-replace from='a'/>", "<find-and-replace> needs the attribute 'to'" },
        { "<authentication-basic username='a'/>", "<authentication-basic> needs the attribute 'password'" },
        { "<forward-request/>", "policy 'forward-request' cannot stand in inbound, only in backend" },
        { "<jsonp callback-parameter-name='a'/>", "policy 'jsonp' cannot stand in inbound, only in outbound" },
        { "<redirect-content-urls a='1'/>", "attribute 'a' of <redirect-content-urls> is not known" },
    };

    rig_named_value("path", "@(\"/a\")");
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        rig_refused_inbound(cases[i][0], cases[i][1]);
}

static void test_skipped_policy(void **state)
{
    rig_inbound(
        "<get-authorization-context provider-id='x'/><set-header name='A'><value>1</value></set-header>");
    rig_warned("policy 'get-authorization-context' does not run on a self-hosted gateway");
    rig_run();
    assert_field(&rig.rt.request, "A", "1");
}

static void nest(struct buf *b, unsigned depth)
{
    for (unsigned i = 0; i < depth; i++)
        buf_puts(b, "<choose><when condition='true'>");
    buf_puts(b, "<set-header name='Deep'><value>yes</value></set-header>");
    for (unsigned i = 0; i < depth; i++)
        buf_puts(b, "</when></choose>");
}

static void test_depth(void **state)
{
    struct buf ok, deep;

    buf_init(&ok, &rig.program);
    nest(&ok, 31);
    rig_inbound(buf_slice(&ok).p);
    rig_run();
    assert_field(&rig.rt.request, "Deep", "yes");
    buf_init(&deep, &rig.program);
    nest(&deep, 32);
    rig_refused_inbound(buf_slice(&deep).p, "nested deeper than 32");
}

static void test_tail_of_an_expression(void **state)
{
    rig_inbound("<set-header name='A'><value>@(1 + 2)ms</value></set-header>");
    rig_warned("text behind the expression of 'value'");
    rig_run();
    assert_field(&rig.rt.request, "A", "3ms");
}

static void test_path_and_id(void **state)
{
    rig_inbound("<choose><when condition='false'/></choose>"
                "<choose id='c'><when condition='false'/><when condition='true'>"
                "<set-variable name='a' value='b'/><set-method "
                "id='here'>@(context.Variables[\"no\"].ToString())</set-method>"
                "</when></choose>");
    rig_run();
    assert_slice(rig.rt.error.path, "choose[2]/when[2]/set-method");
    assert_slice(rig.rt.error.policy_id, "here");
    assert_slice(rig.rt.error.source, "set-method");
    assert_slice(rig.rt.error.section, "inbound");
    assert_slice(rig.rt.error.scope, "operation");
}

static void test_path_of_a_condition(void **state)
{
    rig_inbound(
        "<choose><when condition='false'/><when condition='@((bool)context.Variables[\"no\"])'/></choose>");
    rig_run();
    assert_slice(rig.rt.error.path, "choose/when[2]");
    assert_slice(rig.rt.error.source, "choose");
}

/* ---- open mode ---- */

static void assert_check(const char *text, const char *expected)
{
    const struct policy_diagnostics *d = policy_check(&rig.program, slice_from(text), "f.xml");
    struct buf b;

    buf_init(&b, &rig.program);
    for (size_t i = 0; i < d->n; i++)
        buf_printf(&b, "%u:%u: %s: %.*s\n", d->v[i].line, d->v[i].column,
                   d->v[i].severity == POLICY_ERROR ? "error" : "warning", SLICE_ARG(d->v[i].message));
    assert_slice(buf_slice(&b), expected);
}

static void test_check(void **state)
{
    assert_check(
        "<policies><inbound><base/><set-status code='{{code}}' reason='{{a}}'/>"
        "<include-fragment fragment-id='x'/><set-backend-service backend-id='y'/>"
        "<set-backend-service base-url='https://{{host}}/z'/><choose><when condition='{{c}}'/></choose>"
        "<set-variable name='v' value='@({{n}} == 1 || \"{{s}}\" == \"x\")'/></inbound></policies>",
        "");
    assert_check("<fragment><set-method>GET</set-method><forward-request/></fragment>", "");
    assert_check("<inbound><base/></inbound><outbound><base/></outbound>", "");
    assert_check("<set-method>GET</set-method><set-variable name='a' value='b'/>", "");
    assert_check("<policies/><policies/>", "");
    assert_check("<set-status code='{code}'/><set-status code='THE_CODE'/>", "");
    assert_check("<set-variable name='a' value='@(1 + RETRY_COUNT * 2)'/>", "");
    assert_check("<set-variable name='a' value='@(1 + RETRYCOUNT)'/>",
                 "1:37: error: expression of 'value': the name 'RETRYCOUNT' is not known\n");
    assert_check("<set-status code='CODE'/>", "1:19: error: 'code' is \"CODE\": expected a whole number\n");
    assert_check(
        "<policies>\n<inbound><nope/></inbound><backend>\n<set-status code='x'/></backend></policies>",
        "2:10: error: policy 'nope' is not known\n3:19: error: 'code' is \"x\": expected a whole number\n");
    assert_check("<nope/>", "1:1: error: root element <nope>: expected <policies> or <fragment>\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        rig_test(test_refused_documents),
        rig_test(test_refused_statements),
        rig_test(test_expression_places),
        rig_test(test_all_faults_are_collected),
        rig_test(test_named_values),
        rig_test(test_unknown_named_value),
        rig_test(test_bare_sections),
        rig_test(test_fragments),
        rig_test(test_fragment_acts_on_its_section),
        rig_test(test_faults_in_fragments),
        rig_test(test_unbuilt_policy),
        rig_test(test_stray_text),
        rig_test(test_scopes),
        rig_test(test_refused_attributes),
        rig_test(test_skipped_policy),
        rig_test(test_depth),
        rig_test(test_tail_of_an_expression),
        rig_test(test_path_and_id),
        rig_test(test_path_of_a_condition),
        rig_test(test_check),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
