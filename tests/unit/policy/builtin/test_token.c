/* validate-jwt, validate-azure-ad-token: where the token is, what it is verified with, what failures look like. The rules of tokens
 * themselves: test_jwt.c. */
#include "tests/unit/policy/rig.h"

#include "platform/clock.h"
#include "platform/crypto.h"
#include "policy/jwk.h"
#include "tests/unit/policy/jwt_samples.h"
#include "tests/unit/sample_keys.h"

#define KEYS "<issuer-signing-keys><key>" SAMPLE_SECRET_BASE64 "</key></issuer-signing-keys>"
#define JWT(attributes, children) "<validate-jwt " attributes ">" children "</validate-jwt>"
#define BY_HEADER(attributes, children) JWT("header-name='Authorization' " attributes, children)
#define CONFIG "<openid-config url='https://idp.example/.well-known/openid-configuration'/>"

static void run(const char *fields, const char *statements)
{
    rig.wall_ns = 1500000000 * NS_PER_S;
    rig.status = 200;
    rig.forwarded = 0;
    rig_request("GET", "/p?a=1&token=" SAMPLE_HS256, fields, NULL);
    rig_inbound(statements);
    rig_run();
    assert_int_equal(rig.provider_held, 0);
}

static void passes(const char *fields, const char *statements)
{
    run(fields, statements);
    if (rig.rt.response.status != 200)
        fail_msg("%s: %d %.*s", statements, rig.rt.response.status, SLICE_ARG(rig.rt.error.message));
    assert_int_equal(rig.forwarded, 1);
}

static void fails(const char *fields, const char *statements, const char *reason, const char *message)
{
    run(fields, statements);
    assert_int_equal(rig.forwarded, 0);
    assert_last_error("validate-jwt", reason, message);
    assert_response(401, arena_printf(&rig.request, "{ \"statusCode\": 401, \"message\": \"%s\" }", message).p);
}

/* A token of this payload, signed with the sample secret. */
static const char *token_of(const char *payload)
{
    struct arena *a = &rig.program;
    struct slice secret = crypto_base64_decode(a, SLICE(SAMPLE_SECRET_BASE64));
    struct slice text = arena_printf(a, "eyJhbGciOiJIUzI1NiJ9.%.*s", SLICE_ARG(crypto_base64url(a, slice_from(payload))));
    uint8_t mac[CRYPTO_SHA256_BYTES];

    crypto_hmac(CRYPTO_SHA256, secret, text, mac);
    return arena_printf(a, "%.*s.%.*s", SLICE_ARG(text), SLICE_ARG(crypto_base64url(a, slice_of(mac, sizeof mac)))).p;
}

static const char *bearer(const char *payload)
{
    return arena_printf(&rig.program, "Authorization: Bearer %s", token_of(payload)).p;
}

/* ---- where it is ---- */

static void test_places(void **state)
{
    static const struct rig_pair good[] = {
        { "Authorization: Bearer " SAMPLE_HS256, BY_HEADER("", KEYS) },
        { "Authorization: bEARER  " SAMPLE_HS256, BY_HEADER("", KEYS) },
        { "Authorization: " SAMPLE_HS256, BY_HEADER("", KEYS) },
        { "X-T: " SAMPLE_HS256, JWT("header-name='x-t'", KEYS) },
        { "X-T: Bearer " SAMPLE_HS256, JWT("header-name='@(\"X-\" + \"T\")'", KEYS) },
        { "Authorization: bearer " SAMPLE_HS256, BY_HEADER("require-scheme='Bearer'", KEYS) },
        { "Authorization: SharedAccess " SAMPLE_HS256, BY_HEADER("require-scheme='@(\"Shared\" + \"Access\")'", KEYS) },
        { "X-T: " SAMPLE_HS256, JWT("header-name='X-T' require-scheme='Bearer'", KEYS) },
        { "", JWT("query-parameter-name='token'", KEYS) },
        { "", JWT("query-parameter-name='@(\"tok\" + \"en\")'", KEYS) },
        { "X-T: a " SAMPLE_HS256, JWT("token-value='@(context.Request.Headers[\"X-T\"][0].Split(&apos; &apos;)[1])'", KEYS) },
    };

    for (size_t i = 0; i < COUNT_OF(good); i++)
        passes(good[i].name, good[i].value);
}

