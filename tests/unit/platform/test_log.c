/* Logging: the two formats, threads, a reader that stops, and the end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "platform/clock.h"
#include "platform/log.h"

static int pipe_fds[2];
static char *text;
static size_t text_n;
#define TEXT_MAX (8u * 1024 * 1024)

static void open_pipe(void)
{
    assert_int_equal(pipe(pipe_fds), 0);
    text_n = 0;
    text[0] = '\0';
}

/* Everything up to the end of the pipe, whose writing side is closed here. */
static void read_pipe(void)
{
    ssize_t got;

    close(pipe_fds[1]);
    while ((got = read(pipe_fds[0], text + text_n, TEXT_MAX - 1 - text_n)) > 0)
        text_n += (size_t)got;
    text[text_n] = '\0';
    close(pipe_fds[0]);
}

static int make_room(void **state)
{
    (void)state;
    text = malloc(TEXT_MAX);
    return text == NULL;
}

static int free_room(void **state)
{
    (void)state;
    free(text);
    return 0;
}

/* Blank out the digits of a time, once they were found to be digits. */
static void mask_time(char *at, const char *form)
{
    for (size_t i = 0; form[i]; i++) {
        if (form[i] == '0') {
            assert_in_range(at[i], '0', '9');
            at[i] = '0';
        }
    }
}

static void test_direct_lines_go_to_stderr(void **state)
{
    int saved = dup(STDERR_FILENO);

    (void)state;
    open_pipe();
    dup2(pipe_fds[1], STDERR_FILENO);
    errno = 77;
    log_info("Plain", "one %d", 1);
    assert_int_equal(errno, 77);
    log_event(LOG_DEBUG, "Quiet", "below the least level");
    log_line(LOG_ERROR, SLICE("a line"));
    dup2(saved, STDERR_FILENO);
    close(saved);
    read_pipe();
    mask_time(text + 7, "0000-00-00T00:00:00.000");
    assert_string_equal(text, "[Info] 0000-00-00T00:00:00.000 [Plain], one 1\na line\n");
}

static void test_text(void **state)
{
    (void)state;
    open_pipe();
    assert_true(log_start(pipe_fds[1], LOG_FORMAT_TEXT, LOG_INFO));
    assert_false(log_start(pipe_fds[1], LOG_FORMAT_TEXT, LOG_INFO));
    assert_true(log_enabled(LOG_INFO));
    assert_false(log_enabled(LOG_DEBUG));
    log_warn("TwoLines", "a\nb\x01 \"%s\"", "ü");
    log_stop(5000);
    read_pipe();
    mask_time(text + 10, "0000-00-00T00:00:00.000");
    assert_string_equal(text, "[Warning] 0000-00-00T00:00:00.000 [TwoLines], a\\nb\\x01 \"ü\"\n");
}

static void test_json(void **state)
{
    (void)state;
    open_pipe();
    assert_true(log_start(pipe_fds[1], LOG_FORMAT_JSON, LOG_DEBUG));
    assert_int_equal(log_format(), LOG_FORMAT_JSON);
    log_error("Broken", "a\nb \"%s\" \\ \xff", "ü");
    log_line(LOG_INFO, SLICE("{\"mine\":1}"));
    log_stop(5000);
    read_pipe();
    mask_time(text + 30, "0000-00-00T00:00:00.0000000");
    assert_string_equal(text, "{\"level\":\"Error\",\"timestamp\":\"0000-00-00T00:00:00.0000000Z\","
                              "\"eventType\":\"Broken\","
                              "\"message\":\"a\\nb \\\"ü\\\" \\\\ \xef\xbf\xbd\"}\n{\"mine\":1}\n");
}

