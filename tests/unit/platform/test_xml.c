/* platform/xml.h: what the tree holds, where its parts stand in the text, what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "platform/base/buf.h"
#include "platform/xml.h"

static struct arena arena;

static int setup(void **state)
{
    arena_init_growing(&arena, 16u << 20);
    return 0;
}

static int teardown(void **state)
{
    arena_free(&arena);
    return 0;
}

static const struct xml_document *parse(const char *text)
{
    struct xml_error err;
    const struct xml_document *doc = xml_parse(&arena, slice_from(text), NULL, &err);

    if (!doc)
        fail_msg("%s: %u:%u: %s", text, err.line, err.column, err.message);
    return doc;
}

static void assert_text(struct slice s, const char *expected)
{
    assert_int_equal(s.n, strlen(expected));
    assert_memory_equal(s.p, expected, s.n);
}

static void test_tree(void **state)
{
    const struct xml_document *doc =
        parse("<?xml version='1.0'?><!-- c --><a x=\"1\" y = '2'>t<b/><c z='&lt;&#65;'>u</c>v</a>\n");
    const struct xml_node *a = doc->root;

    assert_text(a->name, "a");
    assert_null(a->parent);
    assert_text(xml_attr(a, "x")->value, "1");
    assert_text(xml_attr(a, "y")->value, "2");
    assert_null(xml_attr(a, "z"));
    assert_ptr_equal(a->attrs->next, xml_attr(a, "y"));
    const struct xml_node *b = xml_child(a, NULL);
    const struct xml_node *c = xml_next(b, NULL);
    assert_text(b->name, "b");
    assert_null(b->children);
    assert_text(c->name, "c");
    assert_ptr_equal(c, xml_child(a, "c"));
    assert_null(xml_next(c, NULL));
    assert_ptr_equal(c->parent, a);
    assert_text(xml_attr(c, "z")->value, "<A");
    assert_text(xml_text(&arena, c), "u");
    assert_text(xml_text(&arena, a), "tv");
    assert_int_equal(doc->attrs, 3);
}

static void test_offsets(void **state)
{
    const char *text = "<a>\n  <b key = \"v&amp;w\">in<c/>ner</b>\n</a>";
    const struct xml_node *b = xml_child(parse(text)->root, "b");

    assert_memory_equal(text + b->at, "<b key", 6);
    assert_memory_equal(text + b->end, "\n</a>", 5);
    assert_text(slice_of(text + b->inner_at, b->inner_end - b->inner_at), "in<c/>ner");
    assert_memory_equal(text + b->attrs->name_at, "key", 3);
    assert_memory_equal(text + b->attrs->value_at, "v&amp;", 6);
    assert_memory_equal(text + b->children->at, "in<", 3);
    unsigned line, column;
    xml_line_column(slice_from(text), b->at, &line, &column);
    assert_int_equal(line, 2);
    assert_int_equal(column, 3);
    xml_line_column(SLICE("\xEF\xBB\xBF<a>"), 3, &line, &column);
    assert_int_equal(column, 1);
    xml_line_column(SLICE("\n\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80<a>"), 10, &line, &column);
    assert_int_equal(line, 2);
    assert_int_equal(column, 4);
}

static void test_decoding(void **state)
{
    const struct xml_node *r =
        parse("<r a='x\r\ny\tz&#10;&#x20AC;&quot;'>1\r\n2\r3&apos;<![CDATA[<&amp;]]>&gt;</r>")->root;

    assert_text(r->attrs->value, "x y z\n\xE2\x82\xAC\"");
    assert_text(xml_text(&arena, r), "1\n2\n3'<&amp;>");
    assert_int_equal(xml_locate(SLICE("a&amp;b"), true, 0), 0);
    assert_int_equal(xml_locate(SLICE("a&amp;b"), true, 1), 1);
    assert_int_equal(xml_locate(SLICE("a&amp;b"), true, 2), 6);
    assert_int_equal(xml_locate(SLICE("a\r\nb"), false, 2), 3);
    assert_int_equal(xml_locate(SLICE("ab"), false, 9), 2);
}

static void test_comments_and_pis(void **state)
{
    const char *text = "<!--1--><?go x y?><r>a<!--2-->b</r><!--3-->";
    const struct xml_options keep = { .comments = true };
    struct xml_error err;
    const struct xml_document *doc = xml_parse(&arena, slice_from(text), &keep, &err);

    assert_non_null(doc);
    assert_int_equal(doc->top->type, XML_COMMENT);
    assert_text(doc->top->text, "1");
    assert_int_equal(doc->top->next->type, XML_PI);
    assert_text(doc->top->next->name, "go");
    assert_text(doc->top->next->text, "x y");
    assert_ptr_equal(doc->top->next->next, doc->root);
    assert_text(doc->root->next->text, "3");
    assert_text(xml_text(&arena, doc->root), "ab");
    doc = parse(text);
    assert_ptr_equal(doc->top, doc->root);
    assert_null(doc->root->next);
    assert_text(xml_text(&arena, doc->root), "ab");
}

static void test_namespaces(void **state)
{
    const struct xml_node *r = parse("<p:r xmlns:p='u:p' xmlns='u:d'><k xmlns:p='u:q'/></p:r>")->root;
    const struct xml_node *k = xml_child(r, NULL);

    assert_text(r->name, "p:r");
    assert_text(xml_namespace(r, SLICE("p")), "u:p");
    assert_text(xml_namespace(k, SLICE("p")), "u:q");
    assert_text(xml_namespace(k, SLICE("")), "u:d");
    assert_null(xml_namespace(k, SLICE("nope")).p);
}

static void test_refused(void **state)
{
    static const struct {
        const char *text, *message;
        unsigned line, column;
    } cases[] = {
        { "", "empty", 1, 1 },
        { "<a>\n<b>\n</a>", "<b> is closed by </a>", 3, 0 },
        { "<a x='1' x='2'/>", "redefined", 1, 0 },
        { "<a", "", 1, 0 },
        { "<a/><b/>", "Extra content", 1, 5 },
        { "<a>&nbsp;</a>", "nbsp", 1, 0 },
        { "<a>\xFF</a>", "", 1, 0 },
        { "<!DOCTYPE a [<!ENTITY e 'x'>]><a>&e;</a>", "document type", 1, 0 },
        { "<!DOCTYPE a SYSTEM 'file:///etc/passwd'><a/>", "document type", 1, 0 },
        { "just text", "", 1, 0 },
        { "<a x=1/>", "", 1, 0 },
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct xml_error err = { 0 };

        if (xml_parse(&arena, slice_from(cases[i].text), NULL, &err))
            fail_msg("accepted: %s", cases[i].text);
        if (!strstr(err.message, cases[i].message) || !err.message[0])
            fail_msg("%s: message is \"%s\"", cases[i].text, err.message);
        if (err.line != cases[i].line || (cases[i].column && err.column != cases[i].column))
            fail_msg("%s: at %u:%u (%s)", cases[i].text, err.line, err.column, err.message);
    }
}

static void nest(struct buf *b, unsigned depth)
{
    for (unsigned i = 0; i < depth; i++)
        buf_puts(b, "<a>");
    for (unsigned i = 0; i < depth; i++)
        buf_puts(b, "</a>");
}

static void test_depth(void **state)
{
    struct xml_error err = { 0 };
    struct buf ok, deep;

    buf_init(&ok, &arena);
    nest(&ok, XML_DEPTH_MAX);
    assert_non_null(xml_parse(&arena, buf_slice(&ok), NULL, &err));
    buf_init(&deep, &arena);
    nest(&deep, XML_DEPTH_MAX + 1);
    assert_null(xml_parse(&arena, buf_slice(&deep), NULL, &err));
    assert_non_null(strstr(err.message, "nested too deep"));
    assert_int_equal(err.offset, 3 * XML_DEPTH_MAX);
}

static void test_small_arena(void **state)
{
    struct xml_error err = { 0 };
    struct arena small;
    char memory[512];

    arena_init_fixed(&small, memory, sizeof memory);
    assert_null(xml_parse(&small, SLICE("<a><b/><c/><d/><e/><f/></a>"), NULL, &err));
    assert_non_null(strstr(err.message, "too large"));
    arena_free(&small);
}

static void test_writing(void **state)
{
    struct buf b;

    buf_init(&b, &arena);
    xml_put_text(&b, SLICE("a<b>&\"\n\r"));
    assert_text(buf_slice(&b), "a&lt;b&gt;&amp;\"\n&#13;");
    buf_init(&b, &arena);
    xml_put_attr(&b, SLICE("\"<\n\t"));
    assert_text(buf_slice(&b), "&quot;&lt;&#10;&#9;");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_tree, setup, teardown),
        cmocka_unit_test_setup_teardown(test_offsets, setup, teardown),
        cmocka_unit_test_setup_teardown(test_decoding, setup, teardown),
        cmocka_unit_test_setup_teardown(test_comments_and_pis, setup, teardown),
        cmocka_unit_test_setup_teardown(test_namespaces, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_depth, setup, teardown),
        cmocka_unit_test_setup_teardown(test_small_arena, setup, teardown),
        cmocka_unit_test_setup_teardown(test_writing, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
