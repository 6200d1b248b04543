/* Documents to blocks of steps.
 *
 *   document   = policies / fragment / 1*section
 *   policies   = *section                   section: inbound, backend, outbound, on-error, each at most once
 *   section    = *statement
 *   statement  = an element of policies.def; what it may hold is for its compile() to say
 *
 * A section that is left out has no block: it acts like <base/> alone (policies.md 0.1). */
#include <stdio.h>

#include "platform/base/nearest.h"
#include "policy/comp_int.h"

static const char *const section_names[SECTION_COUNT] = { "inbound", "backend", "outbound", "on-error" };

/* ---- where ---- */

enum section comp_section(const struct comp *c)
{
    return c->section;
}

enum policy_scope comp_scope(const struct comp *c)
{
    return c->scope;
}

enum comp_target comp_on(const struct comp *c)
{
    return c->target;
}

bool comp_in_fragment(const struct comp *c)
{
    return c->in_fragment;
}

bool comp_is_open(const struct comp *c)
{
    return c->pc->open;
}

/* "choose", or "choose[3]" when its parent holds several of that name. */
static void put_segment(struct buf *b, const struct xml_node *n)
{
    unsigned index = 0, count = 0;

    for (const struct xml_node *k = n->parent->children; k; k = k->next) {
        if (k->type != XML_ELEMENT || !slice_eq(k->name, n->name))
            continue;
        count++;
        if (k == n)
            index = count;
    }
    buf_put(b, n->name);
    if (count > 1)
        buf_printf(b, "[%u]", index);
}

/* Segments from below `top` to n. */
static void put_segments(struct buf *b, const struct xml_node *top, const struct xml_node *n)
{
    if (n->parent != top)
        put_segments(b, top, n->parent);
    if (b->n)
        buf_putc(b, '/');
    put_segment(b, n);
}

static struct slice path_of(struct comp *c, const struct xml_node *n)
{
    struct buf b;

    buf_init(&b, &c->pc->scratch);
    buf_put(&b, c->path);
    put_segments(&b, c->element, n);
    return comp_copy(c, buf_slice(&b));
}

void comp_site(struct comp *c, const struct xml_node *n, struct policy_step *out)
{
    struct policy_step site = { .def = out->def, .plan = out->plan, .file = c->file, .path = path_of(c, n) };
    const struct xml_attr *id = xml_attr(n, "id");

    xml_line_column(c->front.source, front_offset(&c->front, n->at), &site.line, &site.column);
    if (id)
        site.id = comp_copy(c, id->value);
    *out = site;
}

/* ---- statements ---- */

static bool check_section(struct comp *c, const struct xml_node *n, unsigned sections)
{
    struct buf b;

    if (sections & c->allowed)
        return true;
    buf_init(&b, &c->pc->scratch);
    for (unsigned i = 0; i < SECTION_COUNT; i++) {
        if (sections & (1u << i))
            buf_printf(&b, "%s%s", b.n ? ", " : "", section_names[i]);
    }
    comp_error(c, n, NULL, "policy '%.*s' cannot stand in %s, only in %.*s", SLICE_ARG(n->name),
               section_names[c->section], SLICE_ARG(buf_slice(&b)));
    return false;
}

/* The original refuses a policy at a scope it is not meant for; ours runs there all the same. */
static void check_scope(struct comp *c, const struct xml_node *n, const struct policy_def *def)
{
    static const char *const names[SCOPE_COUNT] = { "global", "workspace", "product", "API", "operation" };
    struct buf b;

    if (c->pc->open || c->in_fragment || !def->scopes || (def->scopes & (1u << c->scope)))
        return;
    buf_init(&b, &c->pc->scratch);
    for (unsigned i = 0; i < SCOPE_COUNT; i++) {
        if (def->scopes & (1u << i))
            buf_printf(&b, "%s%s", b.n ? ", " : "", names[i]);
    }
    comp_warning(c, n, NULL, "policy '%s' is not meant for %s scope, only for %.*s", def->name,
                 names[c->scope], SLICE_ARG(buf_slice(&b)));
}

static void report_unknown_policy(struct comp *c, const struct xml_node *n)
{
    const char *near = list_nearest(n->name);

    if (near)
        comp_error(c, n, NULL, "policy '%.*s' is not known: did you mean '%s'?", SLICE_ARG(n->name), near);
    else
        comp_error(c, n, NULL, "policy '%.*s' is not known", SLICE_ARG(n->name));
}

