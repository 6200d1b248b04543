/* The library's strings, numbers, collections and LINQ: one line an expression and what .NET answers. */
#include "tests/unit/policy/expr/sample.h"

#define ARENA_BYTES ((size_t)4 << 20)

static const struct {
    const char *source, *want; /* the printed value, or "type: message" of the exception */
} cases[] = {
    /* Any space separator of Unicode is white space. */
    { "@{\xc2\xa0 string\xc2\xa0s\xe2\x80\x83= \"a\xc2\xa0\";\xe3\x80\x80return s; }", "a\xc2\xa0" },
    /* Digests: RFC 1321 A.5, FIPS 180 "abc", RFC 4231 case 2. */
    { "@(BitConverter.ToString(MD5.Create().ComputeHash(Encoding.UTF8.GetBytes(\"abc\"))).Replace(\"-\", \"\").ToLower())",
      "900150983cd24fb0d6963f7d28e17f72" },
    { "@(BitConverter.ToString(SHA1.HashData(Encoding.ASCII.GetBytes(\"abc\"))))",
      "A9-99-3E-36-47-06-81-6A-BA-3E-25-71-78-50-C2-6C-9C-D0-D8-9D" },
    { "@(Convert.ToBase64String(new HMACSHA256(Encoding.UTF8.GetBytes(\"Jefe\")).ComputeHash(Encoding.UTF8.GetBytes(\"what do ya want for nothing?\"))))",
      "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM=" },
    { "@(Encoding.UTF8.GetBytes(\"h\\u00e9\").Length + \"/\" + Encoding.Unicode.GetBytes(\"h\\u00e9\").Length)",
      "3/4" },
    { "@(Encoding.UTF8.GetString(Convert.FromBase64String(\"dXNlcjpwYXNz\")))",
      "user:pass" },
    { "@(Encoding.GetEncoding(\"iso-8859-1\").GetString(new byte[] { 233 }) == \"\\u00e9\")",
      "true" },
    { "@(BitConverter.ToInt32(new byte[] { 1, 2, 0, 0 }, 0))",
      "513" },
    { "@(System.Net.WebUtility.UrlEncode(\"a b&c\") + System.Net.WebUtility.HtmlEncode(\"<x>\"))",
      "a+b%26c&lt;x&gt;" },
    { "@(\"a,b , c\".Split(new[] { ',' }, StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))",
      "[\"a\",\"b\",\"c\"]" },
    { "@(\"a,,b,c\".Split(new[] { ',' }, 2, StringSplitOptions.RemoveEmptyEntries))",
      "[\"a\",\"b,c\"]" },
    { "@(\"a b\\tc\".Split())",
      "[\"a\",\"b\",\"c\"]" },
    { "@(\"aXbX\".LastIndexOf(\"x\", StringComparison.OrdinalIgnoreCase))",
      "3" },
    { "@(\"h\\u00e9llo\".IndexOf(\"L\", StringComparison.OrdinalIgnoreCase))",
      "2" },
    { "@(\"abcabc\".LastIndexOf('b', 3))",
      "1" },
    { "@(\"abc\".LastIndexOfAny(new[] { 'a', 'b' }))",
      "1" },
    { "@(\"a\\u00e9Xb\\u00e9Xc\".LastIndexOf(\"\\u00e9X\", 4))",
      "1" },
    { "@(\"a\\u00e9Xb\\u00e9Xc\".LastIndexOf(\"\\u00c9x\", StringComparison.OrdinalIgnoreCase))",
      "4" },
    { "@(\"aaa\".LastIndexOf(\"aa\", 1, 2))",
      "0" },
    { "@(\"aXb\\u00e9Xc\".LastIndexOfAny(new[] { 'X' }, 3, 3))",
      "1" },
    { "@(\"aab\".IndexOf(\"AB\", 1, StringComparison.OrdinalIgnoreCase))",
      "1" },
    { "@(new Exception(\"x\").InnerException.GetBaseException())",
      "System.NullReferenceException: Object reference not set to an instance of an object." },
    { "@(new JValue(1.5).ToObject(Nullable.GetUnderlyingType(typeof(DayOfWeek))))",
      "System.ArgumentNullException: Value cannot be null. (Parameter 'objectType')" },
    { "@{ var d = new Dictionary<int,int> { { 7, 8 } }; return d.Remove<int,int>(7, out int v) + \" \" + v + d.Remove<int,int>(7, out int w) + w; }",
      "True 8False0" },
    { "@(new object[] { 1, \"x\" }.InDocumentOrder())",
      "System.InvalidCastException: Specified cast is not valid." },
    { "@(Enum.GetNames(null))",
      "System.ArgumentNullException: Value cannot be null. (Parameter 'enumType')" },
    { "@(Enum.Parse(new[] { 1 }.GetType(), \"x\"))",
      "System.ArgumentException: Type provided must be an Enum. (Parameter 'enumType')" },
    { "@(DateTimeOffset.UtcNow.ToOffset(TimeSpan.MaxValue))",
      "System.ArgumentOutOfRangeException: The added or subtracted value results in an un-representable DateTime. (Parameter 'value')" },
    { "@{\xc2\xa0 string s\xe2\x80\x89= \"a\xc2\xa0z\";\xe3\x80\x80return s.Length\xc2\xa0+ 1; }",
      "4" },
    { "@(((object)new[] { 1 } is IEnumerable<int>) + \" \" + ((object)new List<string>() is IEnumerable<object>) + \" \" + ((object)\"x\" is IComparable))",
      "True True True" },
    { "@(\"x-X\".Replace(\"X\", \"yy\", StringComparison.OrdinalIgnoreCase))",
      "yy-yy" },
    { "@(\"abc\".Insert(1, \"--\").Remove(0, 1).PadLeft(6, '.').PadRight(8))",
      "..--bc  " },
    { "@(string.Compare(\"abc\", 0, \"xbc\", 1, 2))",
      "-1" },
    { "@(string.Join(',', new[] { \"a\", \"b\", \"c\" }, 1, 2))",
      "b,c" },
    { "@(\"abc\".Substring(1, 5))",
      "System.ArgumentOutOfRangeException: Index and length must refer to a location within the string. (Parameter 'length')" },
    { "@(\"abc\".IndexOf('a', 4))",
      "System.ArgumentOutOfRangeException: Index was out of range. Must be non-negative and less than or equal to the size of the collection. (Parameter 'startIndex')" },
    { "@(new string(new[] { 'h', 'i' }) + new string('!', 3))",
      "hi!!!" },
    { "@(1234.5.ToString(\"C\"))",
      "¤1,234.50" },
    { "@((-0.001).ToString(\"F2\") + (-0.001m).ToString(\"F2\"))",
      "-0.000.00" },
    { "@(0.000123.ToString(\"G2\"))",
      "0.00012" },
    { "@(1e20.ToString(\"F0\"))",
      "100000000000000000000" },
    { "@((-1234.5678).ToString(\"#,##0.00;(#,##0.00)\"))",
      "(1,234.57)" },
    { "@(0.0.ToString(\"#;-#;zero\"))",
      "zero" },
    { "@(12.ToString(\"0.0E+0\"))",
      "1.2E+1" },
    { "@(0.256.ToString(\"0.0%\"))",
      "25.6%" },
    { "@(255.ToString(\"x4\") + 5.ToString(\"B4\") + (-5).ToString(\"D3\"))",
      "00ff0101-005" },
    { "@(1.5.ToString(\"X\"))",
      "System.FormatException: Format specifier was invalid." },
    { "@(decimal.Parse(\"1e3\"))",
      "System.FormatException: The input string '1e3' was not in a correct format." },
    { "@(int.Parse(\"(5)\", NumberStyles.AllowParentheses))",
      "-5" },
    { "@(double.Parse(\" -1,234.5e1 \"))",
      "-12345" },
    { "@(int.Parse(\"80000000\", NumberStyles.HexNumber))",
      "-2147483648" },
    { "@(byte.Parse(\"256\"))",
      "System.OverflowException: Value was either too large or too small for an unsigned byte." },
    { "@(Math.Round(-2.5) + Math.Round(2.5, MidpointRounding.AwayFromZero))",
      "1" },
    { "@(Math.Clamp(15, 1, 10))",
      "10" },
    { "@(Math.Clamp(1, 3, 2))",
      "System.ArgumentException: '3' cannot be greater than 2." },
    { "@(Convert.ToInt32(2.5) + Convert.ToInt32(3.5))",
      "6" },
    { "@(Convert.ToInt32(\"ff\", 16) + Convert.ToInt32(\"-12\", 10))",
      "243" },
    { "@(Convert.ToByte(300))",
      "System.OverflowException: Value was either too large or too small for an unsigned byte." },
    { "@(Convert.ToString(-1, 2).Length)",
      "32" },
    { "@(Convert.FromBase64String(\"aGk\"))",
      "System.FormatException: The input is not a valid Base-64 string as it contains a non-base 64 character, more than two padding characters, or an illegal character among the padding characters." },
    { "@(Convert.ToHexString(Convert.FromBase64String(\"aGk=\")))",
      "6869" },
    { "@(char.IsPunctuation('!') && !char.IsSymbol('!') && char.GetNumericValue('5') == 5)",
      "true" },
    { "@(new StringBuilder(\"abc\").Insert(1, 42).Replace(\"4\", \"x\", 0, 2).Append('z', 2).Remove(0, 1).ToString())",
      "x2bczz" },
    { "@{ var b = new StringBuilder(); b.AppendFormat(\"{0:00}|\", 7).AppendJoin(\",\", new[] { 1, 2 }).AppendLine(); b.Length -= 1; return b.ToString(); }",
      "07|1,2" },
    { "@{ var r = new StringReader(\"a\\r\\nb\"); r.ReadLine(); var x = r.ReadToEnd(); return x + r.Peek(); }",
      "b-1" },
    { "@{ var w = new StringWriter(); w.Write(\"{0}-{1}\", 1, 2); w.Dispose(); w.Write(\"x\"); return 0; }",
      "System.ObjectDisposedException: Cannot write to a closed TextWriter." },
    { "@{ var s = new Stack<int>(new[] { 1, 2, 3 }); s.Push(4); s.Pop(); return s; }",
      "[3,2,1]" },
    { "@{ var q = new Queue<string>(); return q.Dequeue(); }",
      "System.InvalidOperationException: Queue empty." },
    { "@(new HashSet<string>(StringComparer.OrdinalIgnoreCase) { \"a\", \"A\" })",
      "[\"a\"]" },
    { "@{ var d = new Dictionary<string, int> { { \"a\", 1 } }; d.Remove(\"a\", out var old); return old + \":\" + d.Count + \":\" + d.TryAdd(\"b\", 2) + \":\" + d.GetValueOrDefault(\"z\", 9); }",
      "1:0:True:9" },
    { "@(new SortedSet<int> { 3, 1, 2 }.Min)",
      "1" },
    { "@{ var l = new List<int> { 5, 3, 4 }; l.Sort((x, y) => y - x); l.InsertRange(1, new[] { 9, 8 }); l.RemoveRange(0, 1); return l; }",
      "[9,8,4,3]" },
    { "@(new List<int> { 1, 3, 5 }.BinarySearch(4))",
      "-3" },
    { "@{ var a = new[] { 3, 1, 2 }; Array.Sort(a); Array.Reverse(a, 0, 2); return a; }",
      "[2,1,3]" },
    { "@{ var l = new List<int>(); l.Insert(1, 2); return l; }",
      "System.ArgumentOutOfRangeException: Index must be within the bounds of the List. (Parameter 'index')" },
    { "@(new[] { 1, 2, 3 }.ToLookup(x => x % 2)[1].Sum())",
      "4" },
    { "@(new[] { 1, 2, 3 }.Zip(new[] { \"a\", \"b\" }))",
      "[\"(1, a)\",\"(2, b)\"]" },
    { "@(new[] { 1, 2, 3, 4, 5 }.Chunk(2))",
      "[[1,2],[3,4],[5]]" },
    { "@(new int?[] { 1, null, 3 }.Average())",
      "2" },
    { "@(new[] { 1, 2, 3, 4 }.GroupBy(x => x % 2, (k, g) => k + \":\" + g.Sum()))",
      "[\"1:4\",\"0:6\"]" },
    { "@(new[] { \"b2\", \"a1\", \"a2\", \"B1\" }.OrderBy(x => x[0].ToString(), StringComparer.OrdinalIgnoreCase).ThenByDescending(x => x))",
      "[\"a2\",\"a1\",\"b2\",\"B1\"]" },
    { "@(new[] { new object(), new object() }.OrderBy(x => x).ToList())",
      "System.InvalidOperationException: Failed to compare two elements in the array." },
    { "@(new[] { 1, 2, 3, 2 }.Except(new[] { 3 }).Concat(new[] { 7 }).Append(8).Prepend(0).SkipLast(1).Reverse())",
      "[7,2,1,0]" },
    { "@(new[] { 1, 2, 3 }.IntersectBy(new[] { 1 }, x => x % 2))",
      "[1]" },
    { "@(new object[] { \"a\", 1 }.Cast<string>().ToList())",
      "System.InvalidCastException: Specified cast is not valid." },
    { "@{ IList<byte> b = new byte[] { 1, 2 }; b.Insert(0, 1); return b; }",
      "System.NotSupportedException: Collection was of a fixed size." },
    { "@{ ICollection<int> b = new[] { 1, 2 }; b.Clear(); return b; }",
      "System.NotSupportedException: Collection is read-only." },
    { "@(new int[0].Max())",
      "System.InvalidOperationException: Sequence contains no elements" },
    { "@(new[] { 1, 2 }.Single())",
      "System.InvalidOperationException: Sequence contains more than one element" },
    { "@(Enumerable.Range(int.MaxValue, 2))",
      "System.ArgumentOutOfRangeException: Specified argument was out of the range of valid values. (Parameter 'count')" },
    { "@(new[] { 1, 2 }.Join(new[] { 2, 2 }, a => a, b => b, (a, b) => a + b))",
      "[4,4]" },
    { "@(new[] { \"1\", \"2\" }.Select(int.Parse).Sum())",
      "3" },
};

