/* Holdfast: an API gateway for the edge. This file finds the command, reads settings, and runs it. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/cli.h"
#include "platform/base/nearest.h"
#include "platform/file.h"

struct command {
    const char *name;
    int (*run)(struct cli *c);
    const char *summary, *usage, *examples;
    bool built;
};

enum { STATE_BUILT = 1, STATE_LATER = 0 };

#define LATER_COMMANDS \
    LATER(trace) LATER(origin) LATER(dev) LATER(doctor)

/* A command that is not built yet says so and exits 2. */
#define LATER(fn)                                                                       \
    int cmd_##fn(struct cli *c)                                                         \
    {                                                                                   \
        return cli_fail(CLI_USAGE, "%s: this command is not built yet", c->command);    \
    }
LATER_COMMANDS
#undef LATER

static const struct command commands[] = {
#define COMMAND(fn, name, state, summary, usage, examples) { name, cmd_##fn, summary, usage, examples, STATE_##state },
#include "app/commands.def"
#undef COMMAND
};

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < COUNT_OF(commands); i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

static struct slice command_name(const void *list, size_t i)
{
    (void)list;
    return slice_from(commands[i].name);
}

static int unknown_command(const char *name)
{
    ptrdiff_t near = nearest_find(slice_from(name), NULL, COUNT_OF(commands), command_name);

    if (near >= 0)
        return cli_fail(CLI_USAGE, "%s: no such command: did you mean %s?", name, commands[near].name);
    return cli_fail(CLI_USAGE, "%s: no such command: see `holdfast help`", name);
}

static int print_overview(FILE *out)
{
    fputs("Holdfast: an API gateway that keeps serving when the cloud is out of reach.\n\nusage: holdfast COMMAND [options]\n\n", out);
    for (size_t i = 0; i < COUNT_OF(commands); i++)
        if (commands[i].built)
            fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].summary);
    fputs("\nAll commands: --help, --json, -q, -v. Those that touch a cache or settings: --config FILE, --set NAME=VALUE, --cache DIR.\n"
          "`holdfast help COMMAND` explains one; `holdfast serve --help-settings` lists the settings.\n", out);
    return out == stdout ? CLI_DONE : CLI_USAGE;
}

static int print_help(const struct command *command)
{
    printf("%s: %s%s\n\nusage: %s\n", command->name, command->summary, command->built ? "" : " (not built yet)", command->usage);
    if (command->examples[0])
        printf("\nexamples:\n%s", command->examples);
    puts("\nexit codes: 0 done, 1 the answer is no, 2 usage or settings, 3 it could not be done");
    return CLI_DONE;
}

static bool read_settings(struct cli *c, struct err *err)
{
    const char *cache = cli_value(c, "--cache");

    c->config = cli_value(c, "--config");
    c->n_sets = cli_values(c, "--set", c->sets, CLI_SETS_MAX);
    if (cache && c->n_sets < CLI_SETS_MAX)
        c->sets[c->n_sets++] = arena_printf(&c->arena, "cache.path=%s", cache).p;
    return cli_read_settings(c, &c->settings, cli_warn, err);
}

static int run_command(const struct command *command, char **args, int n)
{
    struct cli c = { .command = command->name, .args = args, .n_args = n };
    struct err err;

    arena_init_growing(&c.arena, CLI_ARENA_BYTES);
    settings_open(&c.settings);
    c.json = cli_flag(&c, "--json");
    c.quiet = cli_flag(&c, "-q");
    c.verbose = cli_flag(&c, "-v");
    cli_set_quiet(c.quiet);
    int code = read_settings(&c, &err) ? command->run(&c) : cli_fail(CLI_USAGE, "%s", err.text);
    if (c.failed)
        code = CLI_USAGE;
    settings_close(&c.settings);
    arena_free(&c.arena);
    return code;
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";
    bool help = strcmp(name, "help") == 0;

    signal(SIGPIPE, SIG_IGN);
    if (argc < 2)
        return print_overview(stderr);
    if (strcmp(name, "--version") == 0)
        name = "version";
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || (help && argc == 2))
        return print_overview(stdout);
    const struct command *command = find_command(help ? argv[2] : name);
    if (!command)
        return unknown_command(help ? argv[2] : name);
    for (int i = 2; i < argc && strcmp(argv[i], "--") != 0; i++)
        help |= strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0;
    return help ? print_help(command) : run_command(command, argv + 2, argc - 2);
}
