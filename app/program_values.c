/* Named values, backends, fragments, users, version sets: what APIs and policies refer to. */
#include "app/program_int.h"

#include <string.h>

#include "app/names.h"
#include "platform/tls.h"

static bool put(struct builder *b, struct map *m, struct slice key, void *value)
{
    return (value && map_put(m, key, value)) || err_set(b->err, "out of memory");
}

static void read_repository(struct builder *b)
{
    for (const struct part *p = b->parts[PART_REPOSITORY]; p; p = p->next)
        if (name_read_hex(part_text(p, "subscriptionKeySalt"), b->program->key_salt, CRYPTO_SHA256_BYTES))
            b->program->has_key_salt = true;
}

static bool make_named_values(struct builder *b)
{
    for (const struct part *p = b->parts[PART_NAMED_VALUE]; p; p = p->next) {
        struct slice name = part_text(p, "displayName"), *value = arena_new(b->arena, struct slice);
        if (!value)
            return err_set(b->err, "out of memory");
        *value = part_text(p, "value");
        if (!put(b, &b->program->named_values, name.n ? name : p->id, value))
            return false;
    }
    return true;
}

/* Replace {{name}} in a backend's texts; an unknown name is an error. */
static bool substitute(struct builder *b, const struct part *p, struct slice text, struct slice *out)
{
    struct slice pieces[32];
    size_t n = 0;
    ptrdiff_t at;

    while ((at = slice_find(text, SLICE("{{"))) >= 0 && n + 2 < COUNT_OF(pieces)) {
        ptrdiff_t end = slice_find(slice_skip(text, (size_t)at), SLICE("}}"));
        if (end < 0)
            break;
        struct slice name = slice_trim(slice_sub(text, (size_t)at + 2, (size_t)(at + end)));
        const struct slice *value = map_get(&b->program->named_values, name);
        if (!value)
            return err_set(b->err, "backend %.*s: {{%.*s}}: no such named value", SLICE_ARG(p->id), SLICE_ARG(name));
        pieces[n++] = slice_first(text, (size_t)at);
        pieces[n++] = *value;
        text = slice_skip(text, (size_t)(at + end) + 2);
    }
    pieces[n++] = text;
    *out = arena_concat(b->arena, pieces, n);
    return out->p || err_set(b->err, "out of memory");
}

static bool add_pair(struct builder *b, const struct part *p, struct backend_pair **list, struct slice name, struct slice value)
{
    struct backend_pair *pair = arena_new(b->arena, struct backend_pair);

    if (!pair)
        return err_set(b->err, "out of memory");
    pair->name = name;
    while (*list)
        list = &(*list)->next;
    *list = pair;
    return substitute(b, p, value, &pair->value);
}

/* {"name": ["v", ...]} or {"name": "v"} */
static bool add_pairs(struct builder *b, const struct part *p, const struct json *from, struct backend_pair **list)
{
    struct json_iter it = json_iter(from);

    while (json_next(&it)) {
        if (json_str(it.value).p && !add_pair(b, p, list, it.key, json_str(it.value)))
            return false;
        struct json_iter values = json_iter(json_type(it.value) == JSON_ARRAY ? it.value : NULL);
        while (json_next(&values))
            if (!add_pair(b, p, list, it.key, json_str(values.value)))
                return false;
    }
    return true;
}

static bool add_credentials(struct builder *b, const struct part *p, struct backend *backend)
{
    const struct json *credentials = json_get(p->properties, "credentials");
    struct slice scheme = json_str(json_path(credentials, "authorization", "scheme", NULL));
    struct slice parameter = json_str(json_path(credentials, "authorization", "parameter", NULL));

    if (json_get(credentials, "managedIdentity"))
        program_warn(b, "backend %.*s: managed identities are not built yet: calls go without", SLICE_ARG(p->id));
    if (scheme.n && !add_pair(b, p, &backend->headers, SLICE("Authorization"),
                              arena_printf(b->arena, "%.*s %.*s", SLICE_ARG(scheme), SLICE_ARG(parameter))))
        return false;
    return add_pairs(b, p, json_get(credentials, "header"), &backend->headers) &&
           add_pairs(b, p, json_get(credentials, "query"), &backend->query);
}

