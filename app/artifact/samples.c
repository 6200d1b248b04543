/* Responses that a specification or an operation describes, with an example or a sample made of the schema: what mock-response
 * answers. One entity per operation that has any: {"responses":[{"statusCode":200,"representations":[{"contentType":…,"sample":…}]}]}. */
#include "app/artifact/artifact_int.h"

#include "platform/base/buf.h"

/* A sample stops here: schemas may refer to themselves, and to each other so that their number doubles at every level. */
#define SAMPLE_DEPTH_MAX 16
#define SAMPLE_NODES_MAX 1000u

#define STATUS_MIN 100u
#define STATUS_MAX 599u

/* One sample while it is written. */
struct sampler {
    const struct openapi *o;
    struct buf *b;
    const struct json *open[SAMPLE_DEPTH_MAX]; /* schemas that are being written: one inside itself is left out */
    int depth;
    unsigned nodes;
};

static bool put_sample(struct sampler *s, const struct json *schema);

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

static void put_members(struct sampler *s, const struct json *schema, bool *first)
{
    struct json_iter it = json_iter(json_get(schema, "properties"));

    while (json_next(&it)) {
        size_t before = s->b->n;
        if (!*first)
            buf_putc(s->b, ',');
        buf_put_json(s->b, it.key);
        buf_putc(s->b, ':');
        if (put_sample(s, it.value))
            *first = false;
        else
            s->b->n = before;
    }
}

/* The members of every part of allOf, and of the schema itself, in one object; allOf inside a part counts. */
static void put_parts(struct sampler *s, const struct json *schema, bool *first, int depth)
{
    struct json_iter it = json_iter(json_get(schema, "allOf"));

    while (depth < SAMPLE_DEPTH_MAX && json_next(&it) && ++s->nodes <= SAMPLE_NODES_MAX)
        put_parts(s, openapi_resolve(s->o, it.value), first, depth + 1);
    put_members(s, schema, first);
}

static void put_object_sample(struct sampler *s, const struct json *schema)
{
    bool first = true;

    buf_putc(s->b, '{');
    put_parts(s, schema, &first, 0);
    buf_putc(s->b, '}');
}

