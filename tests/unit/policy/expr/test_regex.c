/* Regex and its relatives through the expression engine. The values are .NET's. */
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
    { "Regex.Match(\"x 2024-05-06\", @\"(?<y>\\d{4})-(?<m>\\d\\d)-(?<d>\\d\\d)\").Groups[\"m\"].Value",
      "\"value\":\"05\"}" },
    { "Regex.Replace(\"2024-05-06\", @\"(?<y>\\d{4})-(?<m>\\d\\d)-(?<d>\\d\\d)\", \"${d}/$2/${y}$9$x${q}\")",
      "\"value\":\"06/05/2024$9$x${q}\"}" },
    { "Regex.Replace(\"aaa\", \"a\", \"b\", RegexOptions.RightToLeft)", "\"value\":\"bbb\"}" },
    { "new Regex(\"a\").Replace(\"aaa\", \"b\", 2)", "\"value\":\"bba\"}" },
    { "new Regex(\"a\", RegexOptions.RightToLeft).Replace(\"aaa\", \"b\", 2)", "\"value\":\"abb\"}" },
    { "Regex.Matches(\"one two\", @\"\\w+\").Cast<Match>().Select(m => m.Value).ToArray()",
      "\"value\":\"[\\\"one\\\",\\\"two\\\"]\"}" },
    { "Regex.Matches(\"k1=v1;k2=v2\", @\"(\\w+)=(\\w+)\").Cast<Match>().ToDictionary(m => m.Groups[1].Value, "
      "m => m.Groups[2].Value)",
      "\"value\":\"{\\\"k1\\\":\\\"v1\\\",\\\"k2\\\":\\\"v2\\\"}\"}" },
    { "@{ var r = \"\"; foreach (Match m in Regex.Matches(\"a1b2\", @\"[a-z](\\d)\")) r += m.Groups[1].Value "
      "+ m.Index; return r; }",
      "\"value\":\"1022\"}" },
    { "@{ var r = \"\"; foreach (Group g in Regex.Match(\"a1\", @\"([a-z])(\\d)\").Groups) r += g.Value + "
      "\",\"; return r; }",
      "\"value\":\"a1,a,1,\"}" },
    { "Regex.Split(\"a1b2c\", @\"(\\d)\")",
      "\"value\":\"[\\\"a\\\",\\\"1\\\",\\\"b\\\",\\\"2\\\",\\\"c\\\"]\"}" },
    { "new Regex(\",\").Split(\"a,b,c,d\", 2)", "\"value\":\"[\\\"a\\\",\\\"b,c,d\\\"]\"}" },
    { "Regex.Split(\"a,b\", \",\", RegexOptions.RightToLeft)", "\"value\":\"[\\\"a\\\",\\\"b\\\"]\"}" },
    { "Regex.Escape(\"a.b*c [x]{y}(z) #\\t\\n\")",
      "\"value\":\"a\\\\.b\\\\*c\\\\ \\\\[x]\\\\{y}\\\\(z\\\\)\\\\ \\\\#\\\\t\\\\n\"}" },
    { "Regex.IsMatch(\"éÉ\", \"^é+$\", RegexOptions.IgnoreCase)", "\"value\":\"true\"}" },
    { "Regex.Match(\"日本語テキスト\", @\"\\p{IsKatakana}+\").Index", "\"value\":\"3\"}" },
    { "Regex.Match(\"😀x\", \"x\").Index", "\"value\":\"2\"}" },
    { "Regex.Match(\"😀x\", \"^..x$\").Success", "\"value\":\"true\"}" },
    { "Regex.Match(\"aé😀b\", @\"[^\\x00-\\x7f]+\").Length", "\"value\":\"3\"}" },
    { "Regex.Replace(\"é1é2\", @\"\\d\", m => \"<\" + m.Index + \">\")", "\"value\":\"é<1>é<3>\"}" },
    { "Regex.Match(\"aaa\", \"(a)+\").Groups[1].Captures[1].Index", "\"value\":\"1\"}" },
    { "Regex.Match(\"ab12\", @\"(?:(\\w)(\\d)?)+\").Groups[1].Captures",
      "\"value\":\"[\\\"a\\\",\\\"b\\\",\\\"2\\\"]\"}" },
    { "Regex.IsMatch(\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab!\", \"^(a+)+$\")",
      "\"error\":\"System.Text.RegularExpressions.RegexMatchTimeoutException\"" },
    { "Regex.IsMatch(\"é\" + \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab!\", \"^é(a+)+$\")",
      "\"error\":\"System.Text.RegularExpressions.RegexMatchTimeoutException\"" },
    { "@{ try { return Regex.IsMatch(\"x\", \"(\"); } catch (ArgumentException e) { return e.Message; } }",
      "\"value\":\"Invalid pattern '(' at offset 1. Not enough )'s.\"}" },
    { "Regex.IsMatch(\"x\", \"[z-a]\")",
      "Invalid pattern '[z-a]' at offset 4. [x-y] range in reverse order." },
    { "Regex.IsMatch(\"x\", \"a**\")", "Invalid pattern 'a**' at offset 2. Nested quantifier '*'." },
    { "Regex.IsMatch(\"x\", @\"\\1\")",
      "Invalid pattern '\\\\1' at offset 2. Reference to undefined group number 1." },
    { "Regex.IsMatch(\"x\", @\"\\p{Foo}\")",
      "Invalid pattern '\\\\p{Foo}' at offset 7. Unknown property 'Foo'." },
    { "Regex.IsMatch(\"x\", \"x)\")", "Invalid pattern 'x)' at offset 1. Too many )'s." },
    { "new Regex(\"a\", (RegexOptions)5000)", "\"error\":\"System.ArgumentOutOfRangeException\"" },
    { "Regex.Match(\"abc\", \"b\").Result(\"[$`|$&|$'|$_|$+]\")", "\"value\":\"[a|b|c|abc|b]\"}" },
    { "Regex.Match(\"a\", \"b\").Result(\"x\")", "\"error\":\"System.NotSupportedException\"" },
    { "Regex.Match(\"ab\", \"(?<n>b)\").Groups.Keys", "\"value\":\"[\\\"0\\\",\\\"n\\\"]\"}" },
    { "Regex.Match(\"ab\", \"(?<n>b)\").Groups.ContainsKey(\"n\")", "\"value\":\"true\"}" },
    { "Regex.Match(\"xay\", @\"(?<=x)a(?=y)\").Index", "\"value\":\"1\"}" },
    { "Regex.Match(\"abcabc\", @\"(?<=(ab)c.*)c\").Groups[1].Index", "\"value\":\"0\"}" },
    { "new Regex(@\"\\d\").Matches(\"a1b2c3\", 3).Count", "\"value\":\"2\"}" },
    { "new Regex(@\"^b\").Match(\"abc\", 1).Success", "\"value\":\"false\"}" },
    { "new Regex(@\"^b\").Match(\"abc\", 1, 2).Success", "\"value\":\"true\"}" },
    { "new Regex(@\"b\").Match(\"abc\", 1, 2).Index", "\"value\":\"1\"}" },
    { "new Regex(@\"\\Gb\").Match(\"abc\", 1).Success", "\"value\":\"true\"}" },
    { "Regex.Replace(\"a.b.c\", @\"\\.\", new MatchEvaluator(m => \"-\"))", "\"value\":\"a-b-c\"}" },
    { "@{ MatchEvaluator e = m => \"<\" + m.Value + \">\"; return Regex.Replace(\"abc\", \"b\", e); }",
      "\"value\":\"a<b>c\"}" },
    { "Regex.Replace(\"abc\", \"(?<x>b)\", \"[${x}]\")", "\"value\":\"a[b]c\"}" },
    { "Regex.IsMatch(\"foo\\n\", \"foo$\") && !Regex.IsMatch(\"foo\\n\", @\"foo\\z\")",
      "\"value\":\"true\"}" },
    { "Regex.Match(\"a\\r\\nb\", \"^.*$\", RegexOptions.Multiline).Value.Length", "\"value\":\"2\"}" },
    { "Regex.Replace(\"x\", \"\", \"-\")", "\"value\":\"-x-\"}" },
    { "Regex.Replace(\"日本\", \"\", \"-\")", "\"value\":\"-日-本-\"}" },
    { "Regex.Replace(\"😀\", \"\", \"-\")", "\"value\":\"-\\ud83d-\\ude00-\"}" },
    { "Regex.Matches(\"aXbX\", \"x\", RegexOptions.IgnoreCase | RegexOptions.Singleline)[1].Index",
      "\"value\":\"3\"}" },
    { "Regex.Match(\"abc\", @\"a (?# c) b c\", RegexOptions.IgnorePatternWhitespace).Success",
      "\"value\":\"true\"}" },
    { "Regex.Match(\"foo\", \"(?<a>o)|(?<a>f)\").Groups[\"a\"].Value", "\"value\":\"f\"}" },
    { "Regex.Match(\"K\", \"k\", RegexOptions.IgnoreCase).Success", "\"value\":\"true\"}" },
    { "Regex.IsMatch(\"12ab\", \"^[\\\\d-[3-9]]+[a-z-[c]]+$\")", "\"value\":\"true\"}" },
    { "Regex.Match(\"if\", \"^(?(?=i)if|else)$\").Success", "\"value\":\"true\"}" },
    { "new Regex(\"(a)(?<5>b)(?<n>c)\").GetGroupNumbers()", "\"value\":\"[0,1,2,5]\"}" },
    { "Regex.Match(\"abc\", \"(a)(?<5>b)(?<n>c)\").Groups[6].Value", "\"value\":\"\"}" },
    { "Regex.Count(\"banana\", \"a\")", "\"value\":\"3\"}" },
    { "RegexOptions.IgnoreCase | RegexOptions.Multiline", "\"value\":\"IgnoreCase, Multiline\"}" },
    { "Regex.Match(\"a,b\", @\"(?<1>a),(\\w)\").Groups[1].Value", "\"value\":\"b\"}" },
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
