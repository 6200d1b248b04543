/* version: what this binary is and what it is made of. */
#include <stdio.h>

#include "app/cli.h"
#include "platform/target.h"

/* All come from the Makefile: version, commit, and "name version" of every library, separated by commas. */
#ifndef HOLDFAST_VERSION
#define HOLDFAST_VERSION "0"
#endif
#ifndef HOLDFAST_COMMIT
#define HOLDFAST_COMMIT "unknown"
#endif
#ifndef HOLDFAST_LIBRARIES
#define HOLDFAST_LIBRARIES ""
#endif

int cmd_version(struct cli *c)
{
    struct slice rest = SLICE(HOLDFAST_LIBRARIES), library, name;
    bool first = true;

    if (!cli_check_args(c, 0, 0))
        return CLI_USAGE;
    if (c->json)
        printf("{\"version\":\"" HOLDFAST_VERSION "\",\"commit\":\"" HOLDFAST_COMMIT "\",\"target\":\"%s\",\"libraries\":{", PLATFORM_TARGET);
    else
        printf("holdfast " HOLDFAST_VERSION " (%s, commit " HOLDFAST_COMMIT ")\n", PLATFORM_TARGET);
    while (rest.n && slice_cut(&rest, ',', &library)) {
        if (!slice_cut(&library, ' ', &name))
            continue;
        if (c->json)
            printf("%s\"%.*s\":\"%.*s\"", first ? "" : ",", SLICE_ARG(name), SLICE_ARG(library));
        else
            printf("  %.*s %.*s\n", SLICE_ARG(name), SLICE_ARG(library));
        first = false;
    }
    if (c->json)
        puts("}}");
    return CLI_DONE;
}
