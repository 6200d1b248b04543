/* Options and messages of all commands. */
#include "app/cli.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "platform/file.h"

#define DEFAULT_CONFIG "/etc/holdfast/holdfast.conf"

static bool quiet_warnings;

void cli_set_quiet(bool quiet)
{
    quiet_warnings = quiet;
}

static void remove_args(struct cli *c, int at, int n)
{
    memmove(&c->args[at], &c->args[at + n], (size_t)(c->n_args - at - n) * sizeof *c->args);
    c->n_args -= n;
}

bool cli_flag(struct cli *c, const char *name)
{
    for (int i = 0; i < c->n_args && strcmp(c->args[i], "--") != 0; i++)
        if (strcmp(c->args[i], name) == 0) {
            remove_args(c, i, 1);
            return true;
        }
    return false;
}

static bool take_value(struct cli *c, int i, const char *name, const char **value)
{
    size_t n = strlen(name);

    if (strncmp(c->args[i], name, n) != 0)
        return false;
    if (c->args[i][n] == '=') {
        *value = c->args[i] + n + 1;
        remove_args(c, i, 1);
        return true;
    }
    if (c->args[i][n])
        return false;
    if (i + 1 == c->n_args) {
        c->failed = true;
        cli_fail(CLI_USAGE, "%s: %s needs a value: see `holdfast help %s`", c->command, name, c->command);
        return false;
    }
    *value = c->args[i + 1];
    remove_args(c, i, 2);
    return true;
}

size_t cli_values(struct cli *c, const char *name, const char **out, size_t max)
{
    size_t n = 0;

    for (int i = 0; i < c->n_args && strcmp(c->args[i], "--") != 0;) {
        if (n < max && take_value(c, i, name, &out[n]))
            n++;
        else
            i++;
    }
    return n;
}

const char *cli_value(struct cli *c, const char *name)
{
    const char *found[8];
    size_t n = cli_values(c, name, found, COUNT_OF(found));

    return n ? found[n - 1] : NULL;
}

bool cli_check_args(struct cli *c, int min, int max)
{
    if (c->failed)
        return false;
    for (int i = 0; i < c->n_args; i++) {
        if (strcmp(c->args[i], "--") == 0) {
            remove_args(c, i, 1);
            break;
        }
        /* "-2" names a generation. */
        if (c->args[i][0] == '-' && c->args[i][1] && !ascii_is_digit(c->args[i][1])) {
            cli_fail(CLI_USAGE, "%s: %s: no such option: see `holdfast help %s`", c->command, c->args[i], c->command);
            return false;
        }
    }
    if (c->n_args >= min && c->n_args <= max)
        return true;
    if (c->n_args > max)
        cli_fail(CLI_USAGE, "%s: %s: one argument too many: see `holdfast help %s`", c->command, c->args[max], c->command);
    else
        cli_fail(CLI_USAGE, "%s: an argument is missing: see `holdfast help %s`", c->command, c->command);
    return false;
}

/* In one write, so that it stays one line where others write to the same descriptor. */
static void say(const char *word, const char *text)
{
    char line[ERR_MAX + 300];
    int n = snprintf(line, sizeof line - 1, "holdfast: %s%s", word, text);

    if (n < 0)
        return;
    if ((size_t)n > sizeof line - 2)
        n = sizeof line - 2;
    line[n++] = '\n';
    fwrite(line, 1, (size_t)n, stderr);
}

int cli_fail(int code, const char *fmt, ...)
{
    char line[ERR_MAX + 256];
    va_list args;

    va_start(args, fmt);
    vsnprintf(line, sizeof line, fmt, args);
    va_end(args);
    for (char *p = line; *p; p++) /* one line, whatever the value that it names */
        if ((unsigned char)*p < ' ' || *p == 0x7f)
            *p = '?';
    say("", line);
    return code;
}

void cli_warn(const char *text)
{
    if (!quiet_warnings)
        say("warning: ", text);
}

bool cli_read_settings(const struct cli *c, struct settings *out, void (*warn)(const char *text), struct err *err)
{
    const char *file = c->config;

    if (!file && file_exists(DEFAULT_CONFIG))
        file = DEFAULT_CONFIG;
    if (file && !settings_read_file(out, file, err))
        return false;
    if (!settings_read_environment(out, environ, warn, err))
        return false;
    for (size_t i = 0; i < c->n_sets; i++)
        if (!settings_set(out, c->sets[i], err))
            return false;
    return true;
}

static bool can_write(const char *path)
{
    return file_is_dir(path) && access(path, W_OK) == 0;
}

/* The first that can be written: /var/lib/holdfast, /apim/config, $STATE_DIRECTORY; else ./holdfast-cache. */
static const char *default_cache(bool create)
{
    static const char *const places[] = { "/var/lib/holdfast", "/apim/config" };
    const char *state = getenv("STATE_DIRECTORY");

    for (size_t i = 0; i < COUNT_OF(places); i++)
        if (can_write(places[i]) || (create && i == 0 && file_make_dirs(places[i], 0700, NULL)))
            return places[i];
    if (state && state[0] && can_write(state))
        return state;
    return "./holdfast-cache";
}

bool cli_cache_path(struct cli *c, bool create, const char **path, struct err *err)
{
    *path = settings_text(&c->settings, SET_CACHE_PATH);
    if (!**path)
        *path = default_cache(create);
    if (create)
        return file_make_dirs(*path, 0700, err) || err_wrap(err, "cache.path");
    if (file_is_dir(*path))
        return true;
    return err_set(err, "cache.path: %s: no cache here: give --cache DIR", *path);
}
