/* Responses that a specification describes, with an example or a sample made of the schema: what mock-response answers. One entity
 * per operation that has any: {"responses":[{"statusCode":200,"representations":[{"contentType":…,"sample":…}]}]}. */
#include "app/artifact/artifact_int.h"

#include "platform/base/buf.h"

/* A sample stops here: schemas may refer to themselves. */
#define SAMPLE_DEPTH_MAX 8

static bool put_sample(const struct openapi *o, struct buf *b, const struct json *schema, int depth);

static struct slice type_of(const struct json *schema)
{
    const struct json *type = json_get(schema, "type");
    struct json_iter it = json_iter(json_type(type) == JSON_ARRAY ? type : NULL);

    while (json_next(&it)) /* OpenAPI 3.1: a list; null is the least telling */
        if (!slice_eq(json_str(it.value), SLICE("null")))
            return json_str(it.value);
    if (json_str(type).n)
        return json_str(type);
    return json_get(schema, "properties") ? SLICE("object") : json_get(schema, "items") ? SLICE("array") : SLICE("");
}

static void put_string_sample(struct buf *b, const struct json *schema)
{
    struct slice format = json_str(json_get(schema, "format"));

    if (slice_eq(format, SLICE("date-time")))
        buf_puts(b, "\"2000-01-01T00:00:00Z\"");
    else if (slice_eq(format, SLICE("date")))
        buf_puts(b, "\"2000-01-01\"");
    else if (slice_eq(format, SLICE("uuid")))
        buf_puts(b, "\"00000000-0000-0000-0000-000000000000\"");
    else
        buf_puts(b, "\"string\"");
}

static void put_object_sample(const struct openapi *o, struct buf *b, const struct json *schema, int depth)
{
    struct json_iter it = json_iter(json_get(schema, "properties"));
    bool first = true;

    buf_putc(b, '{');
    while (json_next(&it)) {
        size_t before = b->n;
        if (!first)
            buf_putc(b, ',');
        buf_put_json(b, it.key);
        buf_putc(b, ':');
        if (put_sample(o, b, it.value, depth + 1))
            first = false;
        else
            b->n = before;
    }
    buf_putc(b, '}');
}

/* The parts of allOf are one object; of oneOf and anyOf the first is as good as any. */
static bool put_combined(const struct openapi *o, struct buf *b, const struct json *schema, int depth)
{
    static const char *const lists[] = { "allOf", "oneOf", "anyOf" };

    for (size_t i = 0; i < COUNT_OF(lists); i++) {
        struct json_iter it = json_iter(json_get(schema, lists[i]));
        if (json_next(&it))
            return put_sample(o, b, it.value, depth + 1);
    }
    return false;
}

static bool put_given(struct buf *b, const struct json *schema)
{
    static const char *const names[] = { "example", "default", "const" };
    struct json_iter several = json_iter(json_get(schema, "examples")), choices = json_iter(json_get(schema, "enum"));

    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (json_get(schema, names[i])) {
            json_write(b, json_get(schema, names[i]));
            return true;
        }
    if (!json_next(&several) && !json_next(&choices))
        return false;
    json_write(b, several.value ? several.value : choices.value);
    return true;
}

static bool put_sample(const struct openapi *o, struct buf *b, const struct json *schema, int depth)
{
    schema = openapi_resolve(o, schema);
    struct slice type = type_of(schema);

    if (!schema || depth > SAMPLE_DEPTH_MAX)
        return false;
    if (put_given(b, schema) || put_combined(o, b, schema, depth))
        return true;
    if (slice_eq(type, SLICE("object"))) {
        put_object_sample(o, b, schema, depth);
    } else if (slice_eq(type, SLICE("array"))) {
        buf_putc(b, '[');
        (void)put_sample(o, b, json_get(schema, "items"), depth + 1);
        buf_putc(b, ']');
    } else if (slice_eq(type, SLICE("string"))) {
        put_string_sample(b, schema);
    } else if (slice_eq(type, SLICE("integer")) || slice_eq(type, SLICE("number"))) {
        buf_putc(b, '0');
    } else if (slice_eq(type, SLICE("boolean"))) {
        buf_puts(b, "true");
    } else {
        return false;
    }
    return true;
}

/* The example of a media type object, or a sample of its schema, as text. */
static struct slice sample_text(const struct openapi *o, const struct json *media)
{
    struct json_iter several = json_iter(json_get(media, "examples"));
    const struct json *example = json_get(media, "example");
    struct buf b;

    if (!example && json_next(&several))
        example = json_get(openapi_resolve(o, several.value), "value");
    if (json_type(example) == JSON_STRING)
        return json_str(example);
    buf_init(&b, o->tree->arena);
    if (example)
        json_write(&b, example);
    else if (!put_sample(o, &b, json_get(media, "schema"), 0))
        return SLICE("");
    return buf_slice(&b);
}

static void put_representation(struct buf *b, bool *first, struct slice content_type, struct slice sample)
{
    buf_puts(b, *first ? "{\"contentType\":" : ",{\"contentType\":");
    *first = false;
    buf_put_json(b, content_type);
    buf_puts(b, ",\"sample\":");
    buf_put_json(b, sample);
    buf_putc(b, '}');
}

/* OpenAPI 3: content; 2: examples by media type, else the schema as what `produces` says. */
static void put_representations(const struct openapi *o, struct buf *b, const struct json *operation, const struct json *response)
{
    struct json_iter it = json_iter(json_get(response, "content")), examples = json_iter(json_get(response, "examples"));
    bool first = true;

    while (json_next(&it))
        put_representation(b, &first, it.key, sample_text(o, it.value));
    while (json_next(&examples)) {
        struct buf text;
        buf_init(&text, o->tree->arena);
        json_write(&text, examples.value);
        struct slice plain = json_str(examples.value);
        put_representation(b, &first, examples.key, plain.p ? plain : buf_slice(&text));
    }
    if (!first || !json_get(response, "schema"))
        return;
    struct json_iter produces = json_iter(json_get(operation, "produces"));
    struct slice type = json_next(&produces) ? json_str(produces.value) : SLICE("application/json");
    put_representation(b, &first, type, sample_text(o, response));
}

void openapi_emit_responses(const struct openapi *o, struct slice operation_id, const struct json *operation)
{
    struct json_iter it = json_iter(json_get(operation, "responses"));
    struct buf b;
    bool any = false;
    uint64_t status;

    buf_init(&b, o->tree->arena);
    buf_puts(&b, "{\"responses\":[");
    while (json_next(&it)) {
        if (!slice_to_u64(it.key, 599, &status) || status < 100) /* "default", "2XX": no status to answer */
            continue;
        buf_printf(&b, "%s{\"statusCode\":%u,\"representations\":[", any ? "," : "", (unsigned)status);
        put_representations(o, &b, operation, openapi_resolve(o, it.value));
        buf_puts(&b, "]}");
        any = true;
    }
    buf_puts(&b, "]}");
    if (any)
        artifact_add_entity(o->tree, "responses", operation_id, buf_slice(&b));
}
