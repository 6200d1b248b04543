/* Settings: sources, spellings, values, errors that name the nearest setting. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "app/settings.h"

static char warned[512];

static void warn(const char *text)
{
    strncpy(warned, text, sizeof warned - 1);
}

static void test_durations(void **state)
{
    static const struct { const char *text; uint64_t ms; } rows[] = {
        { "30", 30000 }, { "30s", 30000 }, { "5m", 300000 }, { "12h", 43200000 }, { "00:00:30", 30000 }, { "1.00:00:01", 86401000 },
        { "P30D", UINT64_C(2592000000) }, { "PT5M", 300000 }, { "P1DT12H", 129600000 }, { "250ms", 250 }, { "0", 0 },
        { "00:01:40.5", 100500 }, { "00:00:00.1234567", 123 }, { "1.00:00:00.001", 86400001 },
    };
    static const char *const wrong[] = { "", "s", "5x", "P", "PT", "P5", "00:30", "00:00:30.", "00:00:30.12345678", "-1", "1:2:x", "99999999999999999999" };
    uint64_t ms;

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        assert_true(settings_parse_duration(slice_from(rows[i].text), &ms));
        assert_int_equal(ms, rows[i].ms);
    }
    for (size_t i = 0; i < COUNT_OF(wrong); i++)
        if (settings_parse_duration(slice_from(wrong[i]), &ms))
            fail_msg("\"%s\" was taken", wrong[i]);
}

static void test_sizes(void **state)
{
    uint64_t n;

    assert_true(settings_parse_size(SLICE("32k"), &n));
    assert_int_equal(n, 32768);
    assert_true(settings_parse_size(SLICE("1G"), &n));
    assert_int_equal(n, 1 << 30);
    assert_false(settings_parse_size(SLICE("k"), &n));
    assert_false(settings_parse_size(SLICE("1.5m"), &n));
}

static void test_environment(void **state)
{
    char *environment[] = { "CONFIG_SERVICE_ENDPOINT=https://upper/", "config.service.endpoint=https://dotted/",
                            "CONFIG_SERVICE_REFRESHINTERVAL=5m", "CONFIG_SERVICE_HOST=10.0.0.1",
                            "CONFIG_SERVICE_PORT=tcp://10.0.0.1:443", "net.server.htp.port=1", "PATH=/bin", "some.other=1", NULL };
    struct settings s;
    struct err err;

    settings_open(&s);
    warned[0] = 0;
    assert_true(settings_read_environment(&s, environment, warn, &err));
    assert_string_equal(settings_text(&s, SET_CONFIG_ENDPOINT), "https://dotted/");
    assert_int_equal(settings_u64(&s, SET_CONFIG_REFRESH), 300000);
    assert_non_null(strstr(warned, "did you mean net.server.http.port"));
    settings_close(&s);
}

static void test_file_and_set(void **state)
{
    char path[] = "/tmp/holdfast-settings-XXXXXX";
    int fd = mkstemp(path);
    struct settings s;
    struct err err;
    static const char text[] = "\xEF\xBB\xBF# comment\r\n\nlimits.arena = 2m\r\nnet.server.http.port=9000\nnet.server.address = 127.0.0.1 , ::1\n";

    assert_int_equal(write(fd, text, sizeof text - 1), sizeof text - 1);
    close(fd);
    settings_open(&s);
    assert_true(settings_read_file(&s, path, &err));
    assert_int_equal(settings_u64(&s, SET_LIMIT_ARENA), 2 << 20);
    assert_true(slice_eq(settings_list(&s, SET_ADDRESS, 1), SLICE("::1")));
    assert_null(settings_list(&s, SET_ADDRESS, 2).p);
    assert_true(settings_set(&s, "net.server.http.port=9001", &err));
    assert_int_equal(settings_u64(&s, SET_HTTP_PORT), 9001);
    assert_false(settings_set(&s, "net.server.http.port=70000", &err));
    assert_non_null(strstr(err.text, "a port"));
    assert_false(settings_set(&s, "limits.arenas=1m", &err));
    assert_non_null(strstr(err.text, "did you mean limits.arena?"));
    settings_close(&s);
    unlink(path);
}

/* A value that cannot be meant is named with what can be. */
static void test_wrong_values(void **state)
{
    static const struct { const char *set, *says; } rows[] = {
        { "telemetry.logs.std=xml", "telemetry.logs.std: \"xml\": give none, text, json, true, false" },
        { "telemetry.logs.std.level=loud", "give all, debug, info" },
        { "telemetry.metrics.local=graphite", "give none, true, false, statsd" },
        { "limits.requests=0", "limits.requests: \"0\": give more than 0" },
        { "limits.arena=1k", "limits.arena: \"1k\": give at least 64k" },
        { "limits.counters=4294967296", "up to 2147483647" },
        { "timeout.head=0s", "timeout.head: \"0s\": give more than 0" },
        { "net.server.protocols.enforce=perhaps", "give true or false" },
        { "limits.body.total=big", "give bytes" },
        { "config.service.refreshInterval=1y", "give a duration" },
        { "gateway.key.path=/k", "gateway.key.path: not built yet" },
        { "novalue", "novalue: give NAME=VALUE" },
    };
    struct settings s;
    struct err err;

    settings_open(&s);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        assert_false(settings_set(&s, rows[i].set, &err));
        if (!strstr(err.text, rows[i].says))
            fail_msg("%s: %s", rows[i].set, err.text);
    }
    assert_true(settings_set(&s, "telemetry.logs.std=JSON", &err));
    assert_string_equal(settings_text(&s, SET_LOGS_STD), "json");
    settings_close(&s);
}

