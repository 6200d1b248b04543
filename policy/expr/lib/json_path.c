/* JSONPath as Newtonsoft reads it (JPath): fields, wildcards, recursive descent, slices, unions, filters.
 *
 *   path    = [ "$" ] *( "." name / ".." name / indexer )
 *   indexer = "[" ( quoted *("," quoted) / index *("," index) / slice / "*" / "?(" query ")" ) "]"
 *   query   = side [ operator side ] *( ("&&" / "||") side [ operator side ] )                          */
#include <stdlib.h>

#include "policy/expr/format.h"
#include "policy/expr/lib/json.h"
#include "policy/expr/lib/lib.h"

#define QUERY_DEPTH_MAX 16

enum step_op { STEP_ROOT, STEP_FIELD, STEP_FIELDS, STEP_SCAN, STEP_SCAN_FIELDS, STEP_INDEX, STEP_INDEXES, STEP_ALL, STEP_SLICE, STEP_QUERY, STEP_SCAN_QUERY };
enum query_op { Q_EXISTS, Q_EQ, Q_NE, Q_LT, Q_LE, Q_GT, Q_GE, Q_MATCH, Q_SAME, Q_NOT_SAME, Q_AND, Q_OR };

struct query;
struct step {
    struct step *next;
    enum step_op op;
    struct slice name;            /* p == NULL: any */
    struct list_object *many;     /* names or indexes */
    bool has[3];
    int32_t number[3];            /* index; or start, end, step */
    const struct query *query;
};

struct side {
    const struct step *path; /* steps; a path may be empty: is_path */
    bool is_path;
    struct jtoken *value;
};

struct query {
    enum query_op op;
    struct side left, right;
    struct query *first, *next; /* And, Or: the parts */
    struct query **link;
};

struct reader {
    struct vm *vm;
    struct slice s;
    size_t at;
    unsigned depth;
};

