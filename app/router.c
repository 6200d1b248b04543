/* Routing. Priorities of reference/gateway.md 2.2: literal segment, then segment with literal parts, then {parameter}, then *;
 * an exact method before "*"; more query parameters before fewer. A branch that ends without the method is left again.
 *
 * Invariants
 * 1. Paths are split on "/" as written; "%2F" is no separator.
 * 2. What an escape stands for counts, not how it is written: "/%61dmin" is "/admin", so that nobody gets past the policies of
 *    an operation to the one that takes the rest. Parameters are given as written.
 * 3. Slashes at the end of a path change neither API nor operation. */
#include "app/router.h"

#include <stdlib.h>
#include <string.h>

#include "app/url.h"
#include "policy/uri.h"

/* One operation that ends at a node. */
struct terminal {
    struct slice method; /* "*": any */
    const struct operation *operation;
    struct slice parameters[ROUTE_PARAMETERS_MAX]; /* names along the path, in order */
    unsigned n_parameters;
    struct query_rule *rules;
    unsigned n_rules;
    struct terminal *next;
};

/* name={parameter} or name=literal in a template's query part. */
struct query_rule {
    struct slice name, literal, parameter;
    struct query_rule *next;
};

/* "v{a}-{b}": literals and parameters in turn; literals[i], decoded, stands before parameter i, the last one behind. */
struct segment_pattern {
    struct slice literals[ROUTE_PARTS_MAX];
    unsigned n_parameters;
    struct route_node *node;
    struct segment_pattern *next;
};

struct route_node {
    struct map literals; /* segment, any case -> struct route_node */
    struct segment_pattern *patterns;
    struct route_node *parameter;
    struct terminal *ends;
    struct terminal *wildcards; /* templates whose last segment here is * */
};

/* ---- building ---- */

static struct route_node *new_node(struct arena *a)
{
    struct route_node *node = arena_new(a, struct route_node);

    if (node)
        map_init_icase(&node->literals, a);
    return node;
}

void route_table_init(struct route_table *t, struct arena *a)
{
    t->arena = a;
    t->twin = NULL;
    t->root = new_node(a);
}

struct builder {
    struct route_table *table;
    struct terminal *end;
    struct slice template;
    struct err *err;
};

static bool wrong(struct builder *b, const char *why)
{
    return err_set(b->err, "urlTemplate \"%.*s\": %s", SLICE_ARG(b->template), why);
}

static bool spell(struct builder *b, struct slice *text)
{
    *text = url_spelled(b->table->arena, *text);
    if (text->p && text->n <= ROUTE_TEXT_MAX)
        return true;
    return wrong(b, text->p ? "a text of more than 1000 bytes" : "too large");
}

static bool name_parameter(struct builder *b, struct slice name)
{
    struct terminal *end = b->end;

    if (!name.n)
        return wrong(b, "a parameter needs a name");
    for (unsigned i = 0; i < end->n_parameters; i++)
        if (slice_eq_icase(end->parameters[i], name))
            return wrong(b, "a parameter stands twice");
    if (end->n_parameters == ROUTE_PARAMETERS_MAX)
        return wrong(b, "more than 32 parameters");
    end->parameters[end->n_parameters++] = name;
    return true;
}

/* segment = *( literal / "{" name "}" ) */
static bool parse_segment(struct builder *b, struct slice segment, struct segment_pattern *pattern)
{
    memset(pattern, 0, sizeof *pattern);
    for (;;) {
        ptrdiff_t open = slice_find_byte(segment, '{');
        struct slice literal = open < 0 ? segment : slice_first(segment, (size_t)open);
        if (slice_find_byte(literal, '}') >= 0)
            return wrong(b, "a } without its {");
        if (!spell(b, &literal))
            return false;
        pattern->literals[pattern->n_parameters] = literal;
        if (open < 0)
            return true;
        segment = slice_skip(segment, (size_t)open + 1);
        ptrdiff_t close = slice_find_byte(segment, '}');
        if (close < 0)
            return wrong(b, "a { without its }");
        if (pattern->n_parameters + 1 == ROUTE_PARTS_MAX)
            return wrong(b, "too many parameters in one segment");
        if (!name_parameter(b, slice_first(segment, (size_t)close)))
            return false;
        pattern->n_parameters++;
        segment = slice_skip(segment, (size_t)close + 1);
    }
}

