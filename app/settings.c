/* Settings from four sources; every value is checked when it is given, so that later code can trust it. */
#include "app/settings.h"

#include <string.h>

#include "platform/base/nearest.h"
#include "platform/file.h"

#define SETTINGS_BYTES_MAX (1u << 20)
#define NAME_BYTES_MAX 128u

enum setting_type { TYPE_TEXT, TYPE_BOOL, TYPE_NUMBER, TYPE_PORT, TYPE_SIZE, TYPE_MS, TYPE_LIST };
enum setting_state { STATE_LIVE, STATE_LATER, STATE_AZURE };

struct setting_def {
    const char *name;
    enum setting_type type;
    const char *fallback;
    enum setting_state state;
    const char *meaning;
};

static const struct setting_def defs[SETTINGS_COUNT] = {
#define SETTING(id, name, type, fallback, state, meaning) { name, TYPE_##type, fallback, STATE_##state, meaning },
#include "app/settings.def"
#undef SETTING
};

/* Values of settings that are a choice. */
static const struct {
    enum setting id;
    const char *values;
} choices[] = {
    { SET_LOGS_STD, "none, text, json, true, false" },
    { SET_LOGS_STD_LEVEL, "all, debug, info, warn, error, fatal" },
    { SET_LOGS_LOCAL, "none, auto, true, false, localsyslog, rfc5424, journal, json, forward" },
    { SET_METRICS_LOCAL, "none, true, false, statsd" },
};

/* A request needs some memory for its head and its answer, whatever its policies do. */
#define ARENA_LEAST (64u << 10)
/* Counts are kept in 32 bits. */
#define NUMBER_MOST INT32_MAX

static const char *const source_names[] = { "default", "file", "environment", "--set" };

/* First parts of the names that are ours in an environment full of others'. */
static const char *const families[] = { "config.", "gateway.", "cache.", "net.", "telemetry.", "admin.", "limits.",
                                        "timeout.", "health.", "certificates.", "observability.", "security.",
                                        "neighborhood.", "policy.", "k8s.", "runtime.", "identity." };

void settings_open(struct settings *s)
{
    memset(s, 0, sizeof *s);
    arena_init_growing(&s->arena, SETTINGS_BYTES_MAX);
    for (size_t i = 0; i < SETTINGS_COUNT; i++)
        s->values[i] = (struct setting_value){ defs[i].fallback, SETTING_DEFAULT };
}

void settings_close(struct settings *s)
{
    arena_free(&s->arena);
}

const char *settings_name(enum setting id)
{
    return defs[id].name;
}

static int find_setting(struct slice name)
{
    for (int i = 0; i < SETTINGS_COUNT; i++)
        if (slice_eq(name, slice_from(defs[i].name)))
            return i;
    return -1;
}

static struct slice name_at(const void *list, size_t i)
{
    (void)list;
    return slice_from(defs[i].name);
}

static bool unknown_name(struct slice name, struct err *err)
{
    name = slice_first(name, NAME_BYTES_MAX);
    ptrdiff_t near = nearest_find(name, NULL, SETTINGS_COUNT, name_at);

    if (near >= 0)
        return err_set(err, "%.*s: no such setting: did you mean %s?", SLICE_ARG(name), defs[near].name);
    return err_set(err, "%.*s: no such setting: `holdfast serve --help-settings` lists them", SLICE_ARG(name));
}

/* ---- values ---- */

static bool parse_bool(struct slice v, bool *out)
{
    *out = slice_eq_icase(v, SLICE("true")) || slice_eq(v, SLICE("1"));
    return *out || slice_eq_icase(v, SLICE("false")) || slice_eq(v, SLICE("0"));
}

static bool scaled(struct slice digits, uint64_t scale, uint64_t *out)
{
    uint64_t n;

    return slice_to_u64(digits, UINT64_MAX / 4, &n) && !__builtin_mul_overflow(n, scale, out);
}

bool settings_parse_size(struct slice v, uint64_t *bytes)
{
    uint64_t scale = 1;
    char last = v.n ? ascii_lower(v.p[v.n - 1]) : 0;

    if (last == 'k' || last == 'm' || last == 'g') {
        scale = last == 'k' ? UINT64_C(1) << 10 : last == 'm' ? UINT64_C(1) << 20 : UINT64_C(1) << 30;
        v.n--;
    }
    return scaled(v, scale, bytes);
}

/* Of a fraction's digits (up to 7, ticks) the first three count. */
static bool parse_fraction(struct slice digits, uint64_t *ms)
{
    uint64_t ticks, scale = 1;

    for (size_t i = digits.n; i < 7; i++)
        scale *= 10;
    if (digits.n > 7 || !slice_to_u64(digits, 9999999, &ticks))
        return false;
    *ms = ticks * scale / 10000;
    return true;
}