static void *fail(struct reader *r, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void *fail(struct reader *r, const char *fmt, ...)
{
    struct slice text;
    va_list args;

    va_start(args, fmt);
    text = arena_vprintf(r->vm->arena, fmt, args);
    va_end(args);
    if (!r->vm->thrown)
        vm_throw(r->vm, TYPE_JSONEXCEPTION, "%.*s", SLICE_ARG(text));
    return NULL;
}

static char at(const struct reader *r)
{
    return r->at < r->s.n ? r->s.p[r->at] : '\0';
}

static bool more(const struct reader *r)
{
    return r->at < r->s.n;
}

static void eat_space(struct reader *r)
{
    while (at(r) == ' ' && more(r))
        r->at++;
}

static bool need(struct reader *r, const char *message)
{
    return more(r) || fail(r, "%s", message) != NULL;
}

static struct step *add(struct reader *r, struct step ***link, enum step_op op)
{
    struct step *s = vm_new(r->vm, struct step);

    if (!s)
        return NULL;
    s->op = op;
    **link = s;
    *link = &s->next;
    return s;
}

static bool add_field(struct reader *r, struct step ***link, size_t from, bool scan)
{
    struct slice name = slice_trim(slice_sub(r->s, from, r->at));
    struct step *s = add(r, link, scan ? STEP_SCAN : STEP_FIELD);

    if (s && !slice_eq(name, SLICE("*")))
        s->name = name.p ? name : SLICE("");
    return s != NULL;
}

/* '...' with escapes */
static bool read_quoted(struct reader *r, struct slice *out)
{
    static const char from[] = "btnfr\\'\"/", to[] = "\b\t\n\f\r\\'\"/";
    struct buf b;

    buf_init(&b, r->vm->arena);
    for (r->at++; more(r) && at(r) != '\''; r->at++) {
        if (at(r) == '\\') {
            const char *p;

            r->at++;
            p = at(r) ? strchr(from, at(r)) : NULL;
            if (more(r) && !p)
                return fail(r, "Unknown escape character: \\%c", at(r)) != NULL;
            if (!more(r))
                break;
            buf_putc(&b, to[p - from]);
        } else {
            buf_putc(&b, at(r));
        }
    }
    if (!more(r))
        return fail(r, "Path ended with an open string.") != NULL;
    r->at++;
    *out = b.n ? buf_slice(&b) : SLICE("");
    return !b.failed;
}

static bool bad_index(struct reader *r, char c)
{
    return fail(r, "Unexpected character while parsing path indexer: %c", c) != NULL;
}

static bool read_fields(struct reader *r, struct step ***link, char close, bool scan)
{
    struct list_object *many = list_make(r->vm, &type_list_object, 0);
    struct slice name = { 0 };
    struct step *s;

    while (many && more(r)) {
        if (at(r) != '\'')
            return bad_index(r, at(r));
        if (!read_quoted(r, &name) || !list_append(r->vm, many, text_value(name)))
            return false;
        eat_space(r);
        if (!need(r, "Path ended with open indexer."))
            return false;
        if (at(r) == close) {
            s = add(r, link, many->n > 1 ? (scan ? STEP_SCAN_FIELDS : STEP_FIELDS) : scan ? STEP_SCAN : STEP_FIELD);
            if (s) {
                s->name = name;
                s->many = many;
            }
            return s != NULL;
        }
        if (at(r) != ',')
            return bad_index(r, at(r));
        r->at++;
        eat_space(r);
    }
    return need(r, "Path ended with open indexer.");
}

/* The digits [from, to) as a number; *has tells whether there are any. */
static bool read_int(struct reader *r, size_t from, size_t to, bool *has, int32_t *out)
{
    struct slice s = slice_sub(r->s, from, to);
    char text[16];
    char *stop;
    long v;

    *has = s.n > 0;
    if (!*has)
        return true;
    if (s.n >= sizeof text) {
        vm_throw(r->vm, TYPE_OVERFLOWEXCEPTION, "Value was either too large or too small for an Int32.");
        return false;
    }
    memcpy(text, s.p, s.n);
    text[s.n] = 0;
    v = strtol(text, &stop, 10);
    if (*stop || stop == text)
        vm_throw(r->vm, TYPE_FORMATEXCEPTION, "The input string '%s' was not in a correct format.", text);
    else if (v > INT32_MAX || v < INT32_MIN)
        vm_throw(r->vm, TYPE_OVERFLOWEXCEPTION, "Value was either too large or too small for an Int32.");
    *out = (int32_t)v;
    return !r->vm->thrown;
}

static bool close_index(struct reader *r, struct step ***link, struct list_object *many, struct step *slice, unsigned colons, bool has, int32_t v)
{
    struct step *s;

    if (colons) {
        if (has && colons < 3) {
            slice->has[colons] = true;
            slice->number[colons] = v;
        }
        s = add(r, link, STEP_SLICE);
        if (s) {
            memcpy(s->has, slice->has, sizeof s->has);
            memcpy(s->number, slice->number, sizeof s->number);
        }
        return s != NULL;
    }
    if (!has)
        return fail(r, "Array index expected.") != NULL;
    if (many && !list_append(r->vm, many, val_int(v)))
        return false;
    s = add(r, link, many ? STEP_INDEXES : STEP_INDEX);
    if (!s)
        return false;
    s->many = many;
    s->number[0] = v;
    return true;
}

static bool read_index(struct reader *r, struct step ***link, char close)
{
    struct step slice = { 0 };
    struct list_object *many = NULL;
    size_t start = r->at, end = SIZE_MAX;
    unsigned colons = 0;
    bool has;
    int32_t v = 0;

    while (more(r)) {
        char c = at(r);

        if (c == ' ') {
            end = r->at;
            eat_space(r);
        } else if (c == close || c == ',' || c == ':') {
            if (!read_int(r, start, end == SIZE_MAX ? r->at : end, &has, &v))
                return false;
            if (c == close)
                return close_index(r, link, many, &slice, colons, has, v);
            if (c == ',' && !has)
                return fail(r, "Array index expected.") != NULL;
            if (c == ',' && ((!many && !(many = list_make(r->vm, &type_list_object, 0))) || !list_append(r->vm, many, val_int(v))))
                return false;
            if (c == ':' && has && colons < 3) {
                slice.has[colons] = true;
                slice.number[colons] = v;
            }
            colons += c == ':';
            r->at++;
            eat_space(r);
            start = r->at;
            end = SIZE_MAX;
        } else if (c == '*') {
            r->at++;
            eat_space(r);
            if (!need(r, "Path ended with open indexer."))
                return false;
            return at(r) == close ? add(r, link, STEP_ALL) != NULL : bad_index(r, c);
        } else if ((!ascii_is_digit(c) && c != '-') || end != SIZE_MAX) {
            return bad_index(r, c);
        } else {
            r->at++;
        }
    }
    return need(r, "Path ended with open indexer.");
}

static struct query *read_query(struct reader *r);

static bool read_filter(struct reader *r, struct step ***link, char close, bool scan)
{
    struct step *s;
    struct query *q;

    r->at++;
    if (!need(r, "Path ended with open indexer."))
        return false;
    if (at(r) != '(')
        return bad_index(r, at(r));
    r->at++;
    q = read_query(r);
    if (!q)
        return false;
    r->at++;
    eat_space(r);
    if (!need(r, "Path ended with open indexer."))
        return false;
    if (at(r) != close)
        return bad_index(r, at(r));
    s = add(r, link, scan ? STEP_SCAN_QUERY : STEP_QUERY);
    if (s)
        s->query = q;
    return s != NULL;
}

static bool read_indexer(struct reader *r, struct step ***link, bool scan)
{
    char close = at(r) == '[' ? ']' : ')';

    r->at++;
    eat_space(r);
    if (!need(r, "Path ended with open indexer."))
        return false;
    if (at(r) == '\'')
        return read_fields(r, link, close, scan);
    return at(r) == '?' ? read_filter(r, link, close, scan) : read_index(r, link, close);
}

/* Steps from `start` on, up to the end of the path or, in a query, of the side. */
static bool read_path(struct reader *r, struct step ***link, size_t start, bool query)
{
    bool scan = false, indexed = false, dotted = false;

    while (more(r)) {
        char c = at(r);

        if (c == '[' || c == '(') {
            if (r->at > start) {
                if (!add_field(r, link, start, scan))
                    return false;
                scan = false;
            }
            if (!read_indexer(r, link, scan))
                return false;
            r->at++;
            start = r->at;
            scan = dotted = false;
            indexed = true;
        } else if (c == ']' || c == ')' || c == ' ') {
            break;
        } else if (c == '.') {
            if (r->at > start) {
                if (!add_field(r, link, start, scan))
                    return false;
                scan = false;
            }
            if (r->at + 1 < r->s.n && r->s.p[r->at + 1] == '.') {
                scan = true;
                r->at++;
            }
            start = ++r->at;
            indexed = false;
            dotted = true;
        } else if (query && strchr("=<!>|&", c)) {
            break;
        } else if (indexed) {
            return fail(r, "Unexpected character following indexer: %c", c) != NULL;
        } else {
            r->at++;
        }
    }
    if (r->at > start)
        return add_field(r, link, start, scan);
    return !dotted || (more(r) && !query) || fail(r, "Unexpected end while parsing path.") != NULL;
}

/* ---- queries ---- */

static bool match(struct reader *r, const char *word)
{
    if (!slice_starts(slice_skip(r->s, r->at), slice_from(word)))
        return false;
    r->at += strlen(word);
    return true;
}

static bool bad_query(struct reader *r)
{
    return fail(r, "Unexpected character while parsing path query: %c", at(r)) != NULL;
}

/* "/pattern/options" as it stands. */
static bool read_regex(struct reader *r, struct expr_value *out)
{
    size_t from = r->at;

    for (r->at++; more(r); r->at++) {
        if (at(r) == '\\' && r->at + 1 < r->s.n) {
            r->at++;
        } else if (at(r) == '/') {
            for (r->at++; ascii_is_alpha(at(r));)
                r->at++;
            *out = text_value(slice_sub(r->s, from, r->at));
            return true;
        }
    }
    return fail(r, "Path ended with an open regex.") != NULL;
}

static bool read_number(struct reader *r, struct expr_value *out)
{
    size_t from = r->at;
    char *text, *stop;
    bool real = false;

    while (more(r) && at(r) != ' ' && at(r) != ')') {
        real |= strchr(".eE", at(r)) != NULL;
        r->at++;
    }
    text = arena_cstr(r->vm->arena, slice_sub(r->s, from, r->at));
    if (!text)
        return false;
    *out = real ? val_double(strtod(text, &stop)) : val_long(strtoll(text, &stop, 10));
    return *stop == 0 || fail(r, "Could not read query value.") != NULL;
}

static bool read_side(struct reader *r, struct side *out)
{
    struct expr_value v = { 0 };
    struct slice text;
    struct step *path = NULL, **link = &path;

    eat_space(r);
    if (!need(r, "Path ended with open query."))
        return false;
    if (at(r) == '$' || at(r) == '@') {
        if (at(r) == '$' && !add(r, &link, STEP_ROOT))
            return false;
        r->at++;
        if (!read_path(r, &link, r->at, true))
            return false;
        out->path = path;
        out->is_path = true;
    } else {
        if (at(r) == '\'') {
            if (!read_quoted(r, &text))
                return false;
            v = text_value(text);
        } else if (ascii_is_digit(at(r)) || at(r) == '-') {
            if (!read_number(r, &v))
                return false;
        } else if (at(r) == '/') {
            if (!read_regex(r, &v))
                return false;
        } else if (match(r, "true")) {
            v = val_bool(true);
        } else if (match(r, "false")) {
            v = val_bool(false);
        } else if (!match(r, "null")) {
            return bad_query(r);
        }
        out->value = json_value(r->vm, v);
    }
    eat_space(r);
    return need(r, "Path ended with open query.");
}

static bool read_operator(struct reader *r, enum query_op *out)
{
    static const struct { const char *text; enum query_op op; } known[] = {
        { "===", Q_SAME }, { "==", Q_EQ }, { "=~", Q_MATCH }, { "!==", Q_NOT_SAME }, { "!=", Q_NE }, { "<>", Q_NE },
        { "<=", Q_LE }, { "<", Q_LT }, { ">=", Q_GE }, { ">", Q_GT } };

    if (r->at + 1 >= r->s.n)
        return fail(r, "Path ended with open query.") != NULL;
    for (size_t i = 0; i < COUNT_OF(known); i++)
        if (match(r, known[i].text)) {
            *out = known[i].op;
            return true;
        }
    return fail(r, "Could not read query operator.") != NULL;
}

static struct query *composite(struct reader *r, enum query_op op, struct query **root, struct query *parent)
{
    struct query *q = vm_new(r->vm, struct query);

    if (!q)
        return NULL;
    q->op = op;
    q->link = &q->first;
    if (parent) {
        *parent->link = q;
        parent->link = &q->next;
    }
    if (!*root)
        *root = q;
    return q;
}

static struct query *read_parts(struct reader *r)
{
    struct query *root = NULL, *parent = NULL, *q;

    while (more(r)) {
        q = vm_new(r->vm, struct query);
        if (!q || !read_side(r, &q->left))
            return NULL;
        q->op = Q_EXISTS;
        if (!strchr(")|&", at(r)) && (!read_operator(r, &q->op) || !read_side(r, &q->right)))
            return NULL;
        if (at(r) != ')') {
            enum query_op op = at(r) == '&' ? Q_AND : Q_OR;

            if (!match(r, op == Q_AND ? "&&" : "||"))
                return bad_query(r), NULL;
            if ((!parent || parent->op != op) && !(parent = composite(r, op, &root, parent)))
                return NULL;
        }
        if (parent) {
            *parent->link = q;
            parent->link = &q->next;
        }
        if (at(r) == ')')
            return parent ? root : q;
    }
    return fail(r, "Path ended with open query.");
}

static struct query *read_query(struct reader *r)
{
    struct query *q;

    if (r->depth == QUERY_DEPTH_MAX)
        return vm_throw_budget(r->vm, "depth"), NULL;
    r->depth++;
    q = read_parts(r);
    r->depth--;
    return q;
}

/* ---- evaluating ---- */

struct walk {
    struct vm *vm;
    struct jtoken *root;
    bool strict; /* a step without a match is an error */
    struct list_object *out;
};

static bool evaluate(struct walk *w, const struct step *path, struct jtoken *from, struct list_object **out);

static bool yield(struct walk *w, struct jtoken *t)
{
    return list_append(w->vm, w->out, object_value(t)) && vm_charge(w->vm, 1);
}

static bool none(struct walk *w, const char *fmt, ...) PRINTF_LIKE(2, 3);
static bool none(struct walk *w, const char *fmt, ...)
{
    struct slice text;
    va_list args;

    if (!w->strict)
        return true;
    va_start(args, fmt);
    text = arena_vprintf(w->vm->arena, fmt, args);
    va_end(args);
    vm_throw(w->vm, TYPE_JSONEXCEPTION, "%.*s", SLICE_ARG(text));
    return false;
}

static const char *name_of(const struct jtoken *t)
{
    return type_defs[t->head.type->id].name;
}

static bool step_field(struct walk *w, struct jtoken *t, struct slice name)
{
    struct jtoken *p;

    if (t->kind != JSON_K_OBJECT)
        return none(w, "Property '%.*s' not valid on %s.", name.p ? (int)name.n : 1, name.p ? name.p : "*", name_of(t));
    if (name.p) {
        p = json_property(t, name);
        return p ? yield(w, p->items[0]) : none(w, "Property '%.*s' does not exist on JObject.", SLICE_ARG(name));
    }
    for (uint32_t i = 0; i < t->n; i++)
        if (!yield(w, t->items[i]->items[0]))
            return false;
    return true;
}

static bool step_index(struct walk *w, struct jtoken *t, int32_t i)
{
    if (t->kind != JSON_K_ARRAY && t->kind != JSON_K_CONSTRUCTOR)
        return none(w, "Index %d not valid on %s.", (int)i, name_of(t));
    if (i < 0) {
        vm_throw_index(w->vm);
        return false;
    }
    return (uint32_t)i < t->n ? yield(w, t->items[i]) : none(w, "Index %d outside the bounds of %s.", (int)i, name_of(t));
}

static bool step_slice(struct walk *w, const struct step *s, struct jtoken *t)
{
    int64_t step = s->has[2] ? s->number[2] : 1, n = t->n, start, stop;
    bool any = false;

    if (step == 0) {
        vm_throw(w->vm, TYPE_JSONEXCEPTION, "Step cannot be zero.");
        return false;
    }
    if (t->kind != JSON_K_ARRAY)
        return none(w, "Array slice is not valid on %s.", name_of(t));
    start = s->has[0] ? s->number[0] : step > 0 ? 0 : n - 1;
    stop = s->has[1] ? s->number[1] : step > 0 ? n : -1;
    start += s->has[0] && start < 0 ? n : 0;
    stop += s->has[1] && stop < 0 ? n : 0;
    if (step > 0 && start < 0)
        start = 0;
    if (start > (step > 0 ? n : n - 1))
        start = step > 0 ? n : n - 1;
    stop = stop < -1 ? -1 : stop > n ? n : stop;
    for (int64_t i = start; step > 0 ? i < stop : i > stop; i += step) {
        any = true;
        if (i < 0 || i >= n || !yield(w, t->items[i]))
            return false;
    }
    return any || none(w, "Array slice of %s to %s returned no results.", s->has[0] ? arena_printf(w->vm->arena, "%d", (int)s->number[0]).p : "*",
                       s->has[1] ? arena_printf(w->vm->arena, "%d", (int)s->number[1]).p : "*");
}

static bool is_named(const struct step *s, struct slice name)
{
    if (s->op == STEP_SCAN)
        return slice_eq(name, s->name);
    for (uint32_t i = 0; i < s->many->n; i++)
        if (slice_eq(name, text_slice(s->many->items[i])))
            return true;
    return false;
}

/* ..name and ..*: t and everything below, or the values of properties so named. */
static bool step_scan(struct walk *w, const struct step *s, struct jtoken *t, bool self)
{
    bool any = s->op == STEP_SCAN && !s->name.p;

    if (any && (self || t->kind != JSON_K_PROPERTY) && t->kind != JSON_K_PROPERTY && !yield(w, t))
        return false;
    if (!any && t->kind == JSON_K_PROPERTY && is_named(s, text_slice(t->value)) && !yield(w, t->items[0]))
        return false;
    for (uint32_t i = 0; i < t->n; i++)
        if (!step_scan(w, s, t->items[i], false))
            return false;
    return vm_charge(w->vm, 1);
}

/* "/pattern/im" against a string, through Regex.IsMatch of the library; a runtime without it never matches. */
static bool matches_regex(struct vm *vm, const struct jtoken *x, const struct jtoken *y)
{
    struct slice s = y->kind == JSON_K_STRING ? text_slice(y->value) : SLICE_NONE;
    ptrdiff_t end = slice_rfind_byte(s, '/');
    unsigned regex = type_find(SLICE("Regex"), 0), options = type_find(SLICE("RegexOptions"), 0);
    struct expr_value args[4] = { x->value };
    struct site call = { .ret = TYPE_OF(BOOL), .on = TYPE_OF(BOOL), .name = "IsMatch", .n = 3 };
    int64_t flags = 0;

    if (x->kind != JSON_K_STRING || end < 1 || s.p[0] != '/' || regex >= TYPE_COUNT || options >= TYPE_COUNT)
        return false;
    for (size_t i = (size_t)end + 1; i < s.n; i++)
        flags |= s.p[i] == 'i' ? 1 : s.p[i] == 'm' ? 2 : s.p[i] == 's' ? 16 : s.p[i] == 'x' ? 4 : 0;
    args[1] = text_value(slice_sub(s, 1, (size_t)end));
    args[2] = val_enum(options, flags);
    for (unsigned i = type_defs[regex].first; i < type_defs[regex].last; i++) {
        const struct member *m = &type_members[i];
        const char *comma = strchr(m->sig, ',');

        if (m->kind == M_STATIC && strcmp(m->name, "IsMatch") == 0 && comma && strstr(comma, "RegexOptions") && !strstr(comma, "TimeSpan"))
            return m->fn(vm, &call, args).i != 0 && !vm->thrown;
    }
    return false;
}

static bool mixed_numbers(const struct jtoken *x, const struct jtoken *y)
{
    return (x->kind == JSON_K_INTEGER && y->kind == JSON_K_FLOAT) || (x->kind == JSON_K_FLOAT && y->kind == JSON_K_INTEGER);
}

/* == of a query: a string also equals a date, GUID ... of that text. */
static bool loosely_equal(struct vm *vm, const struct jtoken *x, const struct jtoken *y)
{
    struct expr_value text;

    if (json_deep_equals(vm, x, y))
        return true;
    if (mixed_numbers(x, y))
        return json_compare(vm, JSON_K_FLOAT, x->value, y->value) == 0;
    if (y->kind != JSON_K_STRING || x->kind < JSON_K_DATE)
        return false;
    text = x->kind == JSON_K_DATE ? format_time(vm, x->value, SLICE("json")) : value_to_string(vm, x->value);
    return value_equals(vm, text, y->value);
}

static bool compares(struct vm *vm, enum query_op op, const struct jtoken *x, const struct jtoken *y)
{
    enum json_kind kind = (enum json_kind)(x->kind == JSON_K_STRING && y->kind != JSON_K_STRING ? y->kind : x->kind);
    int order;

    if (json_is_container(x) || json_is_container(y))
        return op == Q_EXISTS || op == Q_NE;
    switch (op) {
    case Q_EXISTS: return true;
    case Q_EQ: return loosely_equal(vm, x, y);
    case Q_NE: return !loosely_equal(vm, x, y);
    case Q_SAME:
    case Q_NOT_SAME:
        return (mixed_numbers(x, y) ? json_compare(vm, JSON_K_FLOAT, x->value, y->value) == 0 : json_deep_equals(vm, x, y)) == (op == Q_SAME);
    case Q_MATCH: return matches_regex(vm, x, y);
    default: break;
    }
    order = json_compare(vm, kind, x->value, y->value);
    return op == Q_LT ? order < 0 : op == Q_LE ? order <= 0 : op == Q_GT ? order > 0 : order >= 0;
}

/* The tokens of a side; NULL: exception. */
static struct list_object *side_values(struct walk *w, const struct side *s, struct jtoken *t)
{
    struct walk inner = { .vm = w->vm, .root = w->root };
    struct list_object *l = NULL;

    if (s->is_path)
        return evaluate(&inner, s->path, t, &l) ? l : NULL;
    l = list_make(w->vm, &type_list_object, 1);
    return l && list_append(w->vm, l, json_object_value(s->value)) ? l : NULL;
}

static bool holds(struct walk *w, const struct query *q, struct jtoken *t)
{
    struct list_object *left, *right;

    if (q->op == Q_AND || q->op == Q_OR) {
        for (const struct query *p = q->first; p; p = p->next)
            if (holds(w, p, t) != (q->op == Q_AND))
                return q->op == Q_OR;
        return q->op == Q_AND;
    }
    left = side_values(w, &q->left, t);
    if (!left || q->op == Q_EXISTS)
        return left && left->n;
    right = left->n ? side_values(w, &q->right, t) : NULL;
    for (uint32_t i = 0; right && i < left->n; i++)
        for (uint32_t k = 0; k < right->n; k++)
            if (compares(w->vm, q->op, OBJECT(left->items[i], jtoken), OBJECT(right->items[k], jtoken)))
                return true;
    return false;
}

static bool step_query(struct walk *w, const struct query *q, struct jtoken *t, bool below)
{
    if (below && holds(w, q, t) && !yield(w, t))
        return false;
    for (uint32_t i = 0; i < t->n && !w->vm->thrown; i++)
        if (below ? !step_query(w, q, t->items[i], true) : holds(w, q, t->items[i]) && !yield(w, t->items[i]))
            return false;
    return !w->vm->thrown && vm_charge(w->vm, 1);
}

static bool take(struct walk *w, const struct step *s, struct jtoken *t)
{
    switch (s->op) {
    case STEP_ROOT: return yield(w, w->root);
    case STEP_FIELD: return step_field(w, t, s->name);
    case STEP_FIELDS:
        for (uint32_t i = 0; i < s->many->n; i++)
            if (!step_field(w, t, text_slice(s->many->items[i])))
                return false;
        return true;
    case STEP_SCAN:
    case STEP_SCAN_FIELDS: return step_scan(w, s, t, true);
    case STEP_INDEX: return step_index(w, t, s->number[0]);
    case STEP_INDEXES:
        for (uint32_t i = 0; i < s->many->n; i++)
            if (!step_index(w, t, (int32_t)s->many->items[i].i))
                return false;
        return true;
    case STEP_ALL:
        if (t->kind != JSON_K_ARRAY && t->kind != JSON_K_CONSTRUCTOR)
            return none(w, "Index * not valid on %s.", name_of(t));
        for (uint32_t i = 0; i < t->n; i++)
            if (!yield(w, t->items[i]))
                return false;
        return true;
    case STEP_SLICE: return step_slice(w, s, t);
    case STEP_QUERY: return step_query(w, s->query, t, false);
    default: return step_query(w, s->query, t, true);
    }
}

static bool evaluate(struct walk *w, const struct step *path, struct jtoken *from, struct list_object **out)
{
    struct list_object *now = list_make(w->vm, &type_list_object, 1);

    if (!now || !list_append(w->vm, now, object_value(from)))
        return false;
    for (; path; path = path->next) {
        w->out = list_make(w->vm, &type_list_object, 0);
        for (uint32_t i = 0; w->out && i < now->n; i++)
            if (!take(w, path, OBJECT(now->items[i], jtoken)))
                return false;
        now = w->out;
        if (!now)
            return false;
    }
    *out = now;
    return true;
}

bool json_select(struct vm *vm, struct jtoken *from, struct expr_value path, bool error_when_none, struct list_object *l)
{
    struct reader r = { .vm = vm, .s = text_slice(path) };
    struct walk w = { .vm = vm, .root = from, .strict = error_when_none };
    struct step *steps = NULL, **link = &steps;
    struct list_object *found;

    eat_space(&r);
    if (more(&r) && !(at(&r) == '$' && r.s.n == 1)) {
        if (at(&r) == '$' && r.at + 1 < r.s.n && strchr(".[", r.s.p[r.at + 1]))
            r.at++;
        if (!read_path(&r, &link, r.at, false))
            return false;
        eat_space(&r);
        if (more(&r))
            return fail(&r, "Unexpected character while parsing path: %c", at(&r)) != NULL;
    }
    if (!evaluate(&w, steps, from, &found))
        return false;
    for (uint32_t i = 0; i < found->n; i++)
        if (!list_append(vm, l, found->items[i]))
            return false;
    return true;
}

static struct list_object *matches(struct vm *vm, struct expr_value *a)
{
    struct list_object *l = list_make(vm, &type_list_object, 0);

    if (a[0].kind == EXPR_NULL)
        vm_throw_null(vm);
    else if (a[1].kind == EXPR_NULL)
        vm_throw_arg_null(vm, "expression");
    else if (l && vm_charge_bytes(vm, a[1].n) && json_select(vm, OBJECT(a[0], jtoken), a[1], a[2].i, l))
        return l;
    return NULL;
}

NATIVE(jtoken_select)
{
    struct list_object *l = matches(vm, a);

    if (l && l->n > 1)
        return vm_throw(vm, TYPE_JSONEXCEPTION, "Path returned multiple tokens.");
    return l && l->n ? l->items[0] : expr_value_null();
}

NATIVE(jtoken_select_all)
{
    return json_sequence(vm, TYPE_OF(JTOKEN), matches(vm, a));
}
