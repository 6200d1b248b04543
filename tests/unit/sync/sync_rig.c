/* The rig of sync_rig.h. */
#include "tests/unit/sync/sync_rig.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "platform/base/buf.h"
#include "platform/file.h"
#include "sync/keys.h"

static void run(const char *program, const char *const *argv)
{
    pid_t pid = fork();
    int status;

    assert_true(pid >= 0);
    if (pid == 0) {
        execvp(program, (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

void rig_remove_tree(const char *path)
{
    run("rm", (const char *const[]){ "rm", "-rf", path, NULL });
}

void rig_copy_tree(const char *from, const char *to)
{
    run("cp", (const char *const[]){ "cp", "-a", from, to, NULL });
}

const char *rig_path(struct rig *r, const char *dir, const char *name)
{
    return file_join(&r->arena, dir, slice_from(name));
}

void rig_begin(struct rig *r)
{
    const char *tmp = getenv("TMPDIR");
    char fingerprint[SYNC_FINGERPRINT_MAX];

    memset(r, 0, sizeof *r);
    arena_init_growing(&r->arena, (size_t)1 << 30);
    snprintf(r->dir, sizeof r->dir, "%s/rig-XXXXXX", tmp ? tmp : "/tmp");
    assert_non_null(mkdtemp(r->dir));
    snprintf(r->repo, sizeof r->repo, "%s", rig_path(r, r->dir, "repo"));
    snprintf(r->cache, sizeof r->cache, "%s", rig_path(r, r->dir, "cache"));
    snprintf(r->key, sizeof r->key, "%s", rig_path(r, r->dir, "sign.key"));
    snprintf(r->endpoint, sizeof r->endpoint, "%s",
             arena_printf(&r->arena, "file://%s", r->repo).p);
    if (!sync_keygen(r->key, fingerprint, &r->err))
        fail_msg("%s", r->err.text);
    r->endpoints[0] = slice_from(r->endpoint);
    r->options = (struct sync_options){ .endpoints = r->endpoints, .n_endpoints = 1 };
}

void rig_end(struct rig *r)
{
    rig_close(r);
    rig_remove_tree(r->dir);
    arena_free(&r->arena);
}

/* ---- entities ---- */

static struct slice filler(struct arena *a, size_t i, unsigned version, size_t bytes)
{
    static const char *const words[] = { "get",
                                         "orders",
                                         "items",
                                         "customer",
                                         "https://backend.example/v",
                                         "rate",
                                         "true",
                                         "42",
                                         "select",
                                         "policy",
                                         "inbound",
                                         "name",
                                         "application/json",
                                         "header",
                                         "x-request-id",
                                         "value" };
    uint64_t x = i * UINT64_C(0x9E3779B97F4A7C15) + version * 77 + 1;
    struct buf b;

    buf_init(&b, a);
    while (b.n < bytes) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        buf_printf(&b, "%s%s%u", b.n ? " " : "", words[x % 16], (unsigned)(x >> 40) % 100);
    }
    return buf_slice(&b);
}

static void make_entity(struct rig *r, size_t i, unsigned version, size_t bytes)
{
    struct sync_entity *e = &r->entities[i];

    e->kind = i % 10 ? SLICE("operation") : SLICE("api");
    e->id = i % 10 ? arena_printf(&r->arena, "api-%zu/op-%zu", i / 10, i % 10)
                   : arena_printf(&r->arena, "api-%zu", i / 10);
    struct slice text = filler(&r->arena, i, version, bytes);
    e->line = arena_printf(
        &r->arena,
        "{\"kind\":\"%.*s\",\"id\":\"%.*s\",\"properties\":{\"version\":%u,\"text\":\"%.*s\"}}",
        SLICE_ARG(e->kind), SLICE_ARG(e->id), version, SLICE_ARG(text));
    assert_true(e->line.n > 0);
}

void rig_entities(struct rig *r, size_t n, size_t bytes)
{
    r->entities = arena_array(&r->arena, struct sync_entity, n + 1);
    r->n = n;
    for (size_t i = 0; i < n; i++)
        make_entity(r, i, 1, bytes);
}

void rig_change(struct rig *r, size_t i, unsigned version)
{
    make_entity(r, i, version, 200);
}

struct sync_published rig_publish(struct rig *r)
{
    const char *keys[] = { r->key };
    struct sync_publish_options o = { .repo = r->repo, .keys = keys, .n_keys = 1, .force = true };
    struct sync_published done;

    if (!sync_publish(&o, r->entities, r->n, &done, &r->err))
        fail_msg("%s", r->err.text);
    return done;
}

/* ---- the cache ---- */

void rig_open(struct rig *r)
{
    struct store_options o = { .dir = r->cache, .mode = STORE_OWNER };
    struct store_holder busy;

    if (store_open(&o, &r->store, &busy, &r->err) != STORE_OPENED)
        fail_msg("%s", r->err.text);
    r->options.store = r->store;
}

void rig_close(struct rig *r)
{
    store_close(r->store);
    r->store = NULL;
}

static bool on_accept(void *arg, const struct store_generation *g, void **program, struct err *err)
{
    struct rig *r = arg;

    (void)g;
    *program = r;
    r->accepted++;
    return !r->refuse || err_set(err, "%s", r->refuse);
}

static bool on_activate(void *arg, void *program, struct err *err)
{
    struct rig *r = arg;

    (void)err;
    assert_ptr_equal(program, r);
    r->activated++;
    return true;
}

enum sync_outcome rig_sync(struct rig *r)
{
    r->options.hooks =
        (struct sync_hooks){ .accept = on_accept, .activate = on_activate, .arg = r };
    sync_cycle(&r->options, &r->result);
    return r->result.outcome;
}

void rig_expect(struct rig *r, enum sync_outcome outcome)
{
    if (rig_sync(r) != outcome)
        fail_msg("%s, not %s: %s: %s", sync_outcome_name(r->result.outcome),
                 sync_outcome_name(outcome), sync_reason_name(r->result.reason), r->result.text);
}

void rig_expect_text(const struct rig *r, const char *part)
{
    if (!strstr(r->result.text, part))
        fail_msg("\"%s\" does not contain \"%s\"", r->result.text, part);
}

static int by_bytes(const void *x, const void *y)
{
    return slice_cmp(*(const struct slice *)x, *(const struct slice *)y);
}

bool rig_is_complete(struct rig *r)
{
    struct store_generation g;
    struct arena a;

    arena_init_growing(&a, (size_t)1 << 30);
    bool same = store_load(r->store, 0, &a, &g, &r->err) && g.n == r->n;
    struct slice *wanted = arena_array(&a, struct slice, r->n + 1);
    for (size_t i = 0; i < r->n; i++)
        wanted[i] = r->entities[i].line;
    qsort(wanted, r->n, sizeof *wanted, by_bytes);
    if (same)
        qsort(g.lines, g.n, sizeof *g.lines, by_bytes);
    for (size_t i = 0; same && i < r->n; i++)
        same = slice_eq(wanted[i], g.lines[i]);
    arena_free(&a);
    return same;
}

/* ---- files ---- */

struct slice rig_read(struct rig *r, const char *path)
{
    struct slice text;

    if (!file_read(&r->arena, path, (size_t)256 << 20, &text, &r->err))
        fail_msg("%s", r->err.text);
    return text;
}

void rig_write(const char *path, struct slice data)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, data.p, data.n), (ssize_t)data.n);
    close(fd);
}
