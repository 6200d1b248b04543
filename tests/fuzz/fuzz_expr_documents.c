/* JSON and XML from outside as expressions read, walk, write and convert them: each evaluation ends, with a value or an
 * exception, within its budget. */
#include <assert.h>
#include <stdint.h>

#include "platform/crypto.h"
#include "policy/expr/expr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TEXT "var s = Encoding.UTF8.GetString(Convert.FromBase64String(\"%.*s\")); "

static const char *const programs[] = {
    "@{ " TEXT "return JToken.Parse(s).ToString(); }",
    "@{ " TEXT "var t = JToken.Parse(s); return t.SelectTokens(\"$..*\").Select(x => x.Path).Count() + t.DeepClone().ToString(); }",
    "@{ " TEXT "return JsonConvert.DeserializeObject<Dictionary<string, List<decimal>>>(s); }",
    "@{ " TEXT "return JsonConvert.DeserializeXNode(s, \"r\", true).ToString(); }",
    "@{ " TEXT "return JToken.Parse(\"[{'a':1,'b':[2,{'c':'x'}]}]\").SelectTokens(s).Count(); }",
    "@{ " TEXT "var x = XDocument.Parse(s); return x.ToString() + x.DescendantNodes().InDocumentOrder().Count(); }",
    "@{ " TEXT "return JsonConvert.SerializeXNode(XElement.Parse(s, LoadOptions.PreserveWhitespace), Formatting.Indented); }",
    "@{ " TEXT "var u = new Uri(s, UriKind.RelativeOrAbsolute); return u + new Uri(new Uri(\"http://h/a/b\"), u).AbsoluteUri; }",
};

static void run(const char *program, struct slice base64)
{
    struct arena a, work;
    struct expr_run run = { .arena = &work };
    struct expr_error error;
    struct expr_exception exc = { 0 };
    struct expr_value out;
    struct slice text;
    const struct expr *e;

    arena_init_growing(&a, 16u << 20);
    arena_init_growing(&work, 8u << 20);
    e = expr_compile(&a, arena_printf(&a, program, SLICE_ARG(base64)), NULL, &error);
    assert(e);
    if (!expr_eval(e, &run, &out, &exc) || !expr_print(&run, out, &text, &exc))
        assert(exc.type.n);
    arena_free(&work);
    arena_free(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a;
    struct slice base64;

    arena_init_growing(&a, 1u << 20);
    base64 = crypto_base64(&a, slice_of(data, size));
    for (size_t i = 0; base64.p && i < sizeof programs / sizeof programs[0]; i++)
        run(programs[i], base64);
    arena_free(&a);
    return 0;
}
