/* Files: reading with a limit, atomic and exclusive writes, directories. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "platform/file.h"

static char base[64];
static struct arena arena;
static struct err err;

static int make_base(void **state)
{
    (void)state;
    strcpy(base, "/tmp/holdfast-file-XXXXXX");
    arena_init_growing(&arena, 1 << 22);
    return mkdtemp(base) == NULL;
}

static int remove_base(void **state)
{
    char command[128];

    (void)state;
    arena_free(&arena);
    snprintf(command, sizeof command, "rm -rf %s", base);
    return system(command);
}

static const char *path(const char *name)
{
    return file_join(&arena, base, slice_from(name));
}

static void assert_content(const char *name, const char *expected)
{
    struct slice got;

    assert_true(file_read(&arena, path(name), 1 << 20, &got, &err));
    assert_int_equal(got.n, strlen(expected));
    assert_string_equal(got.p, expected);
}

static unsigned names_in_base(void)
{
    struct slice *names;
    size_t n;

    assert_true(file_list(&arena, base, &names, &n, &err));
    return (unsigned)n;
}

static void test_write_atomic_replaces_and_leaves_nothing_else(void **state)
{
    struct stat st;
    mode_t mask = umask(077);

    (void)state;
    assert_true(file_write_atomic(path("a"), SLICE("one"), 0644, &err));
    assert_content("a", "one");
    assert_true(file_write_atomic(path("a"), SLICE(""), 0600, &err));
    assert_content("a", "");
    assert_true(file_write_atomic(path("a"), SLICE("three"), 0640, &err));
    assert_content("a", "three");
    umask(mask);
    assert_int_equal(stat(path("a"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0640); /* whatever the umask */
    assert_int_equal(names_in_base(), 1);
}

static void test_write_atomic_that_fails_keeps_the_old_file(void **state)
{
    (void)state;
    assert_int_equal(mkdir(path("dir"), 0755), 0);
    assert_true(file_write_new(path("dir/kept"), SLICE("x"), 0644, &err));
    assert_false(file_write_atomic(path("dir"), SLICE("y"), 0644, &err)); /* a directory cannot be replaced */
    assert_non_null(strstr(err.text, "dir"));
    assert_int_equal(names_in_base(), 1); /* the temporary file is gone */
    assert_content("dir/kept", "x");
    assert_false(file_write_atomic(path("no/such/dir"), SLICE("y"), 0644, &err));
    assert_non_null(strstr(err.text, "No such file"));
}

static void test_write_atomic_is_whole_for_readers(void **state)
{
    static char big[2][100000];

    (void)state;
    memset(big[0], 'a', sizeof big[0]);
    memset(big[1], 'b', sizeof big[1]);
    assert_true(file_write_atomic(path("big"), slice_of(big[0], sizeof big[0]), 0644, &err));
    int old = open(path("big"), O_RDONLY);
    assert_true(file_write_atomic(path("big"), slice_of(big[1], sizeof big[1]), 0644, &err));
    char seen[2];
    assert_int_equal(pread(old, seen, 1, sizeof big[0] - 1), 1);
    assert_int_equal(seen[0], 'a'); /* an open reader keeps the old file: it was replaced, not overwritten */
    close(old);
}

static void test_write_new_never_overwrites(void **state)
{
    (void)state;
    assert_true(file_write_new(path("a"), SLICE("one"), 0600, &err));
    assert_false(file_write_new(path("a"), SLICE("two"), 0600, &err));
    assert_non_null(strstr(err.text, "File exists"));
    assert_content("a", "one");
    assert_int_equal(symlink("elsewhere", path("link")), 0);
    assert_false(file_write_new(path("link"), SLICE("two"), 0600, &err));
    assert_false(file_exists(path("elsewhere")));
}