static void test_a_long_sentence_is_cut_and_a_long_line_dropped(void **state)
{
    static char sentence[5000], line[60000];
    struct log_counts before = log_counts();

    (void)state;
    memset(sentence, '\x01', sizeof sentence - 1); /* six bytes each in JSON */
    memset(line, 'x', sizeof line);
    open_pipe();
    assert_true(log_start(pipe_fds[1], LOG_FORMAT_JSON, LOG_DEBUG));
    log_info("Long", "%s", sentence);
    log_line(LOG_INFO, slice_of(line, sizeof line));
    log_stop(5000);
    read_pipe();
    assert_int_equal(log_counts().dropped - before.dropped, 1);
    assert_int_equal(log_counts().lines - before.lines, 3); /* and the report of the dropped one */
    char *end = strstr(text, "\\u0001...\"}\n{\"level\":\"Warning\",");
    assert_true(end != NULL && end > text + 12000);
    assert_non_null(strstr(end, "1 log lines dropped"));
}

static void test_a_sleeping_writer_wakes_for_a_line(void **state)
{
    char buf[64];

    (void)state;
    open_pipe();
    assert_true(log_start(pipe_fds[1], LOG_FORMAT_TEXT, LOG_INFO));
    for (int i = 0; i < 5; i++) {
        struct pollfd wait = { .fd = pipe_fds[0], .events = POLLIN };
        usleep(10000); /* it sleeps by now */
        log_line(LOG_INFO, SLICE("wake up"));
        assert_int_equal(poll(&wait, 1, 5000), 1);
        assert_int_equal(read(pipe_fds[0], buf, sizeof buf), 8);
    }
    log_stop(5000);
    read_pipe();
    assert_string_equal(text, "");
}

static void test_none(void **state)
{
    (void)state;
    open_pipe();
    assert_true(log_start(pipe_fds[1], LOG_FORMAT_NONE, LOG_DEBUG));
    assert_false(log_enabled(LOG_ERROR));
    log_error("Never", "seen");
    log_line(LOG_ERROR, SLICE("never seen"));
    log_stop(5000);
    read_pipe();
    assert_string_equal(text, "");
    assert_true(log_enabled(LOG_ERROR)); /* direct again */
}

#define THREADS 4
#define LINES_EACH 5000

static void *log_numbers(void *arg)
{
    char line[64];

    for (int i = 0; i < LINES_EACH; i++) {
        int n = snprintf(line, sizeof line, "thread %d line %d", (int)(uintptr_t)arg, i);
        log_line(LOG_INFO, slice_of(line, (size_t)n));
        if (i % 50 == 0)
            usleep(200);
    }
    return NULL;
}

static void *read_thread(void *arg)
{
    ssize_t got;

    (void)arg;
    while ((got = read(pipe_fds[0], text + text_n, TEXT_MAX - 1 - text_n)) > 0)
        text_n += (size_t)got;
    return NULL;
}

static void test_threads_keep_their_order_and_lines_stay_whole(void **state)
{
    pthread_t threads[THREADS], reader;
    int next[THREADS] = { 0 };
    uint64_t seen = 0;
    struct log_counts before = log_counts();

    (void)state;
    open_pipe();
    assert_true(log_start(pipe_fds[1], LOG_FORMAT_TEXT, LOG_INFO));
    pthread_create(&reader, NULL, read_thread, NULL);
    for (uintptr_t i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, log_numbers, (void *)i);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    log_stop(10000);
    close(pipe_fds[1]);
    pthread_join(reader, NULL);
    close(pipe_fds[0]);
    struct slice rest = slice_of(text, text_n), line;
    while (slice_cut(&rest, '\n', &line) && line.n > 0) {
        int thread, number, end = 0;
        char copy[64];
        if (slice_find(line, SLICE("[LogLinesDropped]")) > 0)
            continue;
        assert_true(line.n < sizeof copy);
        memcpy(copy, line.p, line.n);
        copy[line.n] = '\0';
        assert_int_equal(sscanf(copy, "thread %d line %d%n", &thread, &number, &end), 2);
        assert_int_equal(end, line.n);
        assert_true(number >= next[thread]); /* a busy machine may have dropped some */
        next[thread] = number + 1;
        seen++;
    }
    assert_int_equal(seen + log_counts().dropped - before.dropped, THREADS * LINES_EACH);
}