static bool is_whole_parameter(const struct segment_pattern *p)
{
    return p->n_parameters == 1 && !p->literals[0].n && !p->literals[1].n;
}

static bool same_pattern(const struct segment_pattern *a, const struct segment_pattern *b)
{
    if (a->n_parameters != b->n_parameters)
        return false;
    for (unsigned i = 0; i <= a->n_parameters; i++)
        if (!slice_eq_icase(a->literals[i], b->literals[i]))
            return false;
    return true;
}

static size_t literal_bytes(const struct segment_pattern *p)
{
    size_t n = 0;

    for (unsigned i = 0; i <= p->n_parameters; i++)
        n += p->literals[i].n;
    return n;
}

/* Most literal text first; what is left is decided by the texts, so that the order of definition means nothing. */
static bool comes_before(const struct segment_pattern *a, const struct segment_pattern *b)
{
    if (literal_bytes(a) != literal_bytes(b))
        return literal_bytes(a) > literal_bytes(b);
    if (a->n_parameters != b->n_parameters)
        return a->n_parameters < b->n_parameters;
    for (unsigned i = 0; i <= a->n_parameters; i++) {
        int order = slice_cmp(a->literals[i], b->literals[i]);
        if (order)
            return order < 0;
    }
    return false;
}

/* The child of node for a pattern. */
static struct route_node *pattern_child(struct builder *b, struct route_node *node, const struct segment_pattern *pattern)
{
    struct segment_pattern **at = &node->patterns;

    for (struct segment_pattern *p = node->patterns; p; p = p->next)
        if (same_pattern(p, pattern))
            return p->node;
    while (*at && !comes_before(pattern, *at))
        at = &(*at)->next;
    struct segment_pattern *added = arena_new(b->table->arena, struct segment_pattern);
    if (!added)
        return NULL;
    *added = *pattern;
    added->node = new_node(b->table->arena);
    added->next = *at;
    *at = added;
    return added->node;
}

static struct route_node *child_for(struct builder *b, struct route_node *node, struct slice segment)
{
    struct segment_pattern pattern;
    struct arena *a = b->table->arena;

    if (!parse_segment(b, segment, &pattern))
        return NULL;
    if (is_whole_parameter(&pattern)) {
        if (!node->parameter)
            node->parameter = new_node(a);
        return node->parameter;
    }
    if (pattern.n_parameters)
        return pattern_child(b, node, &pattern);
    struct route_node *child = map_get(&node->literals, pattern.literals[0]);
    if (!child && (child = new_node(a)) && !map_put(&node->literals, pattern.literals[0], child))
        return NULL;
    return child;
}

static bool is_wildcard(struct slice segment)
{
    return slice_eq(segment, SLICE("*")) ||
           (slice_starts(segment, SLICE("{*")) && slice_ends(segment, SLICE("}")) && segment.n > 3);
}

/* query = rule *( "&" rule ); rule = name [ "=" ( "{" parameter "}" / literal ) ] */
static bool parse_query(struct builder *b, struct slice query)
{
    struct query_rule **last = &b->end->rules;
    struct slice part;

    while (slice_cut(&query, '&', &part)) {
        if (!part.n)
            continue;
        struct query_rule *rule = arena_new(b->table->arena, struct query_rule);
        if (!rule)
            return wrong(b, "too large");
        ptrdiff_t eq = slice_find_byte(part, '=');
        rule->name = uri_unescape(b->table->arena, eq < 0 ? part : slice_first(part, (size_t)eq));
        struct slice value = eq < 0 ? SLICE_NONE : slice_skip(part, (size_t)eq + 1);
        if (value.n > 2 && value.p[0] == '{' && value.p[value.n - 1] == '}')
            rule->parameter = slice_sub(value, 1, value.n - 1);
        else
            rule->literal = uri_unescape(b->table->arena, value);
        if (rule->parameter.n && ++b->end->n_rules + b->end->n_parameters > ROUTE_PARAMETERS_MAX)
            return wrong(b, "more than 32 parameters");
        *last = rule;
        last = &rule->next;
    }
    return true;
}