/* The definition of statement n, or NULL when there is nothing to run. */
static const struct policy_def *find_policy(struct comp *c, const struct xml_node *n)
{
    const struct policy_def *def;
    struct policy_info info;

    if (!list_find(n->name, &info, &def)) {
        report_unknown_policy(c, n);
        return NULL;
    }
    if (info.state == POLICY_SKIPPED) {
        comp_warning(c, n, NULL, "policy '%s' does not run on a self-hosted gateway: it is skipped",
                     info.name);
        return NULL;
    }
    if (!check_section(c, n, info.sections))
        return NULL;
    if (info.state == POLICY_UNBUILT) {
        comp_error(c, n, NULL, "policy '%s' is not built yet", info.name);
        value_check_all(c, n);
        return NULL;
    }
    return def;
}

static bool compile_statement(struct comp *c, const struct xml_node *n, struct policy_step *step)
{
    const struct policy_def *def = find_policy(c, n);
    struct asked asked = { .n = 0 }, *asked_before = c->asked;
    const struct xml_node *outer = c->element;
    struct slice outer_path = c->path;

    if (!def)
        return false;
    if (c->depth >= COMP_DEPTH_MAX) {
        comp_error(c, n, NULL, "policies are nested deeper than %u", COMP_DEPTH_MAX);
        return false;
    }
    check_scope(c, n, def);
    *step = (struct policy_step){ .def = def };
    comp_site(c, n, step);
    c->asked = &asked;
    c->element = n;
    c->path = step->path;
    if (++c->depth > c->deepest)
        c->deepest = c->depth;
    bool ok = def->compile(c, n, &step->plan);
    value_report_rest(c, n);
    c->depth--;
    c->path = outer_path;
    c->element = outer;
    c->asked = asked_before;
    return ok;
}

static uint32_t count_statements(const struct comp *c, const struct xml_node *n)
{
    uint32_t count = 0;

    for (const struct xml_node *k = xml_child(n, NULL); k; k = xml_next(k, NULL)) {
        if (!c->node_taken[k->index])
            count++;
    }
    return count;
}

void comp_block(struct comp *c, const struct xml_node *n, struct policy_block *out)
{
    uint32_t count = count_statements(c, n);
    struct policy_step *steps = comp_array(c, struct policy_step, count);

    *out = (struct policy_block){ .steps = steps };
    if (!steps)
        return;
    for (const struct xml_node *k = xml_child(n, NULL); k; k = xml_next(k, NULL)) {
        if (c->node_taken[k->index])
            continue;
        c->node_taken[k->index] |= TAKEN | TAKEN_STATEMENT;
        if (compile_statement(c, k, &steps[out->n]))
            out->n++;
    }
}

static bool is_one_of(struct slice name, const char *const *names)
{
    for (; *names; names++) {
        if (slice_eq(name, slice_from(*names)))
            return true;
    }
    return false;
}

void comp_block_on(struct comp *c, const struct xml_node *n, enum comp_target target,
                   const char *const *names, struct policy_block *out)
{
    enum comp_target target_before = c->target;
    unsigned allowed_before = c->allowed;

    for (const char *const *name = names; *name; name++)
        value_ask(c, *name);
    for (const struct xml_node *k = xml_child(n, NULL); k; k = xml_next(k, NULL)) {
        if (c->node_taken[k->index] || is_one_of(k->name, names))
            continue;
        c->node_taken[k->index] |= TAKEN | TAKEN_STATEMENT;
        comp_error(c, k, NULL, "<%.*s> cannot stand in <%.*s>", SLICE_ARG(k->name), SLICE_ARG(n->name));
    }
    c->target = target;
    c->allowed = SECTIONS_ALL;
    comp_block(c, n, out);
    c->target = target_before;
    c->allowed = allowed_before;
}

/* ---- documents ---- */

static bool read_document(struct comp *c, struct slice text)
{
    struct front_error ferr;
    struct xml_error xerr;
    struct arena *scratch = &c->pc->scratch;

    c->front.source = text;
    if (!front_read(scratch, text, &c->front, &ferr)) {
        diag_at(c, ferr.offset, POLICY_ERROR, "%s", ferr.message);
        return false;
    }
    c->xml = xml_parse(scratch, c->front.text, NULL, &xerr);
    if (!c->xml) {
        diag_at(c, front_offset(&c->front, xerr.offset), POLICY_ERROR, "%s", xerr.message);
        return false;
    }
    c->node_taken = arena_alloc(scratch, c->xml->nodes + 1u);
    c->attr_taken = arena_alloc(scratch, c->xml->attrs + 1u);
    if (!c->node_taken || !c->attr_taken) {
        diag_at(c, 0, POLICY_ERROR, "document too large: no memory left");
        return false;
    }
    return true;
}