static void fill_pipe(void)
{
    static const char zeros[65536];

    fcntl(pipe_fds[1], F_SETFL, O_NONBLOCK);
    while (write(pipe_fds[1], zeros, sizeof zeros) > 0)
        ;
    fcntl(pipe_fds[1], F_SETFL, 0);
}

static void test_a_stopped_reader_drops_lines_and_holds_nobody(void **state)
{
    struct log_counts before = log_counts();
    uint64_t start = clock_mono_ns(), slowest = 0;
    const unsigned total = 20000;

    (void)state;
    open_pipe();
    fill_pipe();
    assert_true(log_start(pipe_fds[1], LOG_FORMAT_TEXT, LOG_INFO));
    for (unsigned i = 0; i < total; i++) {
        uint64_t begin = clock_mono_ns();
        log_line(LOG_INFO, SLICE("a line of forty bytes, without its end.."));
        uint64_t took = clock_mono_ns() - begin;
        slowest = took > slowest ? took : slowest;
    }
    assert_true(clock_mono_ns() - start < 5 * NS_PER_S);
    assert_true(slowest < 500 * NS_PER_MS); /* scheduling, not the pipe */
    struct log_counts after = log_counts();
    assert_int_equal(after.lines - before.lines, total);
    unsigned dropped = (unsigned)(after.dropped - before.dropped);
    assert_int_equal(total - dropped, 64 * 1024 / 41); /* what the ring holds */
    pthread_t reader;
    pthread_create(&reader, NULL, read_thread, NULL);
    log_stop(10000);
    close(pipe_fds[1]);
    pthread_join(reader, NULL);
    close(pipe_fds[0]);
    unsigned whole = 0, reports = 0;
    struct slice rest = slice_of(text, text_n), line;
    while (rest.n > 0 && rest.p[0] == '\0') /* what filled the pipe */
        rest = slice_skip(rest, 1);
    while (slice_cut(&rest, '\n', &line) && line.n > 0) {
        whole += slice_eq(line, SLICE("a line of forty bytes, without its end.."));
        reports += slice_find(line, SLICE("[LogLinesDropped]")) > 0;
    }
    assert_int_equal(whole, total - dropped);
    assert_int_equal(reports, 1);
}

/* Last: the writer is left behind in its write. */
static void test_stop_does_not_wait_for_a_stopped_reader(void **state)
{
    struct log_counts before = log_counts();

    (void)state;
    open_pipe();
    fill_pipe();
    assert_true(log_start(pipe_fds[1], LOG_FORMAT_TEXT, LOG_INFO));
    for (int i = 0; i < 20000; i++)
        log_line(LOG_INFO, SLICE("a line of forty bytes, without its end.."));
    uint64_t start = clock_mono_ns();
    log_stop(100);
    uint64_t took = clock_mono_ns() - start;
    assert_in_range(took / NS_PER_MS, 100, 2000);
    uint64_t dropped = log_counts().dropped;
    assert_true(dropped > before.dropped);
    log_info("Late", "dropped, and nobody waits");
    assert_int_equal(log_counts().dropped, dropped + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_direct_lines_go_to_stderr),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_a_long_sentence_is_cut_and_a_long_line_dropped),
        cmocka_unit_test(test_a_sleeping_writer_wakes_for_a_line),
        cmocka_unit_test(test_none),
        cmocka_unit_test(test_threads_keep_their_order_and_lines_stay_whole),
        cmocka_unit_test(test_a_stopped_reader_drops_lines_and_holds_nobody),
        cmocka_unit_test(test_stop_does_not_wait_for_a_stopped_reader),
    };

    return cmocka_run_group_tests(tests, make_room, free_room);
}