/* What Kubernetes and empty templates put into the environment. */
static void test_environment_of_others(void **state)
{
    char *environment[] = { "NET_SERVER_HTTP_PORT=tcp://10.0.0.1:80", "LIMITS_REQUESTS=", "CONFIG_SERVICE_AUTH=", NULL };
    char *wrong[] = { "NET_SERVER_HTTP_PORT=eighty", NULL };
    struct settings s;
    struct err err;

    settings_open(&s);
    assert_true(settings_read_environment(&s, environment, warn, &err));
    assert_int_equal(settings_u64(&s, SET_HTTP_PORT), 8080);
    assert_int_equal(settings_u64(&s, SET_LIMIT_REQUESTS), 1024);
    assert_false(settings_read_environment(&s, wrong, warn, &err));
    assert_string_equal(err.text, "environment: net.server.http.port: \"eighty\": give a port, 0 to 65535");
    settings_close(&s);
}

static unsigned warnings;

static void count_warning(const char *text)
{
    warnings++;
    warn(text);
}

/* Settings of the self-hosted gateway that mean nothing here: any value, one warning each. */
static void test_idle_settings(void **state)
{
    struct settings s;
    struct err err;

    settings_open(&s);
    assert_true(settings_set(&s, "neighborhood.heartbeat.port=none", &err));
    assert_true(settings_set(&s, "telemetry.metrics.cloud=maybe", &err));
    assert_true(settings_set(&s, "telemetry.logs.local=rfc5424", &err));
    assert_true(settings_set(&s, "telemetry.metrics.local=statsd", &err));
    settings_warn_idle(&s, count_warning);
    assert_int_equal(warnings, 4);
    settings_close(&s);
    settings_open(&s);
    assert_true(settings_set(&s, "telemetry.logs.local=false", &err));
    assert_true(settings_set(&s, "telemetry.logs.std=true", &err));
    settings_warn_idle(&s, count_warning);
    assert_int_equal(warnings, 4);
    settings_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_durations), cmocka_unit_test(test_sizes), cmocka_unit_test(test_environment),
        cmocka_unit_test(test_file_and_set), cmocka_unit_test(test_wrong_values), cmocka_unit_test(test_environment_of_others),
        cmocka_unit_test(test_idle_settings),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