static void test_absence(void **state)
{
    static const struct rig_pair cases[] = {
        { "", BY_HEADER("", KEYS) },
        { "Authorization:", BY_HEADER("", KEYS) },
        { "Authorization: " SAMPLE_HS256, BY_HEADER("require-scheme='Bearer'", KEYS) },
        { "Authorization: Basic " SAMPLE_HS256, BY_HEADER("require-scheme='Bearer'", KEYS) },
        { "Authorization: Bearer" SAMPLE_HS256, BY_HEADER("require-scheme='Bearer'", KEYS) },
        { "", JWT("query-parameter-name='other'", KEYS) },
        { "", JWT("token-value='@((string)null)'", KEYS) },
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++)
        fails(cases[i].name, cases[i].value, "TokenNotPresent", "JWT not present.");
}

static void test_wrong_forms(void **state)
{
    static const struct rig_pair cases[] = {
        { "Authorization: Basic dTpw", BY_HEADER("", KEYS) },
        { "Authorization: Bearer " SAMPLE_HS256 "\nAuthorization: Bearer " SAMPLE_HS384, BY_HEADER("", KEYS) },
        { "Authorization: Bearer " SAMPLE_HS256 "\nauthorization: x", BY_HEADER("require-scheme='Bearer'", KEYS) },
        { "", JWT("token-value='Bearer " SAMPLE_HS256 "'", KEYS) },
        { "", JWT("query-parameter-name='a'", KEYS) },
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        run(cases[i].name, cases[i].value);
        assert_string_equal(arena_cstr(&rig.request, rig.rt.error.reason), "JwtInvalid");
        assert_int_equal(rig.rt.response.status, 401);
    }
}

/* ---- failures ---- */

static void test_what_failures_look_like(void **state)
{
    run("", BY_HEADER("failed-validation-httpcode='403' failed-validation-error-message='No &quot;token&quot;'", KEYS));
    assert_response(403, "{ \"statusCode\": 403, \"message\": \"No \\\"token\\\"\" }");
    assert_last_error("validate-jwt", "TokenNotPresent", "JWT not present.");
    run("", BY_HEADER("failed-validation-httpcode='@(400 + 9)' failed-validation-error-message='@(\"m\" + 1)'", KEYS));
    assert_response(409, "{ \"statusCode\": 409, \"message\": \"m1\" }");
    rig_global("<policies><on-error><set-header name='X-Why' exists-action='override'><value>@(context.LastError.Source + \" \" + "
               "context.LastError.Reason + \" \" + context.LastError.Path + \" \" + context.Response.StatusCode)</value></set-header>"
               "</on-error></policies>");
    run("", "<choose><when condition='@(1 == 1)'>" BY_HEADER("id='v'", KEYS) "</when></choose>");
    assert_field(&rig.rt.response, "X-Why", "validate-jwt TokenNotPresent choose/when/validate-jwt 401");
}

static void test_signatures(void **state)
{
    fails("Authorization: " SAMPLE_HS256, BY_HEADER("", "<issuer-signing-keys><key>b3RoZXI=</key></issuer-signing-keys>"),
          "TokenSignatureInvalid", "IDX10511: Signature validation failed. Keys tried: 1. kid: ''. Access denied.");
    fails("Authorization: " SAMPLE_HS256, BY_HEADER("", ""), "TokenSignatureKeyNotFound",
          "IDX10500: Signature validation failed. No security keys were provided to validate the signature. Access denied.");
    fails("Authorization: eyJhbGciOiJub25lIn0.e30.", BY_HEADER("", KEYS), "TokenSignatureInvalid",
          "IDX10504: Unable to validate signature, token does not have a signature. Access denied.");
    fails("Authorization: eyJhbGciOiJub25lIn0.e30.AAAA", BY_HEADER("require-signed-tokens='false'", KEYS), "TokenSignatureInvalid",
          "IDX10634: Unable to create the SignatureProvider. Algorithm: 'none' is not supported by the keys. Access denied.");
    passes("Authorization: eyJhbGciOiJub25lIn0.e30.",
           BY_HEADER("require-signed-tokens='false' require-expiration-time='@(1 == 2)'", KEYS));
    passes("Authorization: " SAMPLE_HS512,
           BY_HEADER("", "<issuer-signing-keys><key>b3RoZXI=</key><key>@(\"" SAMPLE_SECRET_BASE64 "\")</key></issuer-signing-keys>"));
    assert_int_equal(rig.worked, 0); /* an HMAC is cheap */
}

