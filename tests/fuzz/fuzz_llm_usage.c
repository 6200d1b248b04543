/* Answers of language models and token sources, of any bytes. Where the text is JSON, what is found by walking over it is what the
 * parser finds. The first byte chooses: an event stream, an answer, or the answer of a token source. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "app/identity.h"
#include "platform/json.h"
#include "policy/rt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_within(struct slice part, struct slice whole)
{
    return !part.p || (part.p >= whole.p && part.p + part.n <= whole.p + whole.n);
}

static void check_member(struct arena *a, struct slice text, const struct json *j, const char *name)
{
    struct slice found = llm_member(text, name);

    assert(is_within(found, text));
    if (!j || !found.p)
        return;
    const struct json *parsed = json_get(j, name);
    const struct json *alone = json_parse(a, found, NULL);
    assert(parsed && alone && json_type(parsed) == json_type(alone) && json_count(parsed) == json_count(alone));
}

static void check_answer(struct arena *a, struct slice text)
{
    static const char *const names[] = { "usage", "messages", "prompt", "input", "stream", "" };
    const struct json *j = json_parse(a, text, NULL);

    for (size_t i = 0; i < COUNT_OF(names); i++)
        check_member(a, text, j, names[i]);
}

static void check_token(struct arena *a, struct slice text)
{
    struct identity_answer out;
    struct err err;

    if (!identity_read_answer(text, 0, a, &out, &err)) {
        assert(err.text[0]);
        return;
    }
    assert(out.seconds > 0 && out.token.n > 0 && out.token.n <= IDENTITY_TOKEN_MAX);
    for (size_t i = 0; i < out.token.n; i++)
        assert(out.token.p[i] > ' ' && out.token.p[i] < 0x7f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = slice_of(data + 1, size ? size - 1 : 0);
    struct llm_usage usage;
    struct arena a;

    if (!size)
        return 0;
    arena_init_growing(&a, 64u << 20);
    llm_read_usage(&a, text, data[0] == 'e', &usage);
    assert(usage.known || usage.total == 0);
    if (data[0] == 't')
        check_token(&a, text);
    else
        check_answer(&a, text);
    (void)identity_arc_file(&a, text);
    arena_free(&a);
    return 0;
}
