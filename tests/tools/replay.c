/* The main of build/replay/NAME: feeds a fuzz target the files of tests/fuzz/corpus/NAME, so that
 * what fuzzing once found stays found. The target's own asserts and the sanitizers are the check. */
#include <dirent.h>
#include <libgen.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void replay(const char *path)
{
    FILE *file = fopen(path, "rb");
    long size;
    uint8_t *data;

    if (!file || fseek(file, 0, SEEK_END) || (size = ftell(file)) < 0) {
        perror(path);
        exit(1);
    }
    rewind(file);
    data = malloc((size_t)size);         /* of exactly this size: a read beyond it is seen */
    if ((size && !data) || fread(data, 1, (size_t)size, file) != (size_t)size) {
        perror(path);
        exit(1);
    }
    fclose(file);
    printf("%s\n", path);
    fflush(stdout);
    LLVMFuzzerTestOneInput(data, (size_t)size);
    free(data);
}

int main(int argc, char **argv)
{
    char folder[512], path[1024];
    DIR *dir;
    struct dirent *entry;

    snprintf(folder, sizeof folder, "tests/fuzz/corpus/%s", basename(argv[0]));
    dir = opendir(folder);
    if (!dir) {
        perror(folder);
        return 1;
    }
    while ((entry = readdir(dir))) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        replay(path);
    }
    closedir(dir);
    return 0;
}
