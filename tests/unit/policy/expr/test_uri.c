/* Uri, UriBuilder, WebUtility, HttpUtility, IPAddress through the expression engine. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "platform/base/buf.h"
#include "policy/expr/batch.h"

static const struct {
    const char *expr, *want; /* part of the line */
} cases[] = {
    { "new Uri(\"https://user:pw@host.example:8443/a/b.txt?q=1&r=2#frag\").GetLeftPart(UriPartial.Query)",
      "\"value\":\"https://user:pw@host.example:8443/a/b.txt?q=1&r=2\"}" },
    { "new Uri(\"http://user@Example.COM:80/%41/../b c?x=<>#frag é\").AbsoluteUri",
      "\"value\":\"http://user@example.com/b%20c?x=%3C%3E#frag%20%C3%A9\"}" },
    { "new Uri(\"http://h/a%2Fb%20c?q=%2F%20\").ToString()", "\"value\":\"http://h/a%2Fb c?q=%2F \"}" },
    { "new Uri(\"http://h\\\\a\\\\b\").AbsolutePath", "\"value\":\"/a/b\"}" },
    { "new Uri(\"http://h/100%/x\").AbsolutePath", "\"value\":\"/100%25/x\"}" },
    { "new Uri(\"/rel\", UriKind.Relative).IsAbsoluteUri", "\"value\":\"false\"}" },
    { "new Uri(\"/rel\", UriKind.Relative).Host", "\"error\":\"System.InvalidOperationException\"" },
    { "new Uri(\"http://h/\", UriKind.Relative)", "\"error\":\"System.UriFormatException\"" },
    { "new Uri(\"\")", "\"error\":\"System.UriFormatException\"" },
    { "new Uri(\"http://h:99999/\")", "\"error\":\"System.UriFormatException\"" },
    { "new Uri(\"http:///x\")", "\"error\":\"System.UriFormatException\"" },
    { "new Uri(\"http://a b/\")", "\"error\":\"System.UriFormatException\"" },
    { "new Uri(\"foo\")", "\"error\":\"System.UriFormatException\"" },
    { "new Uri(new Uri(\"http://h/a/b?x=1\"), \"?y=2\").AbsoluteUri", "\"value\":\"http://h/a/b?y=2\"}" },
    { "new Uri(new Uri(\"http://h/a/b?x=1\"), \"\").AbsoluteUri", "\"value\":\"http://h/a/b?x=1\"}" },
    { "new Uri(new Uri(\"http://h/a/b\"), \"../../c/./d\").AbsoluteUri", "\"value\":\"http://h/c/d\"}" },
    { "new Uri(new Uri(\"https://h/a/b\"), \"//other/x\").AbsoluteUri", "\"value\":\"https://other/x\"}" },
    { "new Uri(new Uri(\"http://h/a/b\"), \"https://z/q\").AbsoluteUri", "\"value\":\"https://z/q\"}" },
    { "new Uri(\"http://[0:0::1]:8080/\").Host + new Uri(\"http://[::1]:8080/\").DnsSafeHost",
      "\"value\":\"[::1]::1\"}" },
    { "new Uri(\"mailto:a@b.c\").AbsolutePath + new Uri(\"urn:a:b\").Scheme + new"
      " Uri(\"custom://h/p\").Port",
      "\"value\":\"a@b.curn-1\"}" },
    { "new Uri(\"http://h/a/b/c\").MakeRelativeUri(new Uri(\"http://h/a/d?x\")).ToString()",
      "\"value\":\"../d?x\"}" },
    { "new Uri(\"http://h/a/b\").IsBaseOf(new Uri(\"http://h/a/c\"))", "\"value\":\"true\"}" },
    { "new Uri(\"http://h/a/b\").Segments", "\"value\":\"[\\\"/\\\",\\\"a/\\\",\\\"b\\\"]\"}" },
    { "new Uri(\"http://H/a#x\") == new Uri(\"http://h:80/a\")", "\"value\":\"true\"}" },
    { "@{ Uri u; return Uri.TryCreate(\"http://h/x\", UriKind.Absolute, out u) ? u.LocalPath : \"no\"; }",
      "\"value\":\"/x\"}" },
    { "@{ Uri u; return Uri.TryCreate((string)null, UriKind.Absolute, out u); }", "\"value\":\"false\"}" },
    { "new UriBuilder(\"https\", \"h\", 8443, \"p\").ToString()", "\"value\":\"https://h:8443/p\"}" },
    { "new UriBuilder(\"h/p\") { UserName = \"u\", Password = \"p\", Fragment = \"f\" }.ToString()",
      "\"value\":\"http://u:p@h:80/p#f\"}" },
    { "new UriBuilder(new Uri(\"http://h/p?x=1\")) { Query = \"\" }.Uri", "\"value\":\"http://h/p\"}" },
    { "new UriBuilder { Port = 70000 }", "\"error\":\"System.ArgumentOutOfRangeException\"" },
    { "context.Request.Url.ToUri().Host", "\"value\":\"localhost\"}" },
    { "Uri.UnescapeDataString(\"%E9%20%41+%\")", "\"value\":\"%E9 A+%\"}" },
    { "Uri.EscapeUriString(\"http://h/a b?c=é%\")", "\"value\":\"http://h/a%20b?c=%C3%A9%25\"}" },
    { "Uri.IsWellFormedUriString(\"a b\", UriKind.RelativeOrAbsolute)", "\"value\":\"false\"}" },
    { "Uri.CheckHostName(\"1.2.3.4\") + \" \" + Uri.CheckHostName(\"::1\") + \" \" + "
      "Uri.CheckHostName(\"-a\")",
      "\"value\":\"IPv4 IPv6 Unknown\"}" },
    { "Uri.CheckSchemeName(\"1a\")", "\"value\":\"false\"}" },
    { "Uri.HexEscape(' ') + Uri.FromHex('f')", "\"value\":\"%2015\"}" },
    { "WebUtility.HtmlDecode(\"&lt;a&gt; &amp;amp; &eacute;&#233;&#xE9;&foo; &amp &euro; &#x110000;\")",
      "\"value\":\"<a> &amp; ééé&foo; &amp € &#x110000;\"}" },
    { "HttpUtility.ParseQueryString(\"?a=1&a=2&b&c=\")[\"A\"] + \"|\" + HttpUtility"
      ".ParseQueryString(\"a=1&b\").ToString()",
      "\"value\":\"1,2|a=1&b\"}" },
    { "HttpUtility.ParseQueryString(\"a=1&b=2\").AllKeys.Select(k => k + \"!\")",
      "\"value\":\"[\\\"a!\\\",\\\"b!\\\"]\"}" },
    { "@{ var q = HttpUtility.ParseQueryString(\"\"); q.Add(\"x\", \"1 2\"); q[\"y\"]"
      " = \"é\"; q.Add(\"x\", \"&\"); return q.ToString(); }",
      "\"value\":\"x=1+2&x=%26&y=%c3%a9\"}" },
    { "@{ var n = new System.Collections.Specialized.NameValueCollection { { "
      "\"a\", \"1\" }, { \"A\", \"2\" } }; return n.Count + n[\"a\"] + n.GetValues(\"a\")"
      ".Length + n.GetKey(0); }",
      "\"value\":\"11,22a\"}" },
    { "HttpUtility.UrlEncode(\"é ~\", Encoding.GetEncoding(\"iso-8859-1\")) + Htt"
      "pUtility.UrlDecode(\"%e9+\", Encoding.GetEncoding(\"iso-8859-1\"))",
      "\"value\":\"%e9+%7eé \"}" },
    { "HttpUtility.JavaScriptStringEncode(\"a'\\u2028\", true)",
      "\"value\":\"\\\"a\\\\u0027\\\\u2028\\\"\"}" },
    { "IPAddress.Parse(\"::ffff:1.2.3.4\").MapToIPv4().ToString() + IPAddress.Parse(\"1.2.3\").ToString()",
      "\"value\":\"1.2.3.41.2.0.3\"}" },
    { "IPAddress.Parse(\"0x7f.1\").ToString() + IPAddress.Parse(\"[fe80::1%3]:80\").ToString()",
      "\"value\":\"127.0.0.1fe80::1%3\"}" },
    { "IPAddress.Parse(\"10.0.0.1\").AddressFamily + \" \" + IPAddress.Loopback.E"
      "quals(IPAddress.Parse(\"127.0.0.1\"))",
      "\"value\":\"InterNetwork True\"}" },
    { "@{ IPAddress a; return IPAddress.TryParse(\"1.2.3.256\", out a) || IPAdd"
      "ress.TryParse(\"1.2.3.\", out a) || IPAddress.TryParse(\"::g\", out a); }",
      "\"value\":\"false\"}" },
    { "IPAddress.Parse(\"4294967296\")", "\"error\":\"System.FormatException\"" },
    { "new IPAddress(new byte[] { 1, 2, 3 })", "\"error\":\"System.ArgumentException\"" },
    { "IPAddress.HostToNetworkOrder((short)1) + \" \" + new IPAddress(16777343)",
      "\"value\":\"256 127.0.0.1\"}" },
};

static void members(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct arena a;
        struct buf out;

        arena_init_growing(&a, 1 << 22);
        buf_init(&out, &a);
        expr_batch_one(&a, slice_from(cases[i].expr), SLICE_NONE, &out);
        if (slice_find(buf_slice(&out), slice_from(cases[i].want)) < 0)
            fail_msg("%s: %.*s, not %s", cases[i].expr, SLICE_ARG(buf_slice(&out)), cases[i].want);
        arena_free(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(members) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
