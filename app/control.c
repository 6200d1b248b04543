/* The control socket, both ends. */
#include "app/control.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "app/control_work.h"
#include "app/sync_setup.h"
#include "platform/json.h"
#include "platform/log.h"

#define CONTROL_SOCKET "control.sock"
#define CONTROL_LINE_MAX (4u << 20)
#define CONTROL_WAIT_MS 10000
/* A sync cycle over a slow link may take long; its progress is the gateway's affair. */
#define CONTROL_SYNC_WAIT_MS (10 * 60 * 1000)
#define CONTROL_STACK_BYTES (2u << 20)

struct control_server {
    struct control_context context;
    pthread_t thread;
    int fd, wake[2];
    char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
};

static bool socket_address(const char *cache, struct sockaddr_un *address)
{
    memset(address, 0, sizeof *address);
    address->sun_family = AF_UNIX;
    return snprintf(address->sun_path, sizeof address->sun_path, "%s/" CONTROL_SOCKET, cache) < (int)sizeof address->sun_path;
}

/* ---- lines over a socket ---- */

static bool send_all(int fd, struct slice text)
{
    while (text.n) {
        ssize_t n = send(fd, text.p, text.n, MSG_NOSIGNAL);
        if (n <= 0 && errno != EINTR)
            return false;
        if (n > 0)
            text = slice_skip(text, (size_t)n);
    }
    return true;
}

static bool read_line(struct arena *a, int fd, int wait_ms, struct slice *line)
{
    struct buf b;
    struct pollfd p = { .fd = fd, .events = POLLIN };

    buf_init(&b, a);
    while (b.n < CONTROL_LINE_MAX && poll(&p, 1, wait_ms) > 0) {
        char *to = buf_reserve(&b, 4096);
        ssize_t n = to ? recv(fd, to, 4096, 0) : -1;
        if (n <= 0)
            break;
        b.n += (size_t)n;
        if (memchr(to, '\n', (size_t)n)) {
            *line = slice_trim(buf_slice(&b));
            return true;
        }
    }
    return false;
}

/* ---- client ---- */