static void test_inline_public_keys(void **state)
{
    const struct fact_certificate certificate = { .id = SLICE("signer"),
                                                  .der = crypto_base64_decode(&rig.program, SLICE(SAMPLE_CERTIFICATE_BASE64)) };

    passes("Authorization: " SAMPLE_PS256,
           BY_HEADER("", "<issuer-signing-keys><key id='rsa' n='" SAMPLE_JWK_N "' e='" SAMPLE_JWK_E "'/></issuer-signing-keys>"));
    assert_int_equal(rig.worked, 1);
    passes("Authorization: " SAMPLE_PS256,
           BY_HEADER("", "<issuer-signing-keys><key n='" SAMPLE_JWK_N "' e='" SAMPLE_JWK_E "'/></issuer-signing-keys>"));
    assert_int_equal(rig.worked, 1); /* it is known by now */
    rig.certificates = &certificate;
    rig.n_certificates = 1;
    rig_refused_inbound(BY_HEADER("", "<issuer-signing-keys><key certificate-id='singer'/></issuer-signing-keys>"),
                        "certificate 'singer' is not known: did you mean 'signer'?");
    passes("Authorization: " SAMPLE_ES256, BY_HEADER("", "<issuer-signing-keys><key certificate-id='signer'/></issuer-signing-keys>"));
    fails("Authorization: " SAMPLE_ES256,
          BY_HEADER("", "<issuer-signing-keys><key id='other' certificate-id='signer'/><key id='o2'>AAAA</key></issuer-signing-keys>"
                        "<required-claims><claim name='none2'/></required-claims>"),
          "TokenClaimNotFound", "JWT token is missing the following claims: none2. Access denied.");
}

static void test_claims(void **state)
{
    static const char *const good = "{\"exp\":1500000100,\"aud\":\"a\",\"iss\":\"i\",\"roles\":[\"r\",\"s\"],\"scp\":\"x y\"}";
#define ALL "<audiences><audience>z</audience><audience>@(\"a\")</audience></audiences><issuers><issuer>i</issuer></issuers>" \
            "<required-claims><claim name='roles' match='any'><value>r</value><value>q</value></claim>" \
            "<claim name='scp' match='@(\"all\")' separator=' '><value>x</value></claim></required-claims>"

    passes(bearer(good), BY_HEADER("", KEYS ALL));
    fails(bearer("{\"exp\":1499999999,\"aud\":\"b\"}"), BY_HEADER("", KEYS ALL), "TokenExpired",
          "IDX10223: Lifetime validation failed. The token is expired. ValidTo: '07/14/2017 02:39:59', Current time: '07/14/2017 "
          "02:40:00'. Access denied.");
    passes(bearer("{\"exp\":1499999999}"), BY_HEADER("clock-skew='1'", KEYS));
    passes(bearer("{\"exp\":1499999999}"), BY_HEADER("clock-skew='@(2 - 1)'", KEYS));
    fails(bearer("{\"exp\":1500000100,\"aud\":\"b\",\"iss\":\"j\"}"), BY_HEADER("", KEYS ALL), "TokenAudienceNotAllowed",
          "IDX10214: Audience validation failed. Audiences: 'b'. Did not match: validationParameters.ValidAudience: 'null' or "
          "validationParameters.ValidAudiences: 'z, a'. Access denied.");
    fails(bearer("{\"exp\":1500000100,\"aud\":\"a\",\"iss\":\"j\"}"), BY_HEADER("", KEYS ALL), "TokenIssuerNotAllowed",
          "IDX10205: Issuer validation failed. Issuer: 'j'. Did not match: validationParameters.ValidIssuer: 'null' or "
          "validationParameters.ValidIssuers: 'i'. Access denied.");
    fails(bearer("{\"exp\":1500000100,\"aud\":\"a\",\"iss\":\"i\"}"), BY_HEADER("", KEYS ALL), "TokenClaimNotFound",
          "JWT token is missing the following claims: roles, scp. Access denied.");
    fails(bearer("{\"exp\":1500000100,\"aud\":\"a\",\"iss\":\"i\",\"roles\":\"t\",\"scp\":\"x\"}"), BY_HEADER("", KEYS ALL),
          "TokenClaimValueNotAllowed", "Claim roles value of t is not allowed. Access denied.");
}

