/* health: ask the running gateway's probe. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "app/cli.h"
#include "app/control.h"
#include "app/request.h"
#include "platform/json.h"

#define HEALTH_WAIT_S 5

/* The address to ask: the first one listened on, any-addresses by their loopback. */
static int connect_probe(const char *address, unsigned port)
{
    struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
    struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port) };
    bool is_v6 = inet_pton(AF_INET6, address, &v6.sin6_addr) == 1;
    struct timeval wait = { HEALTH_WAIT_S, 0 };

    if (!is_v6 && (inet_pton(AF_INET, address, &v4.sin_addr) != 1 || v4.sin_addr.s_addr == htonl(INADDR_ANY)))
        v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (is_v6 && IN6_IS_ADDR_UNSPECIFIED(&v6.sin6_addr))
        v6.sin6_addr = in6addr_loopback;
    int fd = socket(is_v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait);
    if (connect(fd, is_v6 ? (struct sockaddr *)&v6 : (struct sockaddr *)&v4, is_v6 ? sizeof v6 : sizeof v4) == 0)
        return fd;
    close(fd);
    return -1;
}

static ssize_t exchange(int fd, const char *query, char *answer, size_t room)
{
    char request[256];
    int n = snprintf(request, sizeof request, "GET " STATUS_PATH "%s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", query);
    size_t got = 0;
    ssize_t r;

    if (send(fd, request, (size_t)n, MSG_NOSIGNAL) != n)
        return -1;
    while (got + 1 < room && (r = recv(fd, answer + got, room - got - 1, 0)) > 0)
        got += (size_t)r;
    answer[got] = 0;
    return (ssize_t)got;
}

/* Without a port for http: over the control socket, which knows the same. */
static int ask_control(struct cli *c, bool live)
{
    struct control_command command = { .verb = "status" };
    struct control_answer answer;
    const char *cache;
    struct err err;

    if (!cli_cache_path(c, false, &cache, &err))
        return cli_fail(CLI_NO, "health: %s", err.text);
    if (!control_ask(&c->arena, store_locate(&c->arena, cache), &command, &answer) || answer.exit_code != CLI_DONE)
        return cli_fail(CLI_NO, "health: %s: no gateway answers here", cache);
    const struct json *status = json_parse(&c->arena, answer.out, NULL);
    struct slice reason = json_str(json_get(status, "reason"));
    bool ok = live || slice_eq(json_str(json_get(status, "state")), SLICE("serving"));
    if (ok && !c->quiet)
        puts("{ \"status\": \"ok\" }");
    if (!ok && !c->quiet)
        printf("{ \"status\": \"unavailable\", \"reason\": \"%.*s\" }\n", SLICE_ARG(reason));
    return ok ? CLI_DONE : CLI_NO;
}

int cmd_health(struct cli *c)
{
    bool live = cli_flag(c, "--live"), ready = cli_flag(c, "--ready");
    unsigned port = (unsigned)settings_u64(&c->settings, SET_HTTP_PORT);
    const char *address = arena_cstr(&c->arena, settings_list(&c->settings, SET_ADDRESS, 0));
    char answer[2048];

    if (!cli_check_args(c, 0, 0))
        return CLI_USAGE;
    if (!port)
        return ask_control(c, live);
    int fd = connect_probe(address ? address : "", port);
    if (fd < 0)
        return cli_fail(CLI_NO, "health: port %u: %s", port, strerror(errno));
    ssize_t n = exchange(fd, live ? "?live=1" : ready ? "?ready=1" : "", answer, sizeof answer);
    close(fd);
    if (n < 12)
        return cli_fail(CLI_NO, "health: port %u: no answer", port);
    const char *body = strstr(answer, "\r\n\r\n");
    if (!c->quiet)
        printf("%s\n", body ? body + 4 : answer);
    return strncmp(answer + 9, "200", 3) == 0 ? CLI_DONE : CLI_NO;
}