static int connect_control(const char *cache)
{
    struct sockaddr_un address;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    if (socket_address(cache, &address) && connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    close(fd);
    return -1;
}

static void put_command(struct buf *b, const struct control_command *command)
{
    buf_puts(b, "{\"verb\":");
    buf_put_json(b, slice_from(command->verb));
    if (command->argument) {
        buf_puts(b, ",\"argument\":");
        buf_put_json(b, slice_from(command->argument));
    }
    buf_puts(b, "}\n");
}

bool control_ask(struct arena *a, const char *cache, const struct control_command *command, struct control_answer *answer)
{
    int fd = connect_control(cache);
    struct slice line;
    struct buf b;
    bool long_work = strcmp(command->verb, "sync") == 0 || strcmp(command->verb, "import") == 0;

    if (fd < 0)
        return false;
    buf_init(&b, a);
    put_command(&b, command);
    bool ok = send_all(fd, buf_slice(&b)) && read_line(a, fd, long_work ? CONTROL_SYNC_WAIT_MS : CONTROL_WAIT_MS, &line);
    close(fd);
    const struct json *json = ok ? json_parse(a, line, NULL) : NULL;
    answer->exit_code = (int)json_int(json_get(json, "exit"), CLI_FAILED);
    answer->out = json_str(json_get(json, "out"));
    answer->err = json_str(json_get(json, "err"));
    return json != NULL;
}

static int print_answer(const struct control_answer *answer)
{
    fwrite(answer->out.p, 1, answer->out.n, stdout);
    if (answer->err.n)
        return cli_fail(answer->exit_code, "%.*s", SLICE_ARG(answer->err));
    return answer->exit_code;
}

static int run_here(struct cli *c, struct store *store, const struct control_command *command)
{
    struct sync_setup setup;
    struct control_work work = { .verb = command->verb, .argument = command->argument, .options = &setup.options };
    struct buf out;
    struct err err;

    if (!sync_setup_fill(c, store, &setup, &err))
        return cli_fail(CLI_USAGE, "%s", err.text);
    buf_init(&out, &c->arena);
    work.out = &out;
    (void)control_work(&work, store);
    return print_answer(&(struct control_answer){ work.exit_code, buf_slice(&out), slice_from(work.err.text) });
}

int control_run(struct cli *c, const char *cache, const struct control_command *asked)
{
    struct control_command whole = *asked, *command = &whole;
    struct store_options options = { .dir = cache, .mode = asked->dry_run ? STORE_SCRATCH : STORE_OWNER };
    struct store_holder busy = { 0 };
    struct control_answer answer;
    struct store *store;
    struct err err;
    char path[PATH_MAX];

    if (command->is_path && command->argument) { /* the gateway has another working directory, and a source wants an absolute one */
        if (!realpath(command->argument, path))
            return cli_fail(CLI_FAILED, "%s: %s: %s", command->verb, command->argument, strerror(errno));
        whole.argument = path;
    }
    switch (store_open(&options, &store, &busy, &err)) {
    case STORE_OPENED: {
        int code = run_here(c, store, command);
        store_close(store);
        return code;
    }
    case STORE_BUSY:
        if (control_ask(&c->arena, cache, command, &answer))
            return print_answer(&answer);
        return cli_fail(CLI_FAILED, "%s: cache.path: %s: held by process %ld, which does not answer: wait for it or stop it",
                        command->verb, cache, busy.pid);
    default:
        return cli_fail(CLI_FAILED, "%s: %s", command->verb, err.text);
    }
}

/* ---- server ---- */

static void do_work(void *arg, struct store *store)
{
    (void)control_work(arg, store);
}

static int serve_sync(const struct control_context *x, struct buf *out, struct err *err)
{
    struct sync_result result;

    if (!x->agent || !sync_agent_cycle(x->agent, &result)) {
        err_set(err, "sync: the running gateway has no config.service.endpoint, or is stopping");
        return CLI_USAGE;
    }
    sync_result_json(&result, out);
    if (out->n && out->p[out->n - 1] != '\n')
        buf_putc(out, '\n');
    return sync_result_exit(&result);
}

static int serve_work(const struct control_context *x, const char *verb, const char *argument, struct buf *out, struct err *err)
{
    struct control_work work = { .verb = verb, .argument = argument, .options = x->options, .out = out, .exit_code = CLI_USAGE };

    err_set(&work.err, "%s: the running gateway does not know this command", verb);
    if (!x->agent)
        do_work(&work, x->store);
    else if (!sync_agent_call(x->agent, do_work, &work))
        err_set(&work.err, "the gateway is stopping");
    *err = work.err;
    return work.exit_code;
}

static int serve_command(const struct control_context *x, struct arena *a, const struct json *json, struct buf *out, struct err *err)
{
    struct slice verb = json_str(json_get(json, "verb")), argument = json_str(json_get(json, "argument"));

    err->text[0] = 0;
    if (slice_eq(verb, SLICE("status"))) {
        x->status(x->arg, out);
        return CLI_DONE;
    }
    if (slice_eq(verb, SLICE("sync")))
        return serve_sync(x, out, err);
    return serve_work(x, arena_cstr(a, verb), argument.p ? arena_cstr(a, argument) : NULL, out, err);
}

static void serve_connection(const struct control_context *x, int fd)
{
    struct arena a;
    struct buf out, reply;
    struct slice line;
    struct err err;

    arena_init_growing(&a, 4 * CONTROL_LINE_MAX);
    if (read_line(&a, fd, CONTROL_WAIT_MS, &line)) {
        buf_init(&out, &a);
        int code = serve_command(x, &a, json_parse(&a, line, NULL), &out, &err);
        buf_init(&reply, &a);
        buf_printf(&reply, "{\"exit\":%d,\"out\":", code);
        buf_put_json(&reply, buf_slice(&out));
        buf_puts(&reply, ",\"err\":");
        buf_put_json(&reply, slice_from(err.text));
        buf_puts(&reply, "}\n");
        (void)send_all(fd, buf_slice(&reply));
    }
    arena_free(&a);
}

static void *serve_loop(void *arg)
{
    struct control_server *s = arg;
    struct pollfd p[2] = { { .fd = s->fd, .events = POLLIN }, { .fd = s->wake[0], .events = POLLIN } };

    for (;;) {
        if (poll(p, 2, -1) < 0 && errno != EINTR)
            return NULL;
        if (p[1].revents)
            return NULL;
        int fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0)
            continue;
        serve_connection(&s->context, fd);
        close(fd);
    }
}

static bool listen_control(struct control_server *s, struct err *err)
{
    struct sockaddr_un address;

    if (!socket_address(s->context.cache, &address))
        return err_set(err, "control socket: %s: the path is too long", s->context.cache);
    strcpy(s->path, address.sun_path);
    unlink(s->path); /* the owner lock is ours: a socket that stands there is a dead gateway's */
    s->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    mode_t mask = umask(0177);
    bool ok = s->fd >= 0 && bind(s->fd, (struct sockaddr *)&address, sizeof address) == 0 && listen(s->fd, 16) == 0 &&
              pipe2(s->wake, O_CLOEXEC) == 0;
    umask(mask);
    return ok || err_errno(err, "control socket: %s", s->path);
}

bool control_start(const struct control_context *context, struct control_server **out, struct err *err)
{
    struct control_server *s = calloc(1, sizeof *s);
    pthread_attr_t attributes;

    if (!s)
        return err_set(err, "out of memory");
    s->context = *context;
    s->fd = -1;
    if (!listen_control(s, err)) {
        if (s->fd >= 0)
            close(s->fd);
        free(s);
        return false;
    }
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, CONTROL_STACK_BYTES);
    int failed = pthread_create(&s->thread, &attributes, serve_loop, s);
    pthread_attr_destroy(&attributes);
    if (failed) {
        close(s->fd);
        free(s);
        return err_set(err, "control socket: no thread: %s", strerror(failed));
    }
    *out = s;
    return true;
}

void control_stop(struct control_server *s)
{
    if (!s)
        return;
    (void)!write(s->wake[1], "", 1);
    pthread_join(s->thread, NULL);
    close(s->fd);
    close(s->wake[0]);
    close(s->wake[1]);
    unlink(s->path);
    free(s);
}
