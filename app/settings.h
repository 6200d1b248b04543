/* Settings: defaults, configuration file, environment, --set; later wins (interface.md section 2). */
#ifndef APP_SETTINGS_H
#define APP_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "platform/base/arena.h"
#include "platform/base/err.h"
#include "platform/base/slice.h"

enum setting {
#define SETTING(id, name, type, fallback, state, meaning) SET_##id,
#include "app/settings.def"
#undef SETTING
    SETTINGS_COUNT
};

enum setting_source { SETTING_DEFAULT, SETTING_FILE, SETTING_ENVIRONMENT, SETTING_COMMAND_LINE };

struct setting_value {
    const char *text; /* zero-terminated, valid for the setting's type */
    enum setting_source source;
};

struct settings {
    struct setting_value values[SETTINGS_COUNT];
    struct arena arena; /* owns the texts */
};

/* Defaults only. settings_close frees. */
void settings_open(struct settings *s);
void settings_close(struct settings *s);
/* `name=value` lines, '#' comments. An unknown name or bad value is an error with file, line and the nearest known name. */
bool settings_read_file(struct settings *s, const char *path, struct err *err);
/* The process environment: dotted names and their upper-case forms. Unknown dotted names of our families are reported to warn. */
bool settings_read_environment(struct settings *s, char **environment, void (*warn)(const char *text), struct err *err);
/* One NAME=VALUE of --set. */
bool settings_set(struct settings *s, const char *assignment, struct err *err);
/* Take over one value of other settings. False: no room. */
bool settings_take(struct settings *s, const struct settings *from, enum setting id);
/* Warnings about settings that are accepted but do nothing here. */
void settings_warn_idle(const struct settings *s, void (*warn)(const char *text));

const char *settings_text(const struct settings *s, enum setting id);
bool settings_bool(const struct settings *s, enum setting id);
/* NUMBER, PORT, SIZE (bytes), MS (milliseconds). */
uint64_t settings_u64(const struct settings *s, enum setting id);
const char *settings_name(enum setting id);
bool settings_is_default(const struct settings *s, enum setting id);
/* Part i of a LIST, or the empty slice with p == NULL behind the last. */
struct slice settings_list(const struct settings *s, enum setting id, size_t i);

/* All settings with default, source and present value. */
void settings_print(const struct settings *s, FILE *out);

/* `30`, `30s`, `500ms`, `5m`, `12h`, `00:00:30`, `P30D` and the like, in milliseconds. */
bool settings_parse_duration(struct slice text, uint64_t *ms);
/* `32k`, `4m`, `1g`, bytes. */
bool settings_parse_size(struct slice text, uint64_t *bytes);

#endif