static bool compile_open(struct comp *c, struct policy_compiler *pc, struct slice text, const char *file)
{
    *c = (struct comp){ .pc = pc, .file = file, .scope = SCOPE_OPERATION };
    c->errors_before = pc->diagnostics.errors;
    if (!read_document(c, text))
        return false;
    if (c->front.has_stray)
        diag_at(c, c->front.stray_at, POLICY_WARNING, "text outside of the root element is not looked at");
    if (!xml_child(c->xml->root, NULL)) {
        diag_at(c, 0, POLICY_ERROR, "document is empty: expected <policies>");
        return false;
    }
    return true;
}

static int section_of(struct slice name)
{
    for (int i = 0; i < SECTION_COUNT; i++) {
        if (slice_eq(name, slice_from(section_names[i])))
            return i;
    }
    return -1;
}

static void begin_section(struct comp *c, const struct xml_node *n, enum section section)
{
    c->section = section;
    c->allowed = 1u << section;
    c->target = section == SECTION_INBOUND || section == SECTION_BACKEND ? ON_REQUEST : ON_RESPONSE;
    c->in_fragment = false;
    c->element = n;
    c->path = SLICE("");
}

static bool is_policy(const struct xml_node *n)
{
    const struct policy_def *def;
    struct policy_info info;

    return list_find(n->name, &info, &def);
}

static void compile_section(struct comp *c, const struct xml_node *n, struct policy_document *doc)
{
    int section = section_of(n->name);
    struct asked asked = { .names = { "inbound", "backend", "outbound", "on-error" }, .n = SECTION_COUNT };

    if (section < 0) {
        comp_error(c, n, NULL, "<%.*s> is not a section: expected inbound, backend, outbound or on-error%s",
                   SLICE_ARG(n->name), is_policy(n) ? "; policies stand inside of one" : "");
        return;
    }
    if (doc->sections[section]) {
        comp_error(c, n, NULL, "section <%s> stands twice", section_names[section]);
        return;
    }
    c->asked = &asked;
    begin_section(c, n, (enum section)section);
    struct policy_block *block = comp_new(c, struct policy_block);
    doc->sections[section] = block;
    comp_block(c, n, block);
    value_report_rest(c, n);
    c->asked = NULL;
}

static void compile_sections(struct comp *c, const struct xml_node *n, struct policy_document *doc)
{
    if (n->parent)
        value_report_text(c, n);
    for (const struct xml_node *k = xml_child(n, NULL); k; k = xml_next(k, NULL))
        compile_section(c, k, doc);
}

/* The element that holds the sections: <policies>, or the wrapper around bare ones. */
static const struct xml_node *sections_parent(struct comp *c)
{
    const struct xml_node *first = xml_child(c->xml->root, NULL);
    const struct xml_node *second = xml_next(first, NULL);

    if (section_of(first->name) >= 0)
        return c->xml->root;
    if (!slice_eq(first->name, SLICE("policies"))) {
        comp_error(c, first, NULL, "root element <%.*s>: expected <policies>", SLICE_ARG(first->name));
        return NULL;
    }
    if (second) {
        comp_error(c, second, NULL, "<%.*s> behind the root element <policies>", SLICE_ARG(second->name));
        return NULL;
    }
    return first;
}

const struct policy_document *policy_compile_document(struct policy_compiler *pc, struct slice text,
                                                      const char *file, enum policy_scope scope)
{
    struct comp c;
    struct arena_mark mark = arena_mark(&pc->scratch);
    struct policy_document *doc = NULL;

    if (compile_open(&c, pc, text, file)) {
        const struct xml_node *parent = sections_parent(&c);
        c.scope = scope;
        doc = comp_new(&c, struct policy_document);
        doc->scope = scope;
        doc->file = file;
        if (parent)
            compile_sections(&c, parent, doc);
    }
    if (pc->scratch.overflow)
        diag_at(&c, 0, POLICY_ERROR, "document too large: no memory left");
    arena_reset(&pc->scratch, mark);
    return comp_failed(&c) ? NULL : doc;
}

/* ---- fragments ---- */