/* [d.]hh:mm:ss[.fffffff] as .NET prints a TimeSpan. */
static bool parse_timespan(struct slice v, uint64_t *ms)
{
    struct slice part[3], rest = v, seconds;
    uint64_t n[3], days = 0, fraction = 0;
    ptrdiff_t dot = slice_find_byte(v, '.');

    if (dot >= 0 && dot < slice_find_byte(v, ':')) {
        if (!slice_to_u64(slice_first(v, (size_t)dot), 1000000, &days))
            return false;
        rest = slice_skip(v, (size_t)dot + 1);
    }
    for (int i = 0; i < 2; i++)
        if (!slice_cut(&rest, ':', &part[i]) || !slice_to_u64(part[i], 1000000, &n[i]))
            return false;
    part[2] = rest;
    if (!slice_cut(&part[2], '.', &seconds) || !slice_to_u64(seconds, 1000000, &n[2]) ||
        (part[2].p && !parse_fraction(part[2], &fraction)))
        return false;
    *ms = (((days * 24 + n[0]) * 60 + n[1]) * 60 + n[2]) * 1000 + fraction;
    return true;
}

/* P30D, PT5M, P1DT12H: weeks, days, hours, minutes, seconds; no months or years. */
static bool parse_iso8601(struct slice v, uint64_t *ms)
{
    uint64_t total = 0, value = 0;
    bool time = false, digits = false;

    for (size_t i = 1; i < v.n; i++) {
        char c = v.p[i];
        if (ascii_is_digit(c)) {
            value = value * 10 + (uint64_t)(c - '0');
            digits = true;
            if (value > 1000000000)
                return false;
            continue;
        }
        if (c == 'T' && !digits) {
            time = true;
            continue;
        }
        uint64_t unit = !time && c == 'W' ? 604800 : !time && c == 'D' ? 86400 : time && c == 'H' ? 3600
                      : time && c == 'M' ? 60 : time && c == 'S' ? 1 : 0;
        if (!unit || !digits)
            return false;
        total += value * unit * 1000;
        value = 0;
        digits = false;
    }
    *ms = total;
    return v.n > 2 && !digits;
}

bool settings_parse_duration(struct slice v, uint64_t *ms)
{
    static const struct { struct slice suffix; uint64_t scale; } units[] = {
        { SLICE_INIT("ms"), 1 }, { SLICE_INIT("s"), 1000 }, { SLICE_INIT("m"), 60000 },
        { SLICE_INIT("h"), 3600000 }, { SLICE_INIT("d"), 86400000 },
    };

    if (slice_find_byte(v, ':') >= 0)
        return parse_timespan(v, ms);
    if (v.n && v.p[0] == 'P')
        return parse_iso8601(v, ms);
    for (size_t i = 0; i < COUNT_OF(units); i++)
        if (slice_ends(v, units[i].suffix))
            return scaled(slice_first(v, v.n - units[i].suffix.n), units[i].scale, ms);
    return scaled(v, 1000, ms);
}

static bool parse_u64(enum setting_type type, struct slice v, uint64_t *out)
{
    switch (type) {
    case TYPE_NUMBER:
        return slice_to_u64(v, NUMBER_MOST, out);
    case TYPE_PORT:
        return slice_to_u64(v, 65535, out);
    case TYPE_SIZE:
        return settings_parse_size(v, out);
    case TYPE_MS:
        return settings_parse_duration(v, out);
    default:
        return false;
    }
}

static bool value_fits(const struct setting_def *def, struct slice v, const char **wanted)
{
    uint64_t n;
    bool b;

    switch (def->type) {
    case TYPE_TEXT:
    case TYPE_LIST:
        return true;
    case TYPE_BOOL:
        *wanted = "true or false";
        return parse_bool(v, &b);
    case TYPE_NUMBER:
        *wanted = "a number, up to 2147483647";
        break;
    case TYPE_PORT:
        *wanted = "a port, 0 to 65535";
        break;
    case TYPE_SIZE:
        *wanted = "bytes, like 32k or 4m";
        break;
    case TYPE_MS:
        *wanted = "a duration, like 30s, 5m, 00:00:30 or P1D";
        break;
    }
    return parse_u64(def->type, v, &n);
}

/* One of a choice, in any case; *value becomes the spelling of the table. */
static bool choose(int id, struct slice *value, const char **wanted)
{
    struct slice rest = SLICE(""), one;

    for (size_t i = 0; i < COUNT_OF(choices); i++)
        if ((int)choices[i].id == id)
            rest = slice_from(*wanted = choices[i].values);
    if (!rest.n)
        return true;
    while (slice_cut(&rest, ',', &one))
        if (slice_eq_icase(*value, slice_trim(one))) {
            *value = slice_trim(one);
            return true;
        }
    return false;
}

