/* completion: scripts for shells, out of the tables of commands and settings. Options and words of a command are taken from its
 * usage line. */
#include <stdio.h>
#include <string.h>

#include "app/cli.h"

struct words {
    const char *name, *summary, *usage;
    bool built;
};

enum { STATE_BUILT = 1, STATE_LATER = 0 };

static const struct words commands[] = {
#define COMMAND(fn, name, state, summary, usage, examples) { name, summary, usage, STATE_##state },
#include "app/commands.def"
#undef COMMAND
};

static const char *const common[] = { "--help", "--json", "-q", "-v" };

/* ---- words of a usage line ---- */

static bool is_word(struct slice s, const char *command)
{
    bool option = slice_starts(s, SLICE("-"));

    if (s.n < 2 || slice_eq(s, SLICE("holdfast")) || slice_eq(s, slice_from(command)))
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (!(s.p[i] >= 'a' && s.p[i] <= 'z') && s.p[i] != '-')
            return false;
    return option || s.p[s.n - 1] != '-';
}

/* The next word of a usage line from *p on; the empty slice at its end. */
static struct slice next_word(const char **p)
{
    static const char between[] = " []|\n";

    *p += strspn(*p, between);
    struct slice word = slice_of(*p, strcspn(*p, between));
    *p += word.n;
    return word;
}

static bool stands_before(const char *usage, struct slice word)
{
    for (const char *p = usage; p < word.p;) {
        struct slice other = next_word(&p);
        if (other.p < word.p && slice_eq(other, word))
            return true;
    }
    return false;
}

/* Options ("--json") or plain words ("pin", "apis") of a usage line, each once; call put for each. */
static void each_word(const struct words *c, bool options, void (*put)(const struct words *c, struct slice word))
{
    const char *p = c->usage;

    for (struct slice word = next_word(&p); word.n; word = next_word(&p))
        if (is_word(word, c->name) && slice_starts(word, SLICE("-")) == options && !stands_before(c->usage, word))
            put(c, word);
}

static void put_plain(const struct words *c, struct slice word)
{
    (void)c;
    printf(" %.*s", SLICE_ARG(word));
}

static void put_all_words(const struct words *c)
{
    each_word(c, true, put_plain);
    each_word(c, false, put_plain);
    for (size_t i = 0; i < COUNT_OF(common); i++)
        printf(" %s", common[i]);
}

static void put_commands(void)
{
    for (size_t i = 0; i < COUNT_OF(commands); i++)
        if (commands[i].built)
            printf(" %s", commands[i].name);
    printf(" help");
}

static void put_settings(void)
{
    for (int i = 0; i < SETTINGS_COUNT; i++)
        printf(" %s=", settings_name((enum setting)i));
}

/* ---- shells ---- */

static void bash(void)
{
    printf("# bash completion: source <(holdfast completion bash)\n"
           "_holdfast() {\n    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} words=\n"
           "    if [ \"$COMP_CWORD\" = 1 ] || { [ \"$COMP_CWORD\" = 2 ] && [ \"$prev\" = help ]; }; then\n        words=\"");
    put_commands();
    printf("\"\n    elif [ \"$prev\" = --set ]; then\n        compopt -o nospace 2>/dev/null\n        words=\"");
    put_settings();
    printf("\"\n    else\n        case ${COMP_WORDS[1]} in\n");
    for (size_t i = 0; i < COUNT_OF(commands); i++) {
        if (!commands[i].built)
            continue;
        printf("        %s) words=\"", commands[i].name);
        put_all_words(&commands[i]);
        printf("\" ;;\n");
    }
    printf("        esac\n    fi\n    COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
           "    [ \"$COMP_CWORD\" -gt 1 ] && [ \"${#COMPREPLY[@]}\" = 0 ] && COMPREPLY=($(compgen -f -- \"$cur\"))\n    return 0\n}\n"
           "complete -o filenames -F _holdfast holdfast\n");
}

/* In single quotes. */
static void put_quoted(const char *text)
{
    for (; *text; text++)
        if (*text == '\'')
            fputs("'\\''", stdout);
        else
            putchar(*text);
}

static void zsh(void)
{
    printf("#compdef holdfast\n# zsh completion: holdfast completion zsh > \"${fpath[1]}/_holdfast\"\n_holdfast() {\n    local -a commands=(\n");
    for (size_t i = 0; i < COUNT_OF(commands); i++) {
        if (!commands[i].built)
            continue;
        printf("        '%s:", commands[i].name);
        put_quoted(commands[i].summary);
        printf("'\n");
    }
    printf("        'help:explain a command'\n    )\n    if (( CURRENT == 2 )) || { (( CURRENT == 3 )) && [[ $words[2] == help ]]; }; then\n"
           "        _describe command commands\n        return\n    fi\n    if [[ $words[CURRENT-1] == --set ]]; then\n"
           "        compadd -S '' --");
    put_settings();
    printf("\n        return\n    fi\n    case $words[2] in\n");
    for (size_t i = 0; i < COUNT_OF(commands); i++) {
        if (!commands[i].built)
            continue;
        printf("    %s) compadd --", commands[i].name);
        put_all_words(&commands[i]);
        printf(" ;;\n");
    }
    printf("    esac\n    _files\n}\nif [ \"$funcstack[1]\" = _holdfast ]; then _holdfast \"$@\"; else compdef _holdfast holdfast; fi\n");
}

static void put_fish_option(const struct words *c, struct slice word)
{
    if (slice_starts(word, SLICE("--")))
        printf("complete -c holdfast -n '__fish_seen_subcommand_from %s' -l %.*s\n", c->name, SLICE_ARG(slice_skip(word, 2)));
}

static void put_fish_word(const struct words *c, struct slice word)
{
    printf("complete -c holdfast -n '__fish_seen_subcommand_from %s' -a %.*s\n", c->name, SLICE_ARG(word));
}

static void fish(void)
{
    printf("# fish completion: holdfast completion fish > ~/.config/fish/completions/holdfast.fish\n");
    for (size_t i = 0; i < COUNT_OF(commands); i++) {
        if (!commands[i].built)
            continue;
        printf("complete -c holdfast -f -n __fish_use_subcommand -a %s -d '", commands[i].name);
        put_quoted(commands[i].summary);
        printf("'\n");
        each_word(&commands[i], true, put_fish_option);
        each_word(&commands[i], false, put_fish_word);
    }
    for (int i = 0; i < SETTINGS_COUNT; i++)
        printf("complete -c holdfast -n '__fish_prev_arg_in --set' -a %s=\n", settings_name((enum setting)i));
    printf("complete -c holdfast -l help\ncomplete -c holdfast -l json\n");
}

int cmd_completion(struct cli *c)
{
    static const struct {
        const char *name;
        void (*print)(void);
    } shells[] = { { "bash", bash }, { "zsh", zsh }, { "fish", fish } };

    if (!cli_check_args(c, 1, 1))
        return CLI_USAGE;
    for (size_t i = 0; i < COUNT_OF(shells); i++)
        if (strcmp(c->args[0], shells[i].name) == 0) {
            shells[i].print();
            return CLI_DONE;
        }
    return cli_fail(CLI_USAGE, "completion: %s: give bash, zsh or fish", c->args[0]);
}