static void answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct arena program, work;
        struct expr_error err = { 0 };

        arena_init_growing(&program, ARENA_BYTES);
        arena_init_growing(&work, ARENA_BYTES);
        struct slice text = sample_answer(&program, &work, cases[i].source, "", &err);
        if (!text.p)
            fail_msg("%s: %s", cases[i].source, err.message);
        if (!slice_eq(text, slice_from(cases[i].want)))
            fail_msg("%s\ngives %.*s\nnot   %s", cases[i].source, SLICE_ARG(text), cases[i].want);
        arena_free(&work);
        arena_free(&program);
    }
}

/* Work in the library counts: neither a long sequence nor a long string escapes the budgets. */
static void budgets(void **state)
{
    static const char *const sources[] = {
        "@(Enumerable.Range(0, 2000000000).Count())",
        "@(Enumerable.Repeat(1, 2000000000).OrderBy(x => x).First())",
        "@(new string('x', 2000000000))",
        "@(\"a\".PadLeft(2000000000))",
        "@{ IEnumerable<int> e = new[] { 1 }; for (int i = 0; i < 100000; i++) e = e.Append(i); return e.Count(); }",
        "@{ IEnumerable<int> e = new[] { 1 }; for (int i = 0; i < 100000; i++) e = e.Join(e, a => a, b => b, (a, b) => a); return e.Count(); }",
        "@(1.ToString(\"D999999999\"))",
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(sources); i++) {
        struct arena program, work;
        struct expr_run run = { .arena = &work };
        struct expr_error err = { 0 };
        struct expr_exception exc = { 0 };
        struct expr_value out;
        const struct expr *e;

        arena_init_growing(&program, ARENA_BYTES);
        arena_init_growing(&work, ARENA_BYTES);
        e = expr_compile(&program, slice_from(sources[i]), NULL, &err);
        assert_non_null(e);
        assert_false(expr_eval(e, &run, &out, &exc));
        assert_true(exc.budget);
        arena_free(&work);
        arena_free(&program);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers),
        cmocka_unit_test(budgets),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