static void test_output_variable(void **state)
{
    passes("Authorization: Bearer " SAMPLE_HS256,
           BY_HEADER("output-token-variable-name='jwt'", KEYS)
           "<set-variable name='out' value='@{ var j = (Jwt)context.Variables[\"jwt\"]; return j.Algorithm + j.Subject + "
           "j.Claims[\"roles\"][1] + j.Audiences.First(); }'/>");
    assert_string_equal(rig_variable("out"), "HS256sr2api://a");
    run("", BY_HEADER("output-token-variable-name='jwt'", KEYS));
    assert_string_equal(rig_variable("jwt"), "(none)");
}

static void test_encrypted_tokens(void **state)
{
    const struct fact_certificate certificate = { .id = SLICE("c"), .key = SLICE(SAMPLE_RSA_PEM) }, public = { .id = SLICE("c") };
#define DECRYPTION(key) "<decryption-keys>" key "</decryption-keys>"
#define BY_CERTIFICATE BY_HEADER("", KEYS DECRYPTION("<key certificate-id='c'/>"))

    passes("Authorization: Bearer " SAMPLE_JWE_DIR_128,
           BY_HEADER("output-token-variable-name='jwt'", KEYS DECRYPTION("<key>AAAA</key><key>" SAMPLE_BYTES_32 "</key>"))
           "<set-variable name='out' value='@(((Jwt)context.Variables[\"jwt\"]).Subject)'/>");
    assert_string_equal(rig_variable("out"), "s");
    passes("Authorization: Bearer " SAMPLE_JWE_A256KW, BY_HEADER("", KEYS DECRYPTION("<key>@(\"" SAMPLE_BYTES_32 "\")</key>")));
    assert_int_equal(rig.worked, 0);
    fails("Authorization: Bearer " SAMPLE_JWE_DIR_128, BY_HEADER("", KEYS), "JwtInvalid", "IDX10609: Decryption failed. No Keys tried.");
    fails("Authorization: Bearer " SAMPLE_JWE_DIR_128, BY_HEADER("", KEYS DECRYPTION("<key>AAAA</key>")), "JwtInvalid",
          "IDX10603: Decryption failed. Keys tried: 1.");
    fails("Authorization: Bearer " SAMPLE_JWE_DIR_128,
          BY_HEADER("", "<issuer-signing-keys><key>b3RoZXI=</key></issuer-signing-keys>" DECRYPTION("<key>" SAMPLE_BYTES_32 "</key>")),
          "TokenSignatureInvalid", "IDX10511: Signature validation failed. Keys tried: 1. kid: ''. Access denied.");
    rig.certificates = &certificate;
    rig.n_certificates = 1;
    rig_refused_inbound(BY_HEADER("", "<decryption-keys><key certificate-id='d'/></decryption-keys>"), "did you mean 'c'?");
    passes("Authorization: Bearer " SAMPLE_JWE_OAEP, BY_CERTIFICATE);
    assert_int_equal(rig.worked, 1);
    rig.certificates = &public;
    rig_refused_inbound(BY_CERTIFICATE, "certificate 'c': its private key is not known");
}

/* ---- providers ---- */

static struct jwt_provider sample_provider(const char *issuer)
{
    const struct json *set = json_parse(&rig.program, SLICE(SAMPLE_KEY_SET), NULL);
    struct jwt_provider p = { .issuer = slice_from(issuer) };
    struct err err;

    assert_true(jwt_keys_from_set(&rig.program, set, &p.keys, &err));
    return p;
}