static const struct xml_node *fragment_root(struct comp *c)
{
    const struct xml_node *first = xml_child(c->xml->root, NULL);

    if (!slice_eq(first->name, SLICE("fragment"))) {
        comp_error(c, first, NULL, "root element <%.*s>: expected <fragment>", SLICE_ARG(first->name));
        return NULL;
    }
    if (xml_next(first, NULL)) {
        comp_error(c, xml_next(first, NULL), NULL, "<%.*s> behind the root element <fragment>",
                   SLICE_ARG(xml_next(first, NULL)->name));
        return NULL;
    }
    return first;
}

/* Compile fragment f for its section. */
static void compile_fragment(struct policy_compiler *pc, struct fragment *f, enum policy_scope scope,
                             struct slice text, const char *file)
{
    struct comp c;
    const struct xml_node *root;

    f->compiling = true;
    if (compile_open(&c, pc, text, file) && (root = fragment_root(&c))) {
        begin_section(&c, root, f->section);
        c.in_fragment = true;
        c.scope = scope;
        comp_block(&c, root, &f->block);
        f->height = c.deepest;
    }
    f->failed = comp_failed(&c);
    f->compiling = false;
}

static struct fragment *find_fragment(struct policy_compiler *pc, struct slice id, enum section section)
{
    for (struct fragment *f = pc->fragments; f; f = f->next) {
        if (f->section == section && slice_eq(f->id, id))
            return f;
    }
    return NULL;
}

/* The fragment, compiled for the present section; NULL when it is not known, or in open mode is not there. */
static struct fragment *need_fragment(struct comp *c, const struct xml_node *n, const char *attr,
                                      struct slice id)
{
    struct policy_compiler *pc = c->pc;
    struct fragment *f = find_fragment(pc, id, c->section);
    struct slice text;
    const char *file;

    if (f)
        return f;
    if (!pc->names.fragment || !pc->names.fragment(pc->names.data, id, &text, &file)) {
        if (!pc->open)
            comp_error(c, n, attr, "fragment '%.*s' is not known%.*s", SLICE_ARG(id),
                       SLICE_ARG(comp_did_you_mean(c, POLICY_FRAGMENT, id)));
        return NULL;
    }
    f = comp_new(c, struct fragment);
    *f = (struct fragment){ .id = comp_copy(c, id), .section = c->section, .next = pc->fragments };
    pc->fragments = f;
    compile_fragment(pc, f, c->scope, text, file);
    return f;
}

void comp_fragment(struct comp *c, const struct xml_node *n, const char *attr, struct slice id,
                   struct policy_block *out)
{
    struct fragment *f = need_fragment(c, n, attr, id);

    *out = (struct policy_block){ 0 };
    if (!f)
        return;
    if (f->compiling) {
        comp_error(c, n, attr, "fragment '%.*s' includes itself", SLICE_ARG(id));
        return;
    }
    if (f->failed)
        comp_error(c, n, attr, "fragment '%.*s' has errors", SLICE_ARG(id));
    if (c->depth + f->height > COMP_DEPTH_MAX)
        comp_error(c, n, attr, "policies are nested deeper than %u", COMP_DEPTH_MAX);
    else if (c->depth + f->height > c->deepest)
        c->deepest = c->depth + f->height;
    *out = f->block;
}

/* Statements of no known section: whatever may stand anywhere may stand here. */
static void begin_loose(struct comp *c, const struct xml_node *root)
{
    begin_section(c, root, SECTION_INBOUND);
    c->allowed = SECTIONS_ALL;
    c->in_fragment = true;
}

static void compile_loose(struct comp *c, const struct xml_node *root)
{
    struct policy_block block;

    begin_loose(c, root);
    comp_block(c, root, &block);
}

static void compile_loose_statement(struct comp *c, const struct xml_node *n)
{
    struct policy_step step;

    begin_loose(c, n->parent);
    compile_statement(c, n, &step);
}

bool policy_check_fragment(struct policy_compiler *pc, struct slice text, const char *file)
{
    struct comp c;
    const struct xml_node *root;
    struct arena_mark mark = arena_mark(&pc->scratch);

    if (compile_open(&c, pc, text, file) && (root = fragment_root(&c)))
        compile_loose(&c, root);
    arena_reset(&pc->scratch, mark);
    return !comp_failed(&c);
}