/* ---- client certificates ---- */

/* By id, as "/certificates/x" or a full resource id, or by thumbprint. */
static const struct part *find_certificate(struct builder *b, struct slice name)
{
    for (const struct part *p = b->parts[PART_CERTIFICATE]; p; p = p->next)
        if (slice_eq_icase(p->id, name_last_segment(name)) || slice_eq_icase(part_text(p, "thumbprint"), name))
            return p;
    return NULL;
}

static bool open_identity(struct builder *b, const struct part *certificate, struct tls_identity **out)
{
    const struct json *list = json_get(certificate->properties, "certificates");
    struct slice *chain = arena_array(b->arena, struct slice, json_count(list) + 1), key = part_text(certificate, "data");
    struct program_identity *owned = arena_new(b->arena, struct program_identity);
    struct json_iter it = json_iter(list);
    size_t n = 0;

    if (!chain || !owned)
        return err_set(b->err, "out of memory");
    while (json_next(&it))
        chain[n++] = crypto_base64_decode(b->arena, json_str(it.value));
    if (!key.n)
        return err_set(b->err, "certificate %.*s: has no private key, so a backend cannot be called with it", SLICE_ARG(certificate->id));
    if (!tls_identity_open(out, chain, n, key, b->err))
        return err_wrap(b->err, "certificate %.*s", SLICE_ARG(certificate->id));
    owned->identity = *out;
    owned->next = b->program->identities;
    b->program->identities = owned;
    return true;
}

/* The first of credentials.certificateIds, else of credentials.certificate: a connection shows one. */
static bool choose_identity(struct builder *b, const struct part *p, struct tls_identity **out)
{
    const struct json *credentials = json_get(p->properties, "credentials"), *ids = json_get(credentials, "certificateIds");
    struct json_iter it = json_iter(json_count(ids) ? ids : json_get(credentials, "certificate"));

    *out = NULL;
    if (!json_next(&it))
        return true;
    const struct part *certificate = find_certificate(b, json_str(it.value));
    if (it.count > 1)
        program_warn(b, "backend %.*s: of its %zu client certificates the first is shown", SLICE_ARG(p->id), it.count);
    if (certificate)
        return open_identity(b, certificate, out);
    program_warn(b, "backend %.*s: no such certificate: %.*s: calls go without", SLICE_ARG(p->id), SLICE_ARG(json_str(it.value)));
    return true;
}

static bool make_backend(struct builder *b, const struct part *p)
{
    struct slice url;
    struct err err;
    const struct json *tls = json_get(p->properties, "tls");

    if (slice_eq_icase(part_text(p, "type"), SLICE("Pool"))) {
        program_warn(b, "backend %.*s: pools are not built yet: left out", SLICE_ARG(p->id));
        return true;
    }
    if (!substitute(b, p, part_text(p, "url"), &url))
        return false;
    struct backend *backend = program_backend_for_url(b->arena, url, &err);
    if (!backend) { /* wrong only where it would be called: a policy that names it then finds no backend */
        program_warn(b, "backend %.*s: url: %s: left out", SLICE_ARG(p->id), err.text);
        return true;
    }
    backend->fact.id = p->id;
    bool skip_chain = !json_bool(json_get(tls, "validateCertificateChain"), true);
    bool skip_name = !json_bool(json_get(tls, "validateCertificateName"), true);
    struct tls_identity *identity;
    if (!choose_identity(b, p, &identity))
        return false;
    struct http1_target_options options = { .tls = backend->target.tls_name != NULL, .host = backend->target.host,
                                            .port = backend->target.port, .skip_chain = skip_chain, .skip_name = skip_name,
                                            .identity = identity };
    if ((skip_chain || skip_name || identity) && !http1_target_init(&backend->target, b->arena, &options, b->err))
        return false;
    return add_credentials(b, p, backend) && put(b, &b->program->backends, p->id, backend);
}