static struct slice without_end_slash(struct slice path)
{
    while (path.n && path.p[path.n - 1] == '/')
        path.n--;
    return path;
}

static bool has_rule(const struct terminal *end, const struct query_rule *wanted)
{
    for (const struct query_rule *r = end->rules; r; r = r->next)
        if (slice_eq_icase(r->name, wanted->name) && slice_eq(r->literal, wanted->literal))
            return true;
    return false;
}

static bool has_rules_of(const struct terminal *end, const struct terminal *other)
{
    for (const struct query_rule *r = other->rules; r; r = r->next)
        if (!has_rule(end, r))
            return false;
    return true;
}

static bool are_twins(const struct terminal *a, const struct terminal *b)
{
    return slice_eq(a->method, b->method) && has_rules_of(a, b) && has_rules_of(b, a);
}

static void push_terminal(struct route_table *t, struct terminal **list, struct terminal *end)
{
    for (; *list; list = &(*list)->next)
        if (!t->twin && are_twins(*list, end))
            t->twin = (*list)->operation;
    *list = end;
}

static bool add_path(struct builder *b, struct slice path)
{
    struct route_node *node = b->table->root;
    struct slice segment;
    unsigned depth = 0;

    if (path.n && path.p[0] == '/')
        path = slice_skip(path, 1);
    path = without_end_slash(path);
    while (path.n && slice_cut(&path, '/', &segment)) {
        if (++depth > ROUTE_SEGMENTS_MAX)
            return wrong(b, "more than 64 segments");
        if (is_wildcard(segment)) {
            if (path.n)
                return wrong(b, "* may stand only at the end");
            struct slice name = segment.n > 1 ? slice_sub(segment, 2, segment.n - 1) : segment;
            if (!name_parameter(b, name))
                return false;
            push_terminal(b->table, &node->wildcards, b->end);
            return true;
        }
        node = child_for(b, node, segment);
        if (!node)
            return b->err->text[0] ? false : wrong(b, "too large");
    }
    push_terminal(b->table, &node->ends, b->end);
    return true;
}

/* Also across path and query. */
static bool has_twins(const struct terminal *end)
{
    for (const struct query_rule *r = end->rules; r; r = r->next) {
        for (unsigned i = 0; i < end->n_parameters; i++)
            if (r->parameter.n && slice_eq_icase(r->parameter, end->parameters[i]))
                return true;
        for (const struct query_rule *other = r->next; other; other = other->next)
            if (r->parameter.n && slice_eq_icase(r->parameter, other->parameter))
                return true;
    }
    return false;
}

bool route_table_add(struct route_table *t, struct slice method, struct slice url_template, const struct operation *operation,
                     struct err *err)
{
    struct builder b = { t, arena_new(t->arena, struct terminal), url_template, err };
    ptrdiff_t query = slice_find_byte(url_template, '?');

    err->text[0] = 0;
    t->twin = NULL;
    if (!b.end || !t->root)
        return wrong(&b, "too large");
    b.end->method = method;
    b.end->operation = operation;
    if (query >= 0 && !parse_query(&b, slice_skip(url_template, (size_t)query + 1)))
        return false;
    return add_path(&b, query < 0 ? url_template : slice_first(url_template, (size_t)query)) &&
           (!has_twins(b.end) || wrong(&b, "a parameter stands twice"));
}

/* ---- matching ---- */

