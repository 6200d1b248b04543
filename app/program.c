/* Building a program: reading the entities and going through the steps. */
#include "app/program.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/program_int.h"
#include "app/url.h"
#include "platform/clock.h"
#include "platform/tls.h"

static _Atomic uint64_t serials;

static const char *const part_names[PART_KINDS] = {
    "repository", "named-value", "backend", "fragment", "version-set", "api", "operation", "product", "gateway", "subscription",
    "user", "policy", "responses", "certificate", "group",
};

struct slice part_text(const struct part *p, const char *name)
{
    return json_str(json_get(p->properties, name));
}

uint64_t part_time(const struct part *p, const char *name)
{
    uint64_t ns;

    return clock_parse(part_text(p, name), &ns) ? ns : 0;
}

static struct slice name_of_part(const struct builder *b, enum part_kind kind, struct slice id)
{
    for (const struct part *p = b->parts[kind]; p; p = p->next)
        if (slice_eq_icase(p->id, id) && part_text(p, "displayName").n)
            return part_text(p, "displayName");
    return id;
}

bool part_pairs(struct builder *b, const struct json *list, enum part_kind kind, struct fact_pairs *out)
{
    struct fact_pair *pairs = arena_array(b->arena, struct fact_pair, json_count(list) + 1);
    struct json_iter it = json_iter(list);

    if (!pairs)
        return err_set(b->err, "out of memory");
    out->v = pairs;
    while (json_next(&it)) {
        struct slice id = json_str(it.value).p ? json_str(it.value) : json_str(json_get(it.value, "id"));
        struct slice name = json_str(json_get(it.value, "name"));
        if (id.n || name.n)
            pairs[out->n++] = (struct fact_pair){ id.n ? id : name, name.n ? name : name_of_part(b, kind, id) };
    }
    return true;
}

void program_warn(struct builder *b, const char *fmt, ...)
{
    char text[ERR_MAX];
    va_list args;

    if (!b->report || !b->report->warning)
        return;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    b->report->warning(b->report->arg, text);
}

/* An entity of a kind that this version does not know is left alone: a newer publisher may say more than we need. */
static bool read_part(struct builder *b, struct slice line)
{
    struct err err;
    struct part *part = arena_new(b->arena, struct part);
    const struct json *json = json_parse(b->arena, line, &err);
    struct slice kind = json_str(json_get(json, "kind")), id = json_str(json_get(json, "id"));

    if (!json || !part)
        return err_set(b->err, "entity: %.*s...: %s", SLICE_ARG(slice_first(line, 60)), json ? "out of memory" : err.text);
    if (!kind.n || !id.p)
        return err_set(b->err, "entity: \"kind\" or \"id\" is missing: %.*s", SLICE_ARG(slice_first(line, 80)));
    part->id = id;
    part->properties = json_get(json, "properties");
    for (int k = 0; k < PART_KINDS; k++)
        if (slice_eq(kind, slice_from(part_names[k]))) {
            *b->ends[k] = part;
            b->ends[k] = &part->next;
        }
    return true;
}

bool program_read_parts(struct builder *b)
{
    for (int k = 0; k < PART_KINDS; k++)
        b->ends[k] = &b->parts[k];
    for (size_t i = 0; i < b->input->n; i++)
        if (!read_part(b, b->input->lines[i]))
            return false;
    return true;
}

static void free_held(struct live_hold *hold)
{
    program_free((struct program *)hold);
}

static bool run_steps(struct builder *b)
{
    return program_read_parts(b) && program_make_values(b) && program_make_apis(b) && program_make_products(b) &&
           program_make_policies(b);
}

static void set_up_maps(struct builder *b)
{
    struct program *p = b->program;
    struct map *maps[] = { &p->apis, &p->operations, &p->products, &p->backends, &p->fragments, &p->named_values, &p->users,
                           &p->version_sets, &p->keys, &b->documents };

    for (size_t i = 0; i < COUNT_OF(maps); i++)
        map_init(maps[i], b->arena);
    api_paths_init(&p->paths, b->arena);
}

bool program_build(const struct program_input *input, const struct program_report *report, struct program **out, struct err *err)
{
    struct program *p = calloc(1, sizeof *p);
    struct builder b = { .program = p, .input = input, .report = report, .err = err };

    if (!p)
        return err_set(err, "out of memory");
    arena_init_growing(&p->arena, PROGRAM_BYTES_MAX);
    b.arena = &p->arena;
    p->hold.free = free_held;
    p->generation = input->generation;
    p->serial = atomic_fetch_add(&serials, 1) + 1;
    set_up_maps(&b);
    bool ok = run_steps(&b);
    if (ok && p->arena.overflow)
        ok = err_set(err, "the configuration takes more than %u MB", PROGRAM_BYTES_MAX >> 20);
    if (!ok) {
        program_free(p);
        return false;
    }
    *out = p;
    return true;
}

void program_free(struct program *p)
{
    for (struct program_identity *i = p->identities; i; i = i->next)
        tls_identity_free(i->identity);
    arena_free(&p->arena);
    free(p);
}

/* ---- what requests ask ---- */

const struct policy_pipeline *program_pipeline(const struct pipelines *p, const struct product *product)
{
    for (unsigned i = 0; i < p->n; i++)
        if (p->v[i].product == product)
            return p->v[i].pipeline;
    return NULL;
}

const struct key_entry *program_find_key(const struct program *p, struct slice key)
{
    uint8_t mac[CRYPTO_SHA256_BYTES];

    if (!p->has_key_salt || !key.n)
        return NULL;
    crypto_hmac(CRYPTO_SHA256, slice_of(p->key_salt, sizeof p->key_salt), key, mac);
    return map_get(&p->keys, slice_of(mac, sizeof mac));
}

static struct slice without_end_slash(struct slice path)
{
    while (path.n && path.p[path.n - 1] == '/')
        path.n--;
    return path;
}

struct backend *program_backend_for_url(struct arena *a, struct slice url, struct err *err)
{
    struct backend *backend = arena_new(a, struct backend);
    struct url parsed;

    url = arena_copy(a, slice_trim(url));
    if (!backend || !url.p) {
        err_set(err, "out of memory");
        return NULL;
    }
    if (!url_parse(url, &parsed)) {
        err_set(err, "\"%.*s\" is no http or https URL", SLICE_ARG(url));
        return NULL;
    }
    struct http1_target_options options = { .tls = parsed.tls, .host = parsed.host, .port = parsed.port };
    if (!http1_target_init(&backend->target, a, &options, err))
        return NULL;
    backend->fact = (struct fact_backend){ .scheme = parsed.tls ? SLICE("https") : SLICE("http"), .host = backend->target.host,
                                           .port = parsed.default_port ? 0 : parsed.port, .path = without_end_slash(parsed.path) };
    return backend;
}