static bool make_fragment(struct builder *b, const struct part *p)
{
    struct fragment *f = arena_new(b->arena, struct fragment);

    if (!f)
        return err_set(b->err, "out of memory");
    f->text = part_text(p, "value");
    f->file = arena_cstr(b->arena, part_text(p, "file"));
    return put(b, &b->program->fragments, p->id, f);
}

/* [{"id": "x", "provider": "Aad"}] */
static bool read_identities(struct builder *b, const struct part *p, struct fact_pairs *out)
{
    const struct json *list = json_get(p->properties, "identities");
    struct fact_pair *pairs = arena_array(b->arena, struct fact_pair, json_count(list) + 1);
    struct json_iter it = json_iter(list);

    if (!pairs)
        return err_set(b->err, "out of memory");
    out->v = pairs;
    while (json_next(&it))
        pairs[out->n++] = (struct fact_pair){ json_str(json_get(it.value, "id")), json_str(json_get(it.value, "provider")) };
    return true;
}

static bool make_user(struct builder *b, const struct part *p)
{
    struct fact_user *u = arena_new(b->arena, struct fact_user);

    if (!u)
        return err_set(b->err, "out of memory");
    u->id = p->id;
    u->email = part_text(p, "email");
    u->first_name = part_text(p, "firstName");
    u->last_name = part_text(p, "lastName");
    u->note = part_text(p, "note");
    u->registered_ns = part_time(p, "registrationDate");
    if (!part_pairs(b, json_get(p->properties, "groups"), PART_GROUP, &u->groups) || !read_identities(b, p, &u->identities))
        return false;
    return put(b, &b->program->users, p->id, u);
}

/* The certificate itself comes first, its chain behind it; `data` is the private key. */
static bool make_certificate(struct builder *b, const struct part *p, struct fact_certificate *to)
{
    struct json_iter it = json_iter(json_get(p->properties, "certificates"));

    *to = (struct fact_certificate){ .id = p->id, .key = part_text(p, "data") };
    if (json_next(&it))
        to->der = crypto_base64_decode(b->arena, json_str(it.value));
    return to->der.n || err_set(b->err, "certificate %.*s: it has no certificate", SLICE_ARG(p->id));
}

static bool make_certificates(struct builder *b)
{
    struct fact_deployment *d = &b->program->deployment;
    struct fact_certificate *list;
    size_t n = 0;

    for (const struct part *p = b->parts[PART_CERTIFICATE]; p; p = p->next)
        n++;
    list = arena_array(b->arena, struct fact_certificate, n + 1);
    if (!list)
        return err_set(b->err, "out of memory");
    d->certificates = list;
    for (const struct part *p = b->parts[PART_CERTIFICATE]; p; p = p->next)
        if (!make_certificate(b, p, &list[d->n_certificates++]))
            return false;
    return true;
}

bool program_make_values(struct builder *b)
{
    read_repository(b);
    if (!make_named_values(b) || !make_certificates(b))
        return false;
    for (const struct part *p = b->parts[PART_BACKEND]; p; p = p->next)
        if (!make_backend(b, p))
            return false;
    for (const struct part *p = b->parts[PART_FRAGMENT]; p; p = p->next)
        if (!make_fragment(b, p))
            return false;
    for (const struct part *p = b->parts[PART_USER]; p; p = p->next)
        if (!make_user(b, p))
            return false;
    for (struct part *p = b->parts[PART_VERSION_SET]; p; p = p->next)
        if (!put(b, &b->program->version_sets, p->id, p))
            return false;
    return true;
}