struct walk {
    struct slice method, query;
    struct slice values[ROUTE_PARAMETERS_MAX];
    unsigned n_values;
    struct route_match *match;
};

static bool rules_hold(const struct terminal *end, struct slice query)
{
    for (const struct query_rule *r = end->rules; r; r = r->next) {
        struct slice value = url_query_get(query, r->name);
        if (!value.p || (r->literal.n && !url_value_is(value, r->literal)))
            return false;
    }
    return true;
}

/* How much of the query an operation asks for: each parameter, and a value of its own over any value. */
static unsigned query_weight(const struct terminal *end)
{
    unsigned n = 0;

    for (const struct query_rule *r = end->rules; r; r = r->next)
        n += ROUTE_PARAMETERS_MAX + (r->literal.n > 0);
    return n;
}

static bool is_any_method(const struct terminal *end)
{
    return slice_eq(end->method, SLICE("*"));
}

/* Better: more of the query, then an exact method. */
static bool is_better(const struct terminal *a, const struct terminal *b)
{
    if (!b)
        return true;
    if (query_weight(a) != query_weight(b))
        return query_weight(a) > query_weight(b);
    return is_any_method(b) && !is_any_method(a);
}

static bool take_best(struct walk *w, const struct terminal *ends)
{
    const struct terminal *best = NULL;
    struct route_match *m = w->match;

    for (const struct terminal *t = ends; t; t = t->next)
        if ((is_any_method(t) || slice_eq(t->method, w->method)) && rules_hold(t, w->query) && is_better(t, best))
            best = t;
    if (!best)
        return false;
    m->operation = best->operation;
    m->n_parameters = 0;
    for (unsigned i = 0; i < best->n_parameters; i++)
        m->parameters[m->n_parameters++] = (struct route_parameter){ best->parameters[i], w->values[i], false };
    for (const struct query_rule *r = best->rules; r; r = r->next)
        if (r->parameter.n)
            m->parameters[m->n_parameters++] = (struct route_parameter){ r->parameter, url_query_get(w->query, r->name), true };
    return true;
}

/* Where literal begins in segment, behind one character at least, and where what follows it does. at_end: it must end the
 * segment. */
static bool find_literal(struct slice segment, struct slice literal, bool at_end, size_t *at, size_t *behind)
{
    for (size_t i = 0; i < segment.n;) {
        uri_next(segment, &i, false);
        size_t n = url_spells(slice_skip(segment, i), literal);
        if (n == URL_OTHER || (at_end && i + n != segment.n))
            continue;
        *at = i;
        *behind = i + n;
        return true;
    }
    return false;
}

/* The leftmost place for each literal leaves the most for those behind it: if there is a match this finds one. */
static bool match_pattern(struct walk *w, const struct segment_pattern *p, struct slice segment)
{
    unsigned first = w->n_values;
    size_t at, behind = url_spells(segment, p->literals[0]);

    if (behind == URL_OTHER)
        return false;
    segment = slice_skip(segment, behind);
    for (unsigned i = 1; i <= p->n_parameters; i++) {
        if (w->n_values == ROUTE_PARAMETERS_MAX ||
            !find_literal(segment, p->literals[i], i == p->n_parameters, &at, &behind)) {
            w->n_values = first;
            return false;
        }
        w->values[w->n_values++] = slice_first(segment, at);
        segment = slice_skip(segment, behind);
    }
    return true;
}

/* The value of the key that an encoded text spells. */
static void *get_spelled(const struct map *m, struct slice text)
{
    char spelled[ROUTE_TEXT_MAX];
    size_t n;

    if (LIKELY(slice_find_byte(text, '%') < 0))
        return map_get(m, text);
    return url_spell(text, spelled, sizeof spelled, &n) ? map_get(m, slice_of(spelled, n)) : NULL;
}

static bool is_only_slashes(struct slice path)
{
    for (size_t i = 0; i < path.n; i++)
        if (path.p[i] != '/')
            return false;
    return true;
}

static bool descend(struct walk *w, const struct route_node *node, struct slice path, unsigned depth);