static void test_read(void **state)
{
    struct slice got;

    (void)state;
    assert_false(file_read(&arena, path("none"), 10, &got, &err));
    assert_non_null(strstr(err.text, "none: cannot open: No such file"));
    assert_true(file_write_new(path("ten"), SLICE("0123456789"), 0600, &err));
    assert_true(file_read(&arena, path("ten"), 10, &got, &err));
    assert_int_equal(got.n, 10);
    assert_false(file_read(&arena, path("ten"), 9, &got, &err));
    assert_non_null(strstr(err.text, "at most 9"));
    assert_false(file_read(&arena, base, 10, &got, &err));
    assert_non_null(strstr(err.text, "is a directory"));
}

static void test_read_of_a_file_without_a_size(void **state)
{
    struct slice got;

    (void)state;
    assert_true(file_read(&arena, "/proc/self/maps", 1 << 20, &got, &err)); /* st_size is 0 */
    assert_true(got.n > 1000);
    assert_int_equal(got.p[got.n], 0);
    assert_int_equal(got.p[got.n - 1], '\n');
    assert_false(file_read(&arena, "/proc/self/maps", 100, &got, &err));
    assert_non_null(strstr(err.text, "larger than 100"));
}

static void test_read_without_room(void **state)
{
    static char memory[256];
    static const char long_text[400] = "x";
    struct arena small;
    struct slice got;

    (void)state;
    assert_true(file_write_new(path("f"), slice_of(long_text, sizeof long_text), 0600, &err));
    arena_init_fixed(&small, memory, sizeof memory);
    assert_false(file_read(&small, path("f"), 1000, &got, &err));
    assert_non_null(strstr(err.text, "no room"));
    arena_free(&small);
}

static void test_directories(void **state)
{
    (void)state;
    assert_true(file_make_dirs(path("x/y/z"), 0755, &err));
    assert_true(file_make_dirs(path("x/y/z/"), 0755, &err));
    assert_true(file_is_dir(path("x/y/z")));
    assert_true(file_write_new(path("x/file"), SLICE(""), 0600, &err));
    assert_false(file_is_dir(path("x/file")));
    assert_true(file_exists(path("x/file")));
    assert_false(file_make_dirs(path("x/file/deeper"), 0755, &err));
    assert_false(file_make_dirs(path("x/file"), 0755, &err));
    assert_non_null(strstr(err.text, "exists and is no directory"));
    assert_false(file_make_dirs("", 0755, &err));
}

static void test_list_is_sorted(void **state)
{
    struct slice *names;
    size_t n;

    (void)state;
    for (int i = 99; i >= 0; i--) {
        char name[16];
        snprintf(name, sizeof name, "n%02d", i);
        assert_true(file_write_new(path(name), SLICE(""), 0600, &err));
    }
    assert_true(file_list(&arena, base, &names, &n, &err));
    assert_int_equal(n, 100);
    assert_true(slice_eq(names[0], SLICE("n00")));
    assert_true(slice_eq(names[57], SLICE("n57")));
    assert_true(slice_eq(names[99], SLICE("n99")));
    assert_false(file_list(&arena, path("none"), &names, &n, &err));
    assert_int_equal(n, 0);
}

static void test_join(void **state)
{
    (void)state;
    assert_string_equal(file_join(&arena, "a", SLICE("b")), "a/b");
    assert_string_equal(file_join(&arena, "a/", SLICE("b/c")), "a/b/c");
    assert_string_equal(file_join(&arena, "a//", SLICE("/b")), "a/b");
    assert_string_equal(file_join(&arena, "/", SLICE("b")), "/b");
    assert_string_equal(file_join(&arena, "", SLICE("b")), "b");
}

#define IN_BASE(test) cmocka_unit_test_setup_teardown(test, make_base, remove_base)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_BASE(test_write_atomic_replaces_and_leaves_nothing_else),
        IN_BASE(test_write_atomic_that_fails_keeps_the_old_file),
        IN_BASE(test_write_atomic_is_whole_for_readers),
        IN_BASE(test_write_new_never_overwrites),
        IN_BASE(test_read),
        IN_BASE(test_read_of_a_file_without_a_size),
        IN_BASE(test_read_without_room),
        IN_BASE(test_directories),
        IN_BASE(test_list_is_sorted),
        IN_BASE(test_join),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
