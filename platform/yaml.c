/* YAML to JSON text. libyaml composes the document; we walk its nodes once and write. */
#include "platform/yaml.h"

#include <string.h>
#include <yaml.h>

#include "platform/base/buf.h"

struct writer {
    yaml_document_t *document;
    struct buf out;
    unsigned depth, nodes;
    size_t line; /* newlines written */
    const char *failure;
    yaml_mark_t where;
};

static bool write_node(struct writer *w, const yaml_node_t *node);

static bool fail(struct writer *w, const yaml_node_t *node, const char *why)
{
    w->failure = why;
    w->where = node->start_mark;
    return false;
}

/* Go on at the line where the node stands; after an alias that is behind us. */
static void go_to_line(struct writer *w, const yaml_node_t *node)
{
    for (; w->line < node->start_mark.line; w->line++)
        buf_putc(&w->out, '\n');
}

static struct slice scalar_text(const yaml_node_t *node)
{
    return slice_of(node->data.scalar.value, node->data.scalar.length);
}

static bool is_one_of(struct slice s, const char *const *words, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (slice_eq(s, slice_from(words[i])))
            return true;
    return false;
}

/* A number that JSON can hold as written: [-]digits[.digits][e[+-]digits], no leading zeros. */
static bool is_json_number(struct slice s)
{
    size_t i = 0;

    if (i < s.n && s.p[i] == '-')
        i++;
    size_t whole = i;
    while (i < s.n && ascii_is_digit(s.p[i]))
        i++;
    if (i == whole || (s.p[whole] == '0' && i - whole > 1))
        return false;
    if (i < s.n && s.p[i] == '.') {
        size_t fraction = ++i;
        while (i < s.n && ascii_is_digit(s.p[i]))
            i++;
        if (i == fraction)
            return false;
    }
    if (i < s.n && ascii_lower(s.p[i]) == 'e') {
        i++;
        if (i < s.n && (s.p[i] == '+' || s.p[i] == '-'))
            i++;
        size_t exponent = i;
        while (i < s.n && ascii_is_digit(s.p[i]))
            i++;
        if (i == exponent)
            return false;
    }
    return i == s.n;
}

/* Core schema, YAML 1.2.2 section 10.3.2, as far as JSON can hold the value; the rest stays a string. */
static void write_plain_scalar(struct writer *w, struct slice s)
{
    static const char *const nulls[] = { "", "~", "null", "Null", "NULL" };
    static const char *const trues[] = { "true", "True", "TRUE" };
    static const char *const falses[] = { "false", "False", "FALSE" };

    if (is_one_of(s, nulls, COUNT_OF(nulls)))
        buf_puts(&w->out, "null");
    else if (is_one_of(s, trues, COUNT_OF(trues)))
        buf_puts(&w->out, "true");
    else if (is_one_of(s, falses, COUNT_OF(falses)))
        buf_puts(&w->out, "false");
    else if (is_json_number(s))
        buf_put(&w->out, s);
    else
        buf_put_json(&w->out, s);
}

static void write_scalar(struct writer *w, const yaml_node_t *node)
{
    bool plain = node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    bool tagged_text = node->tag && strcmp((const char *)node->tag, YAML_STR_TAG) == 0;

    /* libyaml tags every scalar without a tag as !!str; only a quoted one is text for certain. */
    if (plain && (tagged_text || !node->tag))
        write_plain_scalar(w, scalar_text(node));
    else
        buf_put_json(&w->out, scalar_text(node));
}

static bool write_sequence(struct writer *w, const yaml_node_t *node)
{
    const yaml_node_item_t *item = node->data.sequence.items.start;

    buf_putc(&w->out, '[');
    for (; item < node->data.sequence.items.top; item++) {
        if (item > node->data.sequence.items.start)
            buf_putc(&w->out, ',');
        if (!write_node(w, yaml_document_get_node(w->document, *item)))
            return false;
    }
    buf_putc(&w->out, ']');
    return true;
}

static bool is_merge_key(const yaml_node_t *key)
{
    return key->type == YAML_SCALAR_NODE && slice_eq(scalar_text(key), SLICE("<<")) &&
           key->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
}

static bool write_members(struct writer *w, const yaml_node_t *node, bool *first);

/* The value of <<: a mapping, or a list of them of which the first that has a key gives it (so it is written last). */
static bool write_merged(struct writer *w, const yaml_node_t *value, bool *first)
{
    if (value->type == YAML_MAPPING_NODE)
        return write_members(w, value, first);
    if (value->type != YAML_SEQUENCE_NODE)
        return fail(w, value, "the value of << must be a mapping or a list of them");
    const yaml_node_item_t *item = value->data.sequence.items.top;
    while (item-- > value->data.sequence.items.start) {
        const yaml_node_t *one = yaml_document_get_node(w->document, *item);
        if (one->type != YAML_MAPPING_NODE)
            return fail(w, one, "the value of << must be a mapping or a list of them");
        if (!write_members(w, one, first))
            return false;
    }
    return true;
}