/* One top element of any kind: documentation shows several documents, or bare statements, in one piece. */
static void compile_top(struct comp *c, const struct xml_node *n, struct policy_document *bare)
{
    struct policy_document doc = { .scope = SCOPE_OPERATION, .file = c->file };

    if (slice_eq(n->name, SLICE("fragment")))
        compile_loose(c, n);
    else if (slice_eq(n->name, SLICE("policies")))
        compile_sections(c, n, &doc);
    else if (section_of(n->name) >= 0)
        compile_section(c, n, bare);
    else if (is_policy(n))
        compile_loose_statement(c, n);
    else
        comp_error(c, n, NULL, "root element <%.*s>: expected <policies> or <fragment>", SLICE_ARG(n->name));
}

void compile_any(struct policy_compiler *pc, struct slice text, const char *file)
{
    struct policy_document bare = { .scope = SCOPE_OPERATION, .file = file };
    struct comp c;

    if (!compile_open(&c, pc, text, file))
        return;
    for (const struct xml_node *n = xml_child(c.xml->root, NULL); n; n = xml_next(n, NULL))
        compile_top(&c, n, &bare);
}

/* ---- the rest of the configuration ---- */

struct slice comp_did_you_mean(struct comp *c, enum policy_name kind, struct slice name)
{
    const struct policy_names *names = &c->pc->names;
    struct slice near = names->nearest ? names->nearest(names->data, kind, name) : SLICE_NONE;

    if (!near.n)
        return SLICE("");
    return arena_printf(&c->pc->scratch, ": did you mean '%.*s'?", SLICE_ARG(near));
}

const struct fact_backend *comp_backend(struct comp *c, const struct xml_node *n, const char *attr,
                                        struct slice id)
{
    const struct policy_names *names = &c->pc->names;
    const struct fact_backend *b = names->backend ? names->backend(names->data, id) : NULL;

    if (!b && !c->pc->open)
        comp_error(c, n, attr, "backend '%.*s' is not known%.*s", SLICE_ARG(id),
                   SLICE_ARG(comp_did_you_mean(c, POLICY_BACKEND, id)));
    return b;
}

const struct fact_backend *comp_backend_url(struct comp *c, const struct xml_node *n, const char *attr,
                                            struct slice url)
{
    const struct policy_names *names = &c->pc->names;
    struct err err = { { 0 } };
    const struct fact_backend *b = names->backend_url ? names->backend_url(names->data, url, &err) : NULL;

    if (!b && !c->pc->open)
        comp_error(c, n, attr, "'%s': \"%.*s\": %s", attr, SLICE_ARG(url),
                   err.text[0] ? err.text : "not a URL");
    return b;
}

static struct slice certificate_id(const void *list, size_t i)
{
    return ((const struct fact_certificate *)list)[i].id;
}

const struct fact_certificate *comp_certificate(struct comp *c, const struct xml_node *n, const char *attr,
                                                struct slice id)
{
    const struct policy_names *names = &c->pc->names;
    const struct fact_certificate *all = names->certificates;

    for (unsigned i = 0; i < names->n_certificates; i++)
        if (slice_eq(all[i].id, id))
            return &all[i];
    if (c->pc->open)
        return NULL;
    ptrdiff_t near = nearest_find(id, all, names->n_certificates, certificate_id);
    if (near >= 0)
        comp_error(c, n, attr, "certificate '%.*s' is not known: did you mean '%.*s'?", SLICE_ARG(id), SLICE_ARG(all[near].id));
    else
        comp_error(c, n, attr, "certificate '%.*s' is not known", SLICE_ARG(id));
    return NULL;
}

void comp_provider(struct comp *c, struct slice url)
{
    const struct policy_names *names = &c->pc->names;

    if (names->provider)
        names->provider(names->data, url);
}

/* ---- the compiler ---- */

/* Front, tree and messages of one document and the fragments it includes. */
#define SCRATCH_BYTES (256u * 1024 * 1024)

struct policy_compiler *policy_compiler_new(struct arena *program, const struct policy_names *names,
                                            bool open)
{
    struct policy_compiler *pc = arena_new(program, struct policy_compiler);

    if (!pc)
        return NULL;
    pc->program = program;
    pc->open = open;
    if (names)
        pc->names = *names;
    arena_init_growing(&pc->scratch, SCRATCH_BYTES);
    return pc;
}

void policy_compiler_free(struct policy_compiler *pc)
{
    arena_free(&pc->scratch);
}

const struct policy_diagnostics *policy_compiler_diagnostics(const struct policy_compiler *pc)
{
    return &pc->diagnostics;
}
