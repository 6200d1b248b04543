/* Certificates out of PFX and PEM, their keys, what is wrong with them. */
#include "tests/unit/app/artifact_rig.h"

#include "platform/crypto.h"
#include "tests/unit/pfx_samples.h"
#include "tests/unit/sample_keys.h"

static void certificate(struct world *w, const char *data, const char *password)
{
    struct buf b;

    buf_init(&b, &w->arena);
    buf_puts(&b, "{\"properties\":{\"data\":");
    buf_put_json(&b, slice_from(data));
    if (password)
        buf_printf(&b, ",\"password\":\"%s\"", password);
    buf_puts(&b, "}}");
    buf_putc(&b, 0);
    put(w, "certificates/c/certificateInformation.json", buf_slice(&b).p);
}

static const char pem_certificate[] = "-----BEGIN CERTIFICATE-----\n" PFX_CERTIFICATE "\n-----END CERTIFICATE-----\n";
static const char pem_key[] = "-----BEGIN PRIVATE KEY-----\n" PFX_KEY "\n-----END PRIVATE KEY-----\n";
static const char pem_encrypted[] = "-----BEGIN ENCRYPTED PRIVATE KEY-----\n" PFX_ENCRYPTED_KEY "\n-----END ENCRYPTED PRIVATE KEY-----\n";

static const char *joined(struct world *w, const char *a, const char *b)
{
    return arena_printf(&w->arena, "%s%s", a, b).p;
}

static void test_forms(void **state)
{
    struct world w;
    struct { const char *data, *password; bool key; } rows[7];

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        set_up(&w);
        rows[0].data = PFX_RC2, rows[0].password = "secret", rows[0].key = true;
        rows[1].data = PFX_NO_KEY, rows[1].password = "x", rows[1].key = false;
        rows[2].data = joined(&w, pem_certificate, pem_key), rows[2].password = NULL, rows[2].key = true;
        rows[3].data = joined(&w, pem_encrypted, pem_certificate), rows[3].password = "secret", rows[3].key = true;
        rows[4].data = PFX_CERTIFICATE, rows[4].password = NULL, rows[4].key = false;
        rows[5].data = "mine.pem", rows[5].password = NULL, rows[5].key = true;
        rows[6].data = "certs/mine.pem", rows[6].password = NULL, rows[6].key = false;
        put(&w, "certificates/c/mine.pem", joined(&w, pem_key, pem_certificate));
        put(&w, "certs/mine.pem", pem_certificate);
        certificate(&w, rows[i].data, rows[i].password);
        load(&w, NULL, NULL, false);
        assert_int_equal(w.ok, !rows[i].key);
        if (rows[i].key)
            says(&w, ARTIFACT_ERROR, "certificate c: private key", "--allow-plain-secrets");
        load(&w, NULL, NULL, true);
        assert_true(w.ok);
        has(&w, "certificate", "c", "\"certificates\":[\"" PFX_CERTIFICATE "\"]");
        assert_int_equal(slice_find(line_of(&w, "certificate", "c"), SLICE("PRIVATE KEY")) >= 0, rows[i].key);
        assert_true(slice_find(line_of(&w, "certificate", "c"), SLICE("password")) < 0);
        tear_down(&w);
    }
}

static void test_wrong(void **state)
{
    static const struct { const char *data, *password, *why; } rows[] = {
        { "", NULL, "data is missing" },
        { "none.pem", NULL, "neither base64 nor a file" },
        { "aGVsbG8=", NULL, "not a PFX file" },
        { PFX_RC2, "other", "wrong password" },
        { "{#PFX#}", NULL, "{#token#}" },
        { "-----BEGIN CERTIFICATE-----\n", NULL, "malformed PEM" },
        { "-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n", NULL, "malformed PEM" },
        { SAMPLE_RSA_PEM, NULL, "no certificate in it" },
        { SAMPLE_RSA_PEM "-----BEGIN CERTIFICATE-----\n" PFX_CERTIFICATE "\n-----END CERTIFICATE-----\n", NULL, "of none of its certificates" },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct world w;
        set_up(&w);
        certificate(&w, rows[i].data, rows[i].password);
        load(&w, NULL, NULL, true);
        assert_false(w.ok);
        says(&w, ARTIFACT_ERROR, "certificates/c/certificateInformation.json", rows[i].why);
        tear_down(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_forms), cmocka_unit_test(test_wrong) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