static void test_providers(void **state)
{
    const struct jwt_provider provider = sample_provider("https://idp.example/"), other = sample_provider("https://other/");

    rig.provider = &provider;
    passes("Authorization: " SAMPLE_RS256, BY_HEADER("", CONFIG));
    assert_string_equal(rig.provider_url, "https://idp.example/.well-known/openid-configuration");
    assert_int_equal(rig.worked, 1);
    passes("Authorization: " SAMPLE_RS256, BY_HEADER("", "<openid-config url='@(\"https://\" + context.Request.Method)'/>"));
    assert_string_equal(rig.provider_url, "https://GET");
    assert_int_equal(rig.worked, 1);
    passes("Authorization: " SAMPLE_ES384, BY_HEADER("", CONFIG KEYS));
    passes("Authorization: " SAMPLE_HS384, BY_HEADER("", CONFIG KEYS));
    rig.provider = &other;
    fails("Authorization: " SAMPLE_RS256, BY_HEADER("", CONFIG), "TokenIssuerNotAllowed",
          "IDX10205: Issuer validation failed. Issuer: 'https://idp.example/'. Did not match: validationParameters.ValidIssuer: 'null' "
          "or validationParameters.ValidIssuers: 'https://other/'. Access denied.");
    passes("Authorization: " SAMPLE_RS256, BY_HEADER("", CONFIG "<issuers><issuer>https://idp.example/</issuer></issuers>"));
}

static void test_a_provider_that_was_never_fetched(void **state)
{
    fails("Authorization: " SAMPLE_RS256, BY_HEADER("", CONFIG), "TokenSignatureKeyNotFound",
          "IDX10500: Signature validation failed. No security keys were provided to validate the signature. Access denied.");
    assert_int_equal(rig.provider_asked, 1);
    run("Authorization: Basic a", BY_HEADER("", CONFIG));
    assert_int_equal(rig.provider_asked, 1); /* not for what is no token */
}

static void test_key_rollover(void **state)
{
    struct jwt_provider old = sample_provider("https://idp.example/"), newer = old;
    struct jwt_key renamed = old.keys.v[0];

    old.keys = (struct jwt_keys){ &old.keys.v[1], 1 };
    renamed.id = SLICE("new");
    newer.keys = (struct jwt_keys){ &renamed, 1 };
    rig.provider = &old;
    fails("Authorization: " SAMPLE_RS256_OTHER_ID, BY_HEADER("", CONFIG), "TokenSignatureKeyNotFound",
          "IDX10501: Signature validation failed. Unable to match key: kid: 'new'. Access denied.");
    assert_int_equal(rig.provider_asked, 2);
    rig.newer_provider = &newer;
    passes("Authorization: " SAMPLE_RS256_OTHER_ID, BY_HEADER("", CONFIG));
    assert_int_equal(rig.provider_asked, 4);
    passes("Authorization: " SAMPLE_ES256, BY_HEADER("", CONFIG)); /* the old one knows this key */
    assert_int_equal(rig.provider_asked, 5);
}

/* ---- validate-azure-ad-token ---- */

#define ENTRA(attributes, children) "<validate-azure-ad-token tenant-id='t-1' " attributes ">" children "</validate-azure-ad-token>"
#define CLIENTS "<client-application-ids><application-id>x</application-id><application-id>c</application-id></client-application-ids>"

/* Tokens here are signed with the secret: the provider of this test has it. */
static void with_entra(struct jwt_provider *p, struct jwt_key *key)
{
    jwt_key_from_secret(key, SLICE(""), crypto_base64_decode(&rig.program, SLICE(SAMPLE_SECRET_BASE64)));
    *p = (struct jwt_provider){ SLICE("https://login.microsoftonline.com/t-1/v2.0"), { key, 1 } };
    rig.provider = p;
}

