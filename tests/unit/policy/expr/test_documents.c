/* JSON and XML in expressions: beyond what the oracle holds, mostly what must fail well. */
#include "tests/unit/policy/expr/sample.h"

static void test_json_text(void **state)
{
    static const struct sample samples[] = {
        { "@(JToken.Parse(\"[1,,0x1F]\").ToString(Formatting.None))", "[1,undefined,31]" },
        { "@(JToken.Parse(\"new Date(1,2)\"))", "new Date(1,2)" },
        { "@(JObject.Parse(\"{\\\"a\\\":[1,{\\\"b\\\":x\"))",
          "!Newtonsoft.Json.JsonReaderException: Unexpected character encountered while parsing value: x. Path 'a[1].b', line 1, position 13." },
        { "@(JToken.Parse(\"[1 2]\"))",
          "!Newtonsoft.Json.JsonReaderException: After parsing a value an unexpected character was encountered: 2. Path '[0]', line 1, position 3." },
        { "@(JToken.Parse(\"\\\"\\\\u12\"))",
          "!Newtonsoft.Json.JsonReaderException: Unexpected end while parsing Unicode escape sequence. Path '', line 1, position 3." },
        { "@{ var o = new JObject(); o[\"a\"] = o; return o; }", "{\"a\":{}}" },
        { "@{ var o = new JObject(); for (int i = 0; i < 5000; i++) o = new JObject(new JProperty(\"a\", o)); return o; }", BUDGET },
        { NULL, NULL } };

    (void)state;
    check_all(samples);
}

static void test_json_walks(void **state)
{
    static const struct sample samples[] = {
        { "@(JArray.Parse(\"[3,1,2]\").OrderBy(x => x))", "[1,2,3]" },
        { "@(JArray.Parse(\"[1,2,3,4,5]\").SelectTokens(\"$[::-2]\"))", "[5,3,1]" },
        { "@(JArray.Parse(\"[1]\").SelectToken(\"$[?(@\"))", "!Newtonsoft.Json.JsonException: Path ended with open query." },
        { "@(JObject.Parse(\"{\\\"a\\\":{\\\"b c\\\":[1]}}\").SelectToken(\"a['b c'][0]\").Path)", "a['b c'][0]" },
        { "@{ JToken t = JObject.Parse(\"{\\\"a\\\":1}\"); return t.Select(x => ((JProperty)x).Name); }", "[\"a\"]" },
        { "@{ foreach (var kv in JObject.Parse(\"{\\\"a\\\":1}\")) return kv.Key; return \"\"; }", "a" },
        { "@((int)JToken.Parse(\"2.5\"))", "2" },
        { "@(JArray.Parse(\"[{a:1,b:2},{b:2,a:1},[1],[1],[2],3]\").Distinct(JToken.EqualityComparer).Count())", "4" },
        { "@(JArray.Parse(\"[{k:[1]},{k:[1]},{k:[2]}]\").GroupBy(x => x[\"k\"], JToken.EqualityComparer).Select(g => g.Count()))", "[2,1]" },
        { "@{ var o = JsonConvert.DeserializeObject<JObject>(\"{a:1.50}\"); ((JValue)o[\"a\"]).Value = 7; return o.ToObject<Dictionary<string,string>>()[\"a\"]; }", "7" },
        { "@(JsonConvert.DeserializeObject<JObject>(\"{a:1.50}\").ToObject<Dictionary<string,string>>())", "{\"a\":\"1.5\"}" },
        { NULL, NULL } };

    (void)state;
    check_all(samples);
}

static void test_xml(void **state)
{
    static const struct sample samples[] = {
        { "@(XElement.Parse(\"<a><b/><b/><c/><b>1</b></a>\").Elements().Cast<XNode>().Distinct(XNode.EqualityComparer).Count())", "3" },
        { "@(XElement.Parse(\"<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;&y;</a>\"))",
          "!System.Xml.XmlException: Reference to undeclared entity 'y'. Line 1, position 38." },
        { "@(XElement.Parse(\"<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><a>[&x;]</a>\").Value)", "[]" },
        { "@(XElement.Parse(\"<!DOCTYPE a [<!ENTITY x '<b>'>]><a>&x;</b></a>\"))",
          "!System.Xml.XmlException: Unexpected end of file has occurred. The following elements are not closed: b, a. Line 1, position 4." },
        { "@(XElement.Parse(\"<!DOCTYPE a [<!ENTITY a '0123456789'>\" + string.Concat(Enumerable.Range(1, 8).Select(i => \"<!ENTITY \" + (char)('a' + i) +"
          " \" '\" + string.Concat(Enumerable.Repeat(\"&\" + (char)('a' + i - 1) + \";\", 10)) + \"'>\")) + \"]><a>&i;</a>\").Value.Length)", BUDGET },
        { "@(XElement.Parse(\"<!DOCTYPE a [<!ENTITY a '&b;'><!ENTITY b '&a;'>]><a c='&a;'/>\"))",
          "!System.Xml.XmlException: General entity 'a' references itself. Line 1, position 2." },
        { "@(XElement.Parse(\"<a x='1' x='2'/>\"))", "!System.Xml.XmlException: 'x' is a duplicate attribute name. Line 1, position 10." },
        { "@(XElement.Parse(\"<p:a/>\"))", "!System.Xml.XmlException: 'p' is an undeclared prefix. Line 1, position 2." },
        { "@(XElement.Parse(\"<a x='\"))", "!System.Xml.XmlException: There is an unclosed literal string. Line 1, position 7." },
        { "@(XElement.Parse(\"<a xmlns='u' xmlns:p='v'><p:b p:c='1'/><d xmlns=''/></a>\").Elements().First())", "<p:b p:c=\"1\" xmlns:p=\"v\" />" },
        { "@{ XNamespace n = \"u\"; return new XElement(n + \"a\", new XElement(\"b\")); }", "<a xmlns=\"u\"><b xmlns=\"\" /></a>" },
        { "@{ var x = new XElement(\"a\"); x.Add(x); return x; }", "<a><a /></a>" },
        { "@{ var x = new XElement(\"a\"); for (int i = 0; i < 5000; i++) x = new XElement(\"a\", x); return x; }", BUDGET },
        { "@(JsonConvert.DeserializeXNode(\"{\\\"a b\\\":{'<x':1,'1':2,'_x0041_':3}}\"))",
          "<a_x0020_b><_x003C_x>1</_x003C_x><_x0031_>2</_x0031_><_x005F_x0041_>3</_x005F_x0041_></a_x0020_b>" },
        { NULL, NULL } };

    (void)state;
    check_all(samples);
}

