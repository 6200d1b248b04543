/* Settings to sync options. */
#include "app/sync_setup.h"

#include <string.h>
#include <unistd.h>

#include "platform/file.h"
#include "platform/json.h"
#include "platform/log.h"

#define AUTH_FILE_MAX 65536u
/* Where an administrator puts CA certificates (Debian's update-ca-certificates). */
#define LOCAL_CA_DIR "/usr/local/share/ca-certificates"

/* "GatewayKey on-prem&20251231…&signature" -> "on-prem" */
static struct slice id_in_token(struct slice token)
{
    struct slice id;

    token = slice_trim(token);
    if (slice_starts_icase(token, SLICE("GatewayKey ")))
        token = slice_trim(slice_skip(token, sizeof "GatewayKey " - 1));
    if (slice_find_byte(token, '&') < 0 || !slice_cut(&token, '&', &id))
        return SLICE_NONE;
    return id;
}

bool sync_setup_gateway_id(struct cli *c, char out[257], struct err *err)
{
    struct slice id = slice_from(settings_text(&c->settings, SET_GATEWAY_ID));
    struct slice auth = slice_from(settings_text(&c->settings, SET_CONFIG_AUTH));

    if (!id.n)
        id = slice_from(settings_text(&c->settings, SET_GATEWAY_NAME));
    if (!id.n && slice_starts(auth, SLICE("@")) && !file_read(&c->arena, auth.p + 1, AUTH_FILE_MAX, &auth, err))
        return err_wrap(err, "config.service.auth");
    if (!id.n)
        id = id_in_token(auth);
    if (id.n > 256)
        return err_set(err, "gateway.id: longer than 256 characters");
    memcpy(out, id.n ? id.p : "", id.n);
    out[id.n] = 0;
    return true;
}

static bool limit_suites(const struct settings *s, bool server, enum setting id, struct err *err)
{
    const char *list = settings_text(s, id);

    return !*list || tls_allow_suites(server, slice_from(list)) || err_set(err, "%s: \"%s\": none of these suites is built in",
                                                                           settings_name(id), list);
}

bool sync_setup_tls(const struct cli *c, struct err *err)
{
    const struct settings *s = &c->settings;
    bool tls12 = settings_bool(s, SET_BACKEND_TLS12), tls13 = settings_bool(s, SET_BACKEND_TLS13);

    if (!tls12 && !tls13)
        return err_set(err, "%s: false, as is Tls13: no version of TLS is left", settings_name(SET_BACKEND_TLS12));
    tls_allow_client_versions(tls12, tls13);
    return limit_suites(s, true, SET_SERVER_SUITES, err) && limit_suites(s, false, SET_CLIENT_SUITES, err);
}

bool sync_setup_trust(const struct cli *c, struct tls_trust **out, struct err *err)
{
    const char *path = settings_text(&c->settings, SET_CA_PATH);

    if (!tls_trust_open(out, *path ? path : NULL, err))
        return *path ? err_wrap(err, "%s", settings_name(SET_CA_PATH)) : false;
    return !settings_bool(&c->settings, SET_LOCAL_CA) || !file_is_dir(LOCAL_CA_DIR) || tls_trust_add(*out, LOCAL_CA_DIR, err) ||
           err_wrap(err, "%s", settings_name(SET_LOCAL_CA));
}

static struct slice host_name(struct arena *a)
{
    char name[256] = "";

    (void)gethostname(name, sizeof name - 1);
    return arena_copy(a, slice_from(name[0] ? name : "localhost"));
}

struct slice sync_setup_choose_id(struct arena *a, const char *set, const struct store_generation *g)
{
    struct slice only = SLICE_NONE;
    size_t found = 0;

    if (set[0])
        return slice_from(set);
    for (size_t i = 0; i < g->n && found < 2; i++) {
        if (!slice_starts(g->lines[i], SLICE("{\"kind\":\"gateway\"")))
            continue;
        found++;
        only = json_str(json_get(json_parse(a, g->lines[i], NULL), "id"));
    }
    return found == 1 ? only : host_name(a);
}

/* ---- a cycle without a gateway: compile, and let go ---- */

static void log_warning(void *arg, const char *text)
{
    (void)arg;
    log_warn("ConfigurationWarning", "%s", text);
}

static bool accept_and_forget(void *arg, const struct store_generation *g, void **program, struct err *err)
{
    const struct sync_setup *setup = arg;
    struct program *compiled;
    struct arena a;

    arena_init_growing(&a, 1 << 20);
    struct program_input input = { .lines = g->lines, .n = g->n, .generation = (uint64_t)g->gen,
                                   .gateway_id = sync_setup_choose_id(&a, setup->gateway_id, g), .region = setup->region,
                                   .instance_id = setup->instance_id };
    struct program_report report = { .warning = log_warning };
    bool ok = program_build(&input, &report, &compiled, err);
    arena_free(&a);
    if (ok)
        program_free(compiled);
    *program = NULL;
    return ok;
}

static size_t take_list(const struct settings *s, enum setting id, struct slice *out)
{
    size_t n = 0;

    while (n < SYNC_LIST_MAX && settings_list(s, id, n).p) {
        out[n] = settings_list(s, id, n);
        n++;
    }
    return n;
}

bool sync_setup_fill(struct cli *c, struct store *store, struct sync_setup *setup, struct err *err)
{
    const struct settings *s = &c->settings;

    memset(setup, 0, sizeof *setup);
    if (!sync_setup_gateway_id(c, setup->gateway_id, err))
        return false;
    setup->region = slice_from(settings_text(s, SET_GATEWAY_REGION));
    setup->instance_id = host_name(&c->arena);
    setup->options = (struct sync_options){
        .endpoints = setup->endpoints, .n_endpoints = take_list(s, SET_CONFIG_ENDPOINT, setup->endpoints),
        .auth = settings_text(s, SET_CONFIG_AUTH), .channel = settings_text(s, SET_CONFIG_CHANNEL),
        .roots = setup->roots, .n_roots = take_list(s, SET_CONFIG_TRUST_ROOT, setup->roots),
        .refresh_ms = settings_u64(s, SET_CONFIG_REFRESH), .exchange_ms = settings_u64(s, SET_CONFIG_TIMEOUT), .gateway_id = setup->gateway_id,
        .skip_verify = settings_bool(s, SET_CONFIG_SKIP_VERIFY), .store = store,
        .hooks = { .accept = accept_and_forget, .arg = setup },
    };
    return true;
}