static bool try_child(struct walk *w, const struct route_node *child, struct slice rest, unsigned values, unsigned depth)
{
    if (child && descend(w, child, rest, depth + 1))
        return true;
    w->n_values = values;
    return false;
}

static bool try_wildcard(struct walk *w, const struct route_node *node, struct slice path)
{
    if (!node->wildcards || w->n_values == ROUTE_PARAMETERS_MAX)
        return false;
    w->values[w->n_values++] = path;
    if (take_best(w, node->wildcards))
        return true;
    w->n_values--;
    return false;
}

/* path: the segments that are left, without a leading slash; p == NULL when none is. */
static bool descend(struct walk *w, const struct route_node *node, struct slice path, unsigned depth)
{
    struct slice rest = path, segment;
    unsigned values = w->n_values;

    if (depth > ROUTE_SEGMENTS_MAX)
        return false;
    if (is_only_slashes(path) && take_best(w, node->ends))
        return true;
    if (!slice_cut(&rest, '/', &segment))
        return try_wildcard(w, node, SLICE(""));
    if (try_child(w, get_spelled(&node->literals, segment), rest, values, depth))
        return true;
    for (const struct segment_pattern *p = node->patterns; p; p = p->next)
        if (match_pattern(w, p, segment) && try_child(w, p->node, rest, values, depth))
            return true;
    if (node->parameter && segment.n && w->n_values < ROUTE_PARAMETERS_MAX) {
        w->values[w->n_values++] = segment;
        if (try_child(w, node->parameter, rest, values, depth))
            return true;
    }
    return try_wildcard(w, node, path);
}

bool route_table_match(const struct route_table *t, struct slice method, struct slice rest, struct slice query,
                       struct route_match *match)
{
    struct walk w = { .method = method, .query = query, .match = match };
    struct slice path = rest.n && rest.p[0] == '/' ? slice_skip(rest, 1) : rest;

    match->operation = NULL;
    match->n_parameters = 0;
    if (!t->root)
        return false;
    return descend(&w, t->root, path.n ? path : SLICE_NONE, 0);
}

/* ---- API paths ---- */

void api_paths_init(struct api_paths *p, struct arena *a)
{
    memset(p, 0, sizeof *p);
    map_init_icase(&p->groups, a);
    p->arena = a;
}

static struct slice trim_slashes(struct slice path)
{
    while (path.n && path.p[0] == '/')
        path = slice_skip(path, 1);
    return without_end_slash(path);
}

static unsigned segment_count(struct slice path)
{
    unsigned n = path.n ? 1 : 0;

    for (size_t i = 0; i < path.n; i++)
        n += path.p[i] == '/';
    return n;
}

/* A revision of the API with path "" takes a segment, too. */
static void note_depth(struct api_paths *p, struct slice path)
{
    unsigned depth = path.n ? segment_count(path) : 1;

    if (depth > p->deepest)
        p->deepest = depth;
}

static struct api_group *group_at(struct api_paths *p, struct slice path, struct err *err)
{
    struct api_group *g = map_get(&p->groups, path);

    if (g)
        return g;
    g = arena_new(p->arena, struct api_group);
    if (!path.p || !g || !map_put(&p->groups, path, g)) {
        err_set(err, "too many APIs");
        return NULL;
    }
    note_depth(p, path);
    return g;
}

bool api_paths_claim(struct api_paths *p, struct slice path, struct err *err)
{
    return group_at(p, url_spelled(p->arena, trim_slashes(path)), err) != NULL;
}

static struct api_version *find_version(const struct api_group *g, struct slice version)
{
    for (struct api_version *v = g->versions; v; v = v->next)
        if (slice_eq_icase(v->version, version))
            return v;
    return NULL;
}

static struct api_version *find_encoded_version(const struct api_group *g, struct slice encoded)
{
    for (struct api_version *v = g->versions; v; v = v->next)
        if (uri_name_is(encoded, v->version))
            return v;
    return NULL;
}

