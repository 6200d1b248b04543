/* Tokens of language models. Answers may have megabytes (embeddings) and a request's arena has one: so the members of an answer are
 * walked over in place, and only `usage`, which is small, is parsed. See llm.h. */
#include "policy/llm.h"

#include "platform/json.h"

/* A larger `usage` is none. */
#define USAGE_BYTES_MAX (16u << 10)

/* ---- walking over JSON in place; text that is not JSON ends the walk ---- */

static size_t skip_space(struct slice s, size_t i)
{
    while (i < s.n && ascii_is_space(s.p[i]))
        i++;
    return i;
}

/* s.p[i] is the quote; behind the closing one. */
static size_t skip_string(struct slice s, size_t i)
{
    for (i++; i < s.n && s.p[i] != '"'; i++)
        if (s.p[i] == '\\')
            i++;
    return i < s.n ? i + 1 : s.n;
}

static size_t skip_value(struct slice s, size_t i)
{
    size_t depth = 0;

    while (i < s.n) {
        char c = s.p[i];
        if (depth == 0 && (c == ',' || c == '}' || c == ']' || ascii_is_space(c)))
            return i;
        if (c == '"') {
            i = skip_string(s, i);
        } else {
            depth += c == '{' || c == '[';
            depth -= c == '}' || c == ']';
            i++;
        }
        if (depth == 0 && (c == '"' || c == '}' || c == ']'))
            return i;
    }
    return s.n;
}

/* The next `"name": value` at *i; false at the end. */
static bool next_member(struct slice s, size_t *i, struct slice *name, struct slice *value)
{
    size_t at = skip_space(s, *i);

    if (at < s.n && s.p[at] == ',')
        at = skip_space(s, at + 1);
    if (at >= s.n || s.p[at] != '"')
        return false;
    size_t end = skip_string(s, at);
    *name = slice_sub(s, at + 1, end - 1);
    at = skip_space(s, end);
    if (at >= s.n || s.p[at] != ':')
        return false;
    at = skip_space(s, at + 1);
    *i = skip_value(s, at);
    *value = slice_sub(s, at, *i);
    return value->n > 0;
}

struct slice llm_member(struct slice object, const char *name)
{
    struct slice wanted = slice_from(name), found = SLICE_NONE, key, value;
    size_t i = skip_space(object, 0);

    if (i >= object.n || object.p[i] != '{')
        return found;
    for (i++; next_member(object, &i, &key, &value);)
        if (slice_eq(key, wanted))
            found = value;
    return found;
}

/* ---- usage ---- */

/* Chat and embeddings have *_tokens; the Responses API has it inside of "response" in events; it and others say input and output. */
static struct slice usage_of(struct slice object)
{
    struct slice usage = llm_member(object, "usage");

    return usage.n && usage.p[0] == '{' ? usage : llm_member(llm_member(object, "response"), "usage");
}

static uint64_t tokens(const struct json *j, const char *name, const char *other)
{
    int64_t n = json_int(json_get(j, name), -1);

    if (n < 0)
        n = json_int(json_get(j, other), 0);
    return n > 0 && n < INT32_MAX ? (uint64_t)n : 0;
}

static void parse_usage(struct arena *a, struct slice text, struct llm_usage *out)
{
    struct arena_mark mark = arena_mark(a);
    const struct json *j = text.n && text.p[0] == '{' && text.n <= USAGE_BYTES_MAX ? json_parse(a, text, NULL) : NULL;

    if (j) {
        out->known = true;
        out->prompt = tokens(j, "prompt_tokens", "input_tokens");
        out->completion = tokens(j, "completion_tokens", "output_tokens");
        out->total = tokens(j, "total_tokens", "total_tokens");
        if (!out->total)
            out->total = out->prompt + out->completion;
    }
    arena_reset(a, mark);
}

void llm_read_usage(struct arena *a, struct slice body, bool events, struct llm_usage *out)
{
    struct slice usage = SLICE_NONE, line;

    *out = (struct llm_usage){ 0 };
    if (!events)
        usage = usage_of(body);
    while (events && slice_cut(&body, '\n', &line)) {
        if (!slice_starts(line, SLICE("data:")))
            continue;
        struct slice of_event = usage_of(slice_skip(line, 5));
        if (of_event.n && of_event.p[0] == '{')
            usage = of_event;
    }
    parse_usage(a, usage, out);
}

/* ---- messages ---- */

static const char *const json_types[] = { "application/json", "+json", NULL };
static const char *const event_types[] = { "text/event-stream", NULL };

/* The body of m when it is whole or may be made so; else p == NULL. */
static bool whole_body(struct rt *rt, struct rt_message *m, struct slice *out)
{
    *out = SLICE_NONE;
    if (m->body.state == RT_BODY_STREAM &&
        (!rt_is_media_type(m, json_types) || !rt->host->body_fits || !rt->host->body_fits(rt, m)))
        return true;
    return rt_body(rt, m, out);
}

bool llm_usage(struct rt *rt, struct llm_usage *out)
{
    struct slice body;

    *out = (struct llm_usage){ 0 };
    if (!whole_body(rt, &rt->response, &body))
        return false;
    llm_read_usage(rt->arena, body, rt_is_media_type(&rt->response, event_types), out);
    return true;
}

bool llm_prompt(struct rt *rt, struct llm_prompt *out)
{
    static const char *const parts[] = { "messages", "prompt", "input" };
    struct slice body;
    uint64_t bytes = 0;

    *out = (struct llm_prompt){ 0 };
    if (!whole_body(rt, &rt->request, &body))
        return false;
    for (size_t i = 0; i < COUNT_OF(parts); i++)
        bytes += llm_member(body, parts[i]).n;
    if (!body.p) /* too long to be read: all of it */
        (void)slice_to_u64(http_fields_get(&rt->request.fields, SLICE("Content-Length")), INT64_MAX, &bytes);
    out->tokens = bytes / LLM_BYTES_PER_TOKEN + (bytes % LLM_BYTES_PER_TOKEN != 0);
    out->streams = slice_eq(llm_member(body, "stream"), SLICE("true"));
    return true;
}