static void test_entra(void **state)
{
    static const struct {
        const char *payload, *statement, *reason; /* NULL: it passes */
    } cases[] = {
        { "{\"iss\":\"https://login.microsoftonline.com/t-1/v2.0\",\"ver\":\"2.0\",\"azp\":\"c\"}", ENTRA("", CLIENTS), NULL },
        { "{\"iss\":\"https://sts.windows.net/t-1/\",\"ver\":\"1.0\",\"appid\":\"c\"}", ENTRA("", CLIENTS), NULL },
        { "{\"iss\":\"https://sts.windows.net/t-1/\",\"appid\":\"c\"}", ENTRA("", CLIENTS), NULL },
        { "{\"iss\":\"https://sts.windows.net/t-1/\",\"ver\":\"1.0\",\"azp\":\"c\"}", ENTRA("", CLIENTS), "TokenClaimNotFound" },
        { "{\"iss\":\"https://sts.windows.net/t-1/\",\"ver\":\"1.0\",\"appid\":\"d\"}", ENTRA("", CLIENTS), "TokenClaimValueNotAllowed" },
        { "{\"iss\":\"https://sts.windows.net/t-2/\"}", ENTRA("", ""), "TokenIssuerNotAllowed" },
        { "{\"iss\":\"https://sts.windows.net/t-1/\",\"aud\":\"b\"}",
          ENTRA("", "<backend-application-ids><application-id>b</application-id></backend-application-ids>"), NULL },
        { "{\"iss\":\"https://sts.windows.net/t-1/\",\"aud\":\"b\"}",
          ENTRA("", "<backend-application-ids><application-id>b</application-id></backend-application-ids>"
                    "<audiences><audience>a</audience></audiences>"), NULL },
        { "{\"iss\":\"https://sts.windows.net/t-1/\",\"aud\":\"c\"}", ENTRA("", "<audiences><audience>a</audience></audiences>"),
          "TokenAudienceNotAllowed" },
        { "{\"iss\":\"https://sts.windows.net/t-1/\"}", ENTRA("", "<required-claims><claim name='roles'/></required-claims>"),
          "TokenClaimNotFound" },
    };
    struct jwt_provider provider;
    struct jwt_key key;

    with_entra(&provider, &key);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const char *payload = arena_printf(&rig.program, "{\"exp\":1500000001,%s", cases[i].payload + 1).p;

        run(bearer(payload), cases[i].statement);
        if (!cases[i].reason != !rig.rt.error.present || (cases[i].reason && !slice_eq(rig.rt.error.reason, slice_from(cases[i].reason))))
            fail_msg("%s: %.*s", payload, SLICE_ARG(rig.rt.error.message));
        assert_string_equal(rig.provider_url, "https://login.microsoftonline.com/t-1/v2.0/.well-known/openid-configuration");
    }
    run("", ENTRA("", CLIENTS));
    assert_last_error("validate-azure-ad-token", "TokenNotPresent", "JWT not present.");
}

static void test_entra_places_and_tenants(void **state)
{
    struct jwt_provider provider;
    struct jwt_key key;

    with_entra(&provider, &key);
    const char *token = token_of("{\"exp\":1500000001,\"iss\":\"https://sts.windows.net/t-1/\"}");
    passes(arena_printf(&rig.program, "X-T: %s", token).p, ENTRA("header-name='X-T'", ""));
    passes("", arena_printf(&rig.program, ENTRA("token-value='%s' output-token-variable-name='j'", ""), token).p);
    run(arena_printf(&rig.program, "Authorization: %s", token).p, ENTRA("failed-validation-error-message='m'", ""));
    assert_response(401, "{ \"statusCode\": 401, \"message\": \"m\" }"); /* no scheme */
    run(arena_printf(&rig.program, "Authorization: Bearer %s", token).p,
        "<validate-azure-ad-token tenant-id='@(\"a/../b\")'/>");
    assert_last_error("validate-azure-ad-token", "ExpressionValueEvaluationFailure",
                      "tenant-id: \"a/../b\" is neither an id nor a domain");
    assert_int_equal(rig.rt.response.status, 500);
    provider.issuer = SLICE("https://login.microsoftonline.com/{tenantid}/v2.0");
    passes(bearer("{\"exp\":1500000001,\"iss\":\"https://sts.windows.net/t-9/\",\"tid\":\"t-9\"}"),
           "<validate-azure-ad-token tenant-id='@(\"com\" + \"mon\")'/>");
    assert_string_equal(rig.provider_url, "https://login.microsoftonline.com/common/v2.0/.well-known/openid-configuration");
}

/* ---- compiling ---- */