/* Limits and time-outs of zero would refuse every request. */
static bool is_in_bounds(int id, struct slice value, const char **wanted)
{
    const struct setting_def *def = &defs[id];
    struct slice name = slice_from(def->name);
    bool bounded = slice_starts(name, SLICE("limits.")) || slice_starts(name, SLICE("timeout.")) || id == SET_CONFIG_REFRESH ||
                   id == SET_CONFIG_TIMEOUT;
    uint64_t n;

    if (!bounded || !parse_u64(def->type, value, &n))
        return true;
    *wanted = id == SET_LIMIT_ARENA ? "at least 64k" : "more than 0";
    return n >= (id == SET_LIMIT_ARENA ? ARENA_LEAST : 1);
}

static bool assign(struct settings *s, int id, struct slice value, enum setting_source source, struct err *err)
{
    const struct setting_def *def = &defs[id];
    const char *wanted = "";

    value = slice_trim(value);
    if (def->state != STATE_AZURE && (!value_fits(def, value, &wanted) || !choose(id, &value, &wanted) ||
                                      !is_in_bounds(id, value, &wanted)))
        return err_set(err, "%s: \"%.*s\": give %s", def->name, SLICE_ARG(value), wanted);
    if (def->state == STATE_LATER && value.n)
        return err_set(err, "%s: not built yet: leave it out", def->name);
    char *text = arena_cstr(&s->arena, value);
    if (!text)
        return err_set(err, "%s: settings take more than %u bytes", def->name, SETTINGS_BYTES_MAX);
    s->values[id] = (struct setting_value){ text, source };
    return true;
}

static bool assign_named(struct settings *s, struct slice line, enum setting_source source, struct err *err)
{
    ptrdiff_t eq = slice_find_byte(line, '=');

    if (eq < 0)
        return err_set(err, "%.*s: give NAME=VALUE", SLICE_ARG(line));
    struct slice name = slice_trim(slice_first(line, (size_t)eq));
    int id = find_setting(name);
    if (id < 0)
        return unknown_name(name, err);
    return assign(s, id, slice_skip(line, (size_t)eq + 1), source, err);
}

bool settings_read_file(struct settings *s, const char *path, struct err *err)
{
    struct slice text, line;
    unsigned number = 0;

    if (!file_read(&s->arena, path, SETTINGS_BYTES_MAX / 2, &text, err))
        return false;
    if (slice_starts(text, SLICE("\xEF\xBB\xBF"))) /* some editors begin a file with it */
        text = slice_skip(text, 3);
    while (slice_cut(&text, '\n', &line)) {
        number++;
        line = slice_trim(line);
        if (line.n == 0 || line.p[0] == '#')
            continue;
        if (!assign_named(s, line, SETTING_FILE, err))
            return err_wrap(err, "%s:%u", path, number);
    }
    return true;
}

bool settings_set(struct settings *s, const char *assignment, struct err *err)
{
    return assign_named(s, slice_from(assignment), SETTING_COMMAND_LINE, err) || err_wrap(err, "--set");
}

bool settings_take(struct settings *s, const struct settings *from, enum setting id)
{
    char *text = arena_cstr(&s->arena, slice_from(from->values[id].text));

    if (text)
        s->values[id] = (struct setting_value){ text, from->values[id].source };
    return text != NULL;
}

/* ---- environment ---- */

/* config.service.endpoint -> CONFIG_SERVICE_ENDPOINT */
static bool is_upper_form(struct slice variable, const char *name)
{
    struct slice n = slice_from(name);

    if (variable.n != n.n)
        return false;
    for (size_t i = 0; i < n.n; i++) {
        char c = n.p[i] == '.' || n.p[i] == '-' ? '_' : ascii_upper(n.p[i]);
        if (variable.p[i] != c)
            return false;
    }
    return true;
}

static int find_upper_form(struct slice variable)
{
    for (int i = 0; i < SETTINGS_COUNT; i++)
        if (is_upper_form(variable, defs[i].name))
            return i;
    return -1;
}

static bool is_our_family(struct slice name)
{
    for (size_t i = 0; i < COUNT_OF(families); i++)
        if (slice_starts(name, slice_from(families[i])))
            return true;
    return false;
}

static void warn_unknown_variable(struct slice name, void (*warn)(const char *))
{
    struct err err;

    unknown_name(name, &err);
    err_wrap(&err, "environment");
    warn(err.text);
}