bool api_paths_add(struct api_paths *p, struct slice path, enum version_scheme scheme, struct slice parameter, struct slice version,
                   uint32_t revision, bool current, const struct api *api, struct slice api_id, struct err *err)
{
    path = url_spelled(p->arena, trim_slashes(path));
    struct api_revision *r = arena_new(p->arena, struct api_revision);
    struct api_group *g = group_at(p, path, err);

    if (!g)
        return false;
    if (path.n > ROUTE_TEXT_MAX)
        return err_set(err, "api %.*s: path: more than %u bytes", SLICE_ARG(api_id), ROUTE_TEXT_MAX);
    if (scheme != VERSION_NONE) {
        g->scheme = scheme;
        g->parameter = parameter;
    }
    struct api_version *v = find_version(g, version);
    if (!v) {
        v = arena_new(p->arena, struct api_version);
        if (!v || !r)
            return err_set(err, "too many APIs");
        v->version = version;
        v->next = g->versions;
        g->versions = v;
    }
    for (const struct api_revision *other = v->revisions; other; other = other->next)
        if (other->number == revision || (other->current && current))
            return err_set(err, "api %.*s: path \"%.*s\" is taken by another API", SLICE_ARG(api_id), SLICE_ARG(path));
    *r = (struct api_revision){ revision, current, api, v->revisions };
    v->revisions = r;
    return true;
}

static const struct api_revision *find_revision(const struct api_version *v, bool asked, uint64_t number)
{
    for (const struct api_revision *r = v->revisions; r; r = r->next)
        if (asked ? r->number == number : r->current)
            return r;
    return NULL;
}

static bool match_group(const struct api_group *g, struct slice query, struct slice (*header)(const void *, struct slice),
                        const void *arg, bool revision_asked, uint64_t revision, struct api_match *match)
{
    const struct api_version *v = g->scheme == VERSION_QUERY    ? find_encoded_version(g, url_query_get(query, g->parameter))
                                  : g->scheme == VERSION_HEADER ? find_version(g, header(arg, g->parameter))
                                                                : find_version(g, SLICE(""));
    const struct api_revision *r = v ? find_revision(v, revision_asked, revision) : NULL;
    match->missing = !v ? "the API has no such version" : "the API has no such revision";
    match->api = r ? r->api : NULL;
    return r != NULL;
}

/* Cut ";rev=N" off the end of a path prefix. */
static bool cut_revision(struct slice *prefix, uint64_t *revision)
{
    ptrdiff_t at = slice_rfind_byte(*prefix, ';');

    if (at < 0 || !slice_starts_icase(slice_skip(*prefix, (size_t)at), SLICE(";rev=")) ||
        !slice_to_u64(slice_skip(*prefix, (size_t)at + 5), UINT32_MAX, revision))
        return false;
    *prefix = slice_first(*prefix, (size_t)at);
    return true;
}

bool api_paths_match(const struct api_paths *p, struct slice path, struct slice query,
                     struct slice (*header)(const void *arg, struct slice name), const void *arg, struct api_match *match)
{
    size_t ends[ROUTE_SEGMENTS_MAX + 1];
    unsigned n = 0;

    match->missing = "no API has this path";
    if (!slice_starts(path, SLICE("/")))
        return false; /* OPTIONS * */
    ends[n++] = 0;
    for (size_t i = 2; i <= path.n && n <= p->deepest && n <= ROUTE_SEGMENTS_MAX; i++)
        if (i == path.n || path.p[i] == '/')
            ends[n++] = i;
    while (n-- > 0) {
        struct slice prefix = slice_skip(slice_first(path, ends[n]), 1);
        uint64_t revision = 0;
        bool asked = cut_revision(&prefix, &revision);
        const struct api_group *g = get_spelled(&p->groups, prefix);
        match->consumed = ends[n];
        if (g)
            return match_group(g, query, header, arg, asked, revision, match);
    }
    return false;
}