static bool write_pairs(struct writer *w, const yaml_node_t *node, bool merges, bool *first)
{
    const yaml_node_pair_t *pair = node->data.mapping.pairs.start;

    for (; pair < node->data.mapping.pairs.top; pair++) {
        const yaml_node_t *key = yaml_document_get_node(w->document, pair->key);
        const yaml_node_t *value = yaml_document_get_node(w->document, pair->value);
        if (key->type != YAML_SCALAR_NODE)
            return fail(w, key, "a key must be text");
        if (is_merge_key(key) != merges)
            continue;
        if (merges) {
            if (!write_merged(w, value, first))
                return false;
            continue;
        }
        if (!*first)
            buf_putc(&w->out, ',');
        *first = false;
        go_to_line(w, key);
        buf_put_json(&w->out, scalar_text(key));
        buf_putc(&w->out, ':');
        if (!write_node(w, value))
            return false;
    }
    return true;
}

/* Merged members first: a reader takes the last of duplicate members, so the mapping's own win. */
static bool write_members(struct writer *w, const yaml_node_t *node, bool *first)
{
    if (++w->nodes > YAML_NODES_MAX || ++w->depth > YAML_DEPTH_MAX) /* a mapping merged into itself */
        return fail(w, node, "too many nodes, or nested too deeply (an alias inside its own anchor?)");
    bool ok = write_pairs(w, node, true, first) && write_pairs(w, node, false, first);
    w->depth--;
    return ok;
}

static bool write_mapping(struct writer *w, const yaml_node_t *node)
{
    bool first = true;

    buf_putc(&w->out, '{');
    if (!write_members(w, node, &first))
        return false;
    buf_putc(&w->out, '}');
    return true;
}

static bool write_node(struct writer *w, const yaml_node_t *node)
{
    bool ok = true;

    if (++w->nodes > YAML_NODES_MAX || w->out.n > YAML_BYTES_MAX)
        return fail(w, node, "too large (aliases that repeat each other?)");
    if (++w->depth > YAML_DEPTH_MAX)
        return fail(w, node, "nested too deeply (an alias inside its own anchor?)");
    go_to_line(w, node);
    if (node->type == YAML_SCALAR_NODE)
        write_scalar(w, node);
    else if (node->type == YAML_SEQUENCE_NODE)
        ok = write_sequence(w, node);
    else if (node->type == YAML_MAPPING_NODE)
        ok = write_mapping(w, node);
    w->depth--;
    return ok;
}

static bool at_mark(struct err *err, yaml_mark_t mark, const char *why)
{
    return err_set(err, "line %zu column %zu: %s", mark.line + 1, mark.column + 1, why);
}

/* What libyaml found wrong; of bytes that are no text it knows only the offset. */
static bool parser_problem(struct err *err, const yaml_parser_t *parser, struct slice text)
{
    yaml_mark_t mark = parser->problem_mark;
    const char *why = parser->problem ? parser->problem : "not YAML";

    if (parser->error != YAML_READER_ERROR)
        return at_mark(err, mark, why);
    for (size_t i = 0; i < parser->problem_offset && i < text.n; i++) {
        mark.column = text.p[i] == '\n' ? 0 : mark.column + 1;
        mark.line += text.p[i] == '\n';
    }
    return at_mark(err, mark, why);
}

static bool write_document(struct arena *a, yaml_document_t *document, struct slice *json, struct err *err)
{
    struct writer w = { .document = document };
    const yaml_node_t *root = yaml_document_get_root_node(document);

    buf_init(&w.out, a);
    if (!root)
        buf_puts(&w.out, "null");
    else if (!write_node(&w, root))
        return at_mark(err, w.where, w.failure);
    *json = buf_slice(&w.out);
    return !w.out.failed || err_set(err, "document too large");
}

/* +1 for the beginning of a sequence or mapping, -1 for its end. */
static int nesting(const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_SEQUENCE_START_EVENT:
    case YAML_MAPPING_START_EVENT: return 1;
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT: return -1;
    default: return 0;
    }
}

/* libyaml takes time that grows with the square of the depth (15 s for 100 kB of '['), so the depth is looked at first, event by
 * event. Anything else that is wrong is left to be found by the reading. */
static bool depth_is_bounded(struct slice text, struct err *err)
{
    yaml_parser_t parser;
    yaml_event_t event;
    int depth = 0;
    bool more = true;

    if (!yaml_parser_initialize(&parser))
        return err_set(err, "out of memory");
    yaml_parser_set_input_string(&parser, (const unsigned char *)text.p, text.n);
    while (more && depth <= (int)YAML_DEPTH_MAX && yaml_parser_parse(&parser, &event)) {
        depth += nesting(&event);
        if (depth > (int)YAML_DEPTH_MAX)
            at_mark(err, event.start_mark, "nested too deeply");
        more = event.type != YAML_STREAM_END_EVENT && event.type != YAML_DOCUMENT_END_EVENT;
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
    return depth <= (int)YAML_DEPTH_MAX;
}

bool yaml_to_json(struct arena *a, struct slice text, struct slice *json, struct err *err)
{
    yaml_parser_t parser;
    yaml_document_t document;

    if (!depth_is_bounded(text, err))
        return false;
    if (!yaml_parser_initialize(&parser))
        return err_set(err, "out of memory");
    yaml_parser_set_input_string(&parser, (const unsigned char *)text.p, text.n);
    bool ok = yaml_parser_load(&parser, &document);
    if (!ok) {
        parser_problem(err, &parser, text);
    } else {
        ok = write_document(a, &document, json, err);
        yaml_document_delete(&document);
    }
    yaml_parser_delete(&parser);
    return ok;
}