/* Kubernetes writes tcp://10.0.0.1:80 into NET_SERVER_HTTP_PORT for a service called net-server-http; and a template that was
 * filled with nothing gives no number. */
static bool is_not_ours(int id, struct slice value)
{
    bool is_text = defs[id].type == TYPE_TEXT || defs[id].type == TYPE_LIST;

    return !is_text && (!slice_trim(value).n || slice_find(value, SLICE("://")) >= 0);
}

/* Two passes: upper-case forms first, so that a dotted name wins over its upper-case form. */
static bool read_variables(struct settings *s, char **environment, bool dotted, void (*warn)(const char *), struct err *err)
{
    for (char **e = environment; e && *e; e++) {
        struct slice line = slice_from(*e);
        ptrdiff_t eq = slice_find_byte(line, '=');
        if (eq <= 0)
            continue;
        struct slice name = slice_first(line, (size_t)eq);
        if ((slice_find_byte(name, '.') >= 0) != dotted)
            continue;
        int id = dotted ? find_setting(name) : find_upper_form(name);
        if (id < 0) {
            if (dotted && is_our_family(name))
                warn_unknown_variable(name, warn);
            continue;
        }
        struct slice value = slice_skip(line, (size_t)eq + 1);
        if (!is_not_ours(id, value) && !assign(s, id, value, SETTING_ENVIRONMENT, err))
            return err_wrap(err, "environment");
    }
    return true;
}

bool settings_read_environment(struct settings *s, char **environment, void (*warn)(const char *), struct err *err)
{
    return read_variables(s, environment, false, warn, err) && read_variables(s, environment, true, warn, err);
}

void settings_warn_idle(const struct settings *s, void (*warn)(const char *))
{
    char line[NAME_BYTES_MAX + 128];
    const char *log = settings_text(s, SET_LOGS_LOCAL);

    if (strchr("lrjf", log[0]) && strcmp(log, "false") != 0) {
        snprintf(line, sizeof line, "%s: %s: not built: the log goes to stdout", settings_name(SET_LOGS_LOCAL), log);
        warn(line);
    }
    if (strcmp(settings_text(s, SET_METRICS_LOCAL), "statsd") == 0)
        warn("telemetry.metrics.local: statsd: not built: metrics are on telemetry.metrics.prometheus.port");
    for (size_t i = 0; i < SETTINGS_COUNT; i++) {
        if (defs[i].state != STATE_AZURE || s->values[i].source == SETTING_DEFAULT)
            continue;
        snprintf(line, sizeof line, "%s: accepted, but it has no effect here", defs[i].name);
        warn(line);
    }
}

/* ---- reading ---- */

const char *settings_text(const struct settings *s, enum setting id)
{
    return s->values[id].text;
}

bool settings_bool(const struct settings *s, enum setting id)
{
    bool b = false;

    (void)parse_bool(slice_from(s->values[id].text), &b);
    return b;
}

uint64_t settings_u64(const struct settings *s, enum setting id)
{
    uint64_t n = 0;

    (void)parse_u64(defs[id].type, slice_from(s->values[id].text), &n);
    return n;
}

bool settings_is_default(const struct settings *s, enum setting id)
{
    return s->values[id].source == SETTING_DEFAULT;
}

struct slice settings_list(const struct settings *s, enum setting id, size_t i)
{
    struct slice rest = slice_from(s->values[id].text), part;

    while (slice_cut(&rest, ',', &part)) {
        part = slice_trim(part);
        if (part.n && i-- == 0)
            return part;
    }
    return SLICE_NONE;
}

static const char *shown_value(const struct settings *s, size_t i)
{
    bool secret = i == SET_ADMIN_TOKEN || i == SET_CONFIG_AUTH || i == SET_AZ_SECRET;

    return secret && s->values[i].text[0] && s->values[i].text[0] != '@' ? "***" : s->values[i].text;
}

static void print_one(const struct settings *s, size_t i, FILE *out)
{
    static const char *const notes[] = { "", "not built yet: ", "accepted without effect. " };

    fprintf(out, "%s = %s\n    %s%s\n    default: %s; from: %s\n", defs[i].name, shown_value(s, i), notes[defs[i].state],
            defs[i].meaning, defs[i].fallback[0] ? defs[i].fallback : "(empty)", source_names[s->values[i].source]);
}

void settings_print(const struct settings *s, FILE *out)
{
    for (size_t i = 0; i < SETTINGS_COUNT; i++)
        if (defs[i].state != STATE_AZURE)
            print_one(s, i, out);
    fputs("\nOf the self-hosted gateway, without meaning here:\n\n", out);
    for (size_t i = 0; i < SETTINGS_COUNT; i++)
        if (defs[i].state == STATE_AZURE)
            print_one(s, i, out);
}