static void test_refused(void **state)
{
    static const struct rig_pair cases[] = {
        { "<validate-jwt/>", "takes exactly one of header-name, query-parameter-name and token-value" },
        { JWT("header-name='A' token-value='b'", ""), "takes exactly one of header-name" },
        { JWT("header-name='A b'", ""), "header-name" },
        { BY_HEADER("failed-validation-httpcode='99'", KEYS), "expected 100 to 999" },
        { BY_HEADER("require-signed-tokens='yes'", KEYS), "require-signed-tokens" },
        { BY_HEADER("clock-skew='-1'", KEYS), "expected 0 to" },
        { BY_HEADER("clock-scew='1'", KEYS), "clock-skew" },
        { BY_HEADER("", "<openid-config/>"), "url" },
        { BY_HEADER("", "<openid-config url='idp.example'/>"), "\"idp.example\" is no http or https URL" },
        { BY_HEADER("", "<issuer-signing-keys/>"), "<issuer-signing-keys> needs a <key>" },
        { BY_HEADER("", "<issuer-signing-keys><key/></issuer-signing-keys>"), "'key' must not be empty" },
        { BY_HEADER("", "<issuer-signing-keys><key>a secret!</key></issuer-signing-keys>"), "this is not base64: the text of <key>" },
        { BY_HEADER("", "<issuer-signing-keys><key n='AQAB'/></issuer-signing-keys>"), "'e'" },
        { BY_HEADER("", "<issuer-signing-keys><key e='AQAB'/></issuer-signing-keys>"), "'n'" },
        { BY_HEADER("", "<issuer-signing-keys><key n='+' e='AQAB'/></issuer-signing-keys>"), "this is not base64url" },
        { BY_HEADER("", "<issuer-signing-keys><key n='AQAB' e='AQAB'/></issuer-signing-keys>"), "RSA" },
        { BY_HEADER("", "<issuer-signing-keys><key n='AQAB' e='AQAB' certificate-id='c'/></issuer-signing-keys>"),
          "either certificate-id or n and e" },
        { BY_HEADER("", "<issuer-signing-keys><key certificate-id='c'>AAAA</key></issuer-signing-keys>"), "not both" },
        { BY_HEADER("", "<issuer-signing-keys><key certificate-id='c'/></issuer-signing-keys>"), "certificate 'c' is not known" },
        { BY_HEADER("", KEYS "<audiences/>"), "<audiences> needs an <audience>" },
        { BY_HEADER("", KEYS "<issuers><issuer/></issuers>"), "issuer" },
        { BY_HEADER("", KEYS "<required-claims/>"), "<required-claims> needs a <claim>" },
        { BY_HEADER("", KEYS "<required-claims><claim/></required-claims>"), "name" },
        { BY_HEADER("", KEYS "<required-claims><claim name='a' match='some'/></required-claims>"), "expected one of all, any" },
        { BY_HEADER("", KEYS "<decryption-keys/>"), "<decryption-keys> needs a <key>" },
        { BY_HEADER("", KEYS "<decryption-keys><key n='AQAB' e='AQAB'/></decryption-keys>"), "a public key, which decrypts nothing" },
        { ENTRA("", "<decryption-keys><key certificate-id='c'/></decryption-keys>"), "certificate 'c' is not known" },
        { BY_HEADER("", KEYS "<claims/>"), "claims" },
        { "<validate-azure-ad-token/>", "tenant-id" },
        { "<validate-azure-ad-token tenant-id='a/b'/>", "\"a/b\" is neither an id nor a domain" },
        { ENTRA("header-name='a' query-parameter-name='b'", ""), "takes at most one of header-name" },
        { ENTRA("require-scheme='Bearer'", ""), "require-scheme" },
        { ENTRA("", "<client-application-ids/>"), "needs an <application-id>" },
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++)
        rig_refused_inbound(cases[i].name, cases[i].value);
}

static void test_a_statement_without_keys_is_warned_of(void **state)
{
    rig_inbound(BY_HEADER("", ""));
    rig_warned("has neither <openid-config> nor <issuer-signing-keys>");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        rig_test(test_places),
        rig_test(test_absence),
        rig_test(test_wrong_forms),
        rig_test(test_what_failures_look_like),
        rig_test(test_signatures),
        rig_test(test_inline_public_keys),
        rig_test(test_claims),
        rig_test(test_output_variable),
        rig_test(test_encrypted_tokens),
        rig_test(test_providers),
        rig_test(test_a_provider_that_was_never_fetched),
        rig_test(test_key_rollover),
        rig_test(test_entra),
        rig_test(test_entra_places_and_tenants),
        rig_test(test_refused),
        rig_test(test_a_statement_without_keys_is_warned_of),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