/* Work that grows with the square of a document is paid for: each of these would take many seconds. */
static void test_budgets(void **state)
{
    static const struct sample samples[] = {
        { "@(JToken.Parse(new string('[', 10000)))", BUDGET },
        { "@(XElement.Parse(string.Concat(Enumerable.Repeat(\"<a>\", 10000))))", BUDGET },
        { "@{ var o = new JObject(); for (int i = 0; i < 30000; i++) o[\"k\" + i] = i; int n = 0; for (int i = 0; i < 30000; i++)"
          " if (o.GetValue(\"K\" + i, StringComparison.OrdinalIgnoreCase) != null) n++; return n; }", BUDGET },
        { "@{ var o = new JObject(); for (int i = 0; i < 20000; i++) o[\"k\" + i] = i; return (int)o[\"k19999\"] + o.Count; }", "39999" },
        { "@{ var o = new JObject(); for (int i = 0; i < 40; i++) o[\"k\" + i] = i; o.Remove(\"k3\"); o[\"k3\"] = 7; o.Property(\"k5\").Replace(new JProperty(\"z\", 1));"
          " return o[\"k3\"] + \"\" + o[\"z\"] + (o[\"k5\"] == null) + o[\"k39\"] + o.Count; }", "71True3940" },
        { "@(JArray.Parse(\"[\" + string.Concat(Enumerable.Repeat(\"1,\", 100000)) + \"1]\").Select(x => x.Path).Count())", BUDGET },
        { "@{ var a = new XElement(\"a\"); for (int i = 0; i < 60000; i++) a.SetAttributeValue(\"k\" + i, 1); return a; }", BUDGET },
        { "@{ var a = new XElement(\"a\"); for (int i = 0; i < 60000; i++) a.SetElementValue(\"k\" + i, 1); return a; }", BUDGET },
        { "@{ var b = new StringBuilder(\"<!DOCTYPE a [\"); for (int i = 0; i < 50000; i++) b.Append(\"<!ENTITY e\").Append(i).Append(\" 'x'>\");"
          " b.Append(\"]><a>\"); for (int i = 0; i < 50000; i++) b.Append(\"&e\").Append(i).Append(\";\"); return XElement.Parse(b + \"</a>\").Value.Length; }", BUDGET },
        { "@(Uri.UnescapeDataString(string.Concat(Enumerable.Repeat(\"%41x\", 100000))).Length + WebUtility.UrlDecode(string.Concat(Enumerable.Repeat(\"%41x\", 100000))).Length)",
          "400000" },
        { NULL, NULL } };

    (void)state;
    check_all(samples);
}

static void test_places(void **state)
{
    static const struct sample samples[] = {
        { "@{ try { return XElement.Parse(\"<a>\\n<b></a>\"); } catch (System.Xml.XmlException e) { return e.LineNumber + \":\" + e.LinePosition + e.Message; } }",
          "2:6The 'b' start tag on line 2 position 2 does not match the end tag of 'a'. Line 2, position 6." },
        { "@{ try { return JObject.Parse(\"{a:{b:x\"); } catch (JsonReaderException e) { return e.LineNumber + \":\" + e.LinePosition + e.Path; } }", "1:6a.b" },
        { "@{ try { return JsonConvert.DeserializeObject<List<int>>(\"[1,\\n'x']\"); } catch (JsonException e) { return e.Message; } }",
          "Could not convert string to integer: x. Path '[1]', line 2, position 3." },
        { "@(new JsonReaderException(\"m\").LineNumber)", "0" },
        { NULL, NULL } };

    (void)state;
    check_all(samples);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json_text),
        cmocka_unit_test(test_json_walks),
        cmocka_unit_test(test_xml),
        cmocka_unit_test(test_budgets),
        cmocka_unit_test(test_places),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
