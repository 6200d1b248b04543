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

static const char *const source_names[] = { "default", "file", "environment", "--set" };

/* First parts of the names that are ours in an environment full of others'. */
static const char *const families[] = { "config.", "gateway.", "cache.", "net.", "telemetry.", "admin.", "limits.",
                                        "timeout.", "health.", "certificates.", "observability.", "security.",
                                        "neighborhood.", "policy.", "k8s.", "runtime." };

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

/* [d.]hh:mm:ss as .NET prints a TimeSpan. */
static bool parse_timespan(struct slice v, uint64_t *ms)
{
    struct slice part[3], rest = v;
    uint64_t n[3], days = 0;
    ptrdiff_t dot = slice_find_byte(v, '.');

    if (dot >= 0) {
        if (!slice_to_u64(slice_first(v, (size_t)dot), 1000000, &days))
            return false;
        rest = slice_skip(v, (size_t)dot + 1);
    }
    for (int i = 0; i < 3; i++)
        if (!slice_cut(&rest, ':', &part[i]) || !slice_to_u64(part[i], 1000000, &n[i]))
            return false;
    *ms = (((days * 24 + n[0]) * 60 + n[1]) * 60 + n[2]) * 1000;
    return rest.p == NULL;
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
        return slice_to_u64(v, UINT64_MAX / 4, out);
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
        *wanted = "a number";
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

static bool assign(struct settings *s, int id, struct slice value, enum setting_source source, struct err *err)
{
    const struct setting_def *def = &defs[id];
    const char *wanted = "";

    value = slice_trim(value);
    if (!value_fits(def, value, &wanted))
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
        if (!assign(s, id, slice_skip(line, (size_t)eq + 1), SETTING_ENVIRONMENT, err))
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
    bool secret = i == SET_ADMIN_TOKEN || i == SET_CONFIG_AUTH;

    return secret && s->values[i].text[0] && s->values[i].text[0] != '@' ? "***" : s->values[i].text;
}

void settings_print(const struct settings *s, FILE *out)
{
    for (size_t i = 0; i < SETTINGS_COUNT; i++) {
        if (defs[i].state == STATE_AZURE)
            continue;
        fprintf(out, "%s = %s\n    %s%s\n    default: %s; from: %s\n", defs[i].name, shown_value(s, i), defs[i].meaning,
                defs[i].state == STATE_LATER ? " (not built yet)" : "", defs[i].fallback[0] ? defs[i].fallback : "(empty)",
                source_names[s->values[i].source]);
    }
    fputs("\nAccepted without effect, so that settings of the self-hosted gateway can be taken as they are:\n", out);
    for (size_t i = 0; i < SETTINGS_COUNT; i++)
        if (defs[i].state == STATE_AZURE)
            fprintf(out, "  %s\n", defs[i].name);
}