/* oneOf and anyOf: the first is as good as any; so is the only part of an allOf that is no object. */
static bool put_combined(struct sampler *s, const struct json *schema)
{
    static const char *const lists[] = { "oneOf", "anyOf", "allOf" };
    size_t n = COUNT_OF(lists);

    if (json_get(schema, "properties") || json_count(json_get(schema, "allOf")) > 1)
        n -= 1;
    for (size_t i = 0; i < n; i++) {
        struct json_iter it = json_iter(json_get(schema, lists[i]));
        if (json_next(&it))
            return put_sample(s, it.value);
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

static bool put_typed(struct sampler *s, const struct json *schema)
{
    struct slice type = type_of(schema);

    if (slice_eq(type, SLICE("object")) || json_get(schema, "allOf")) {
        put_object_sample(s, schema);
    } else if (slice_eq(type, SLICE("array"))) {
        buf_putc(s->b, '[');
        (void)put_sample(s, json_get(schema, "items"));
        buf_putc(s->b, ']');
    } else if (slice_eq(type, SLICE("string"))) {
        put_string_sample(s->b, schema);
    } else if (slice_eq(type, SLICE("integer")) || slice_eq(type, SLICE("number"))) {
        buf_putc(s->b, '0');
    } else if (slice_eq(type, SLICE("boolean"))) {
        buf_puts(s->b, "true");
    } else {
        return false;
    }
    return true;
}

/* False: nothing was written. */
static bool put_sample(struct sampler *s, const struct json *schema)
{
    schema = openapi_resolve(s->o, schema);
    if (!schema || s->depth == SAMPLE_DEPTH_MAX || ++s->nodes > SAMPLE_NODES_MAX)
        return false;
    for (int i = 0; i < s->depth; i++)
        if (s->open[i] == schema)
            return false;
    s->open[s->depth++] = schema;
    bool ok = put_given(s->b, schema) || put_combined(s, schema) || put_typed(s, schema);
    s->depth--;
    return ok;
}

static struct slice example_text(const struct openapi *o, const struct json *example)
{
    struct buf b;

    if (json_type(example) == JSON_STRING)
        return json_str(example);
    buf_init(&b, o->tree->arena);
    json_write(&b, example);
    return buf_slice(&b);
}

/* The example of a media type object, or a sample of its schema, as text. */
static struct slice sample_text(const struct openapi *o, const struct json *media)
{
    struct json_iter several = json_iter(json_get(media, "examples"));
    const struct json *example = json_get(media, "example");
    struct buf b;
    struct sampler sampler = { .o = o, .b = &b };

    if (!example && json_next(&several))
        example = json_get(openapi_resolve(o, several.value), "value");
    if (example)
        return example_text(o, example);
    buf_init(&b, o->tree->arena);
    if (!put_sample(&sampler, json_get(media, "schema")))
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

/* Every named example of a media type object: mock-response may ask for one by its index. Without any the one sample. */
static void put_media(const struct openapi *o, struct buf *b, bool *first, struct slice content_type, const struct json *media)
{
    struct json_iter several = json_iter(json_get(media, "example") ? NULL : json_get(media, "examples"));
    bool any = false;

    while (json_next(&several)) {
        const struct json *value = json_get(openapi_resolve(o, several.value), "value");
        if (value)
            put_representation(b, first, content_type, example_text(o, value));
        any |= value != NULL;
    }
    if (!any)
        put_representation(b, first, content_type, sample_text(o, media));
}

/* OpenAPI 3: content; 2: examples by media type, else the schema as what `produces` says. */
static void put_representations(const struct openapi *o, struct buf *b, const struct json *operation, const struct json *response)
{
    struct json_iter it = json_iter(json_get(response, "content")), examples = json_iter(json_get(response, "examples"));
    bool first = true;

    while (json_next(&it))
        put_media(o, b, &first, it.key, it.value);
    while (json_next(&examples))
        put_representation(b, &first, examples.key, example_text(o, examples.value));
    if (!first || !json_get(response, "schema"))
        return;
    struct json_iter produces = json_iter(json_get(operation, "produces"));
    struct slice type = json_next(&produces) ? json_str(produces.value) : SLICE("application/json");
    put_representation(b, &first, type, sample_text(o, response));
}

/* operationInformation.json: [{"contentType":…,"sample":…, or "examples":{"default":{"value":…}}}]. */
static void put_given_representations(const struct openapi *o, struct buf *b, const struct json *response)
{
    struct json_iter it = json_iter(json_get(response, "representations"));
    bool first = true;

    while (json_next(&it)) {
        struct slice sample = json_str(json_get(it.value, "sample")), type = json_str(json_get(it.value, "contentType"));
        if (sample.p)
            put_representation(b, &first, type, sample);
        else
            put_media(o, b, &first, type, it.value);
    }
}

static void put_response(const struct openapi *o, struct buf *b, bool *first, const struct json *operation, uint64_t status,
                         const struct json *response)
{
    buf_printf(b, "%s{\"statusCode\":%u,\"representations\":[", *first ? "" : ",", (unsigned)status);
    *first = false;
    if (json_get(response, "representations"))
        put_given_representations(o, b, response);
    else
        put_representations(o, b, operation, response);
    buf_puts(b, "]}");
}

void openapi_emit_responses(const struct openapi *o, struct slice operation_id, const struct json *operation)
{
    const struct json *responses = json_get(operation, "responses");
    struct json_iter it = json_iter(responses);
    struct buf b;
    bool first = true;

    buf_init(&b, o->tree->arena);
    buf_puts(&b, "{\"responses\":[");
    while (json_next(&it)) {
        uint64_t status = (uint64_t)json_int(json_get(it.value, "statusCode"), 0);
        if (json_type(responses) == JSON_OBJECT && !slice_to_u64(it.key, STATUS_MAX, &status))
            continue; /* "default", "2XX": no status to answer */
        if (status >= STATUS_MIN && status <= STATUS_MAX)
            put_response(o, &b, &first, operation, status, openapi_resolve(o, it.value));
    }
    buf_puts(&b, "]}");
    if (!first)
        artifact_add_entity(o->tree, "responses", operation_id, buf_slice(&b));
}
