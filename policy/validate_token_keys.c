/* <issuer-signing-keys> and <decryption-keys>: key = BASE64 | certificate-id | n and e, each with an id if it likes. A key that decrypts
 * is a secret, or the private key of a certificate. */
#include "policy/validate_token.h"

/* A gap in a template ("{jwt_signing_key}") is no fault while the rest of the configuration is unknown. Never with the text: it may be
 * a secret. */
static void complain(struct comp *c, const struct xml_node *n, const char *attr, const char *what)
{
    if (comp_is_open(c))
        comp_warning(c, n, attr, "%s", what);
    else
        comp_error(c, n, attr, "%s", what);
}

static bool decoded(struct comp *c, const struct xml_node *n, const char *attr, struct slice *out)
{
    struct slice text = comp_attr_text(c, n, attr, VALUE_REQUIRED);

    *out = crypto_base64url_decode(comp_arena(c), text);
    if (!out->p && text.p)
        complain(c, n, attr, "this is not base64url");
    return out->p != NULL;
}

static bool compile_numbers(struct comp *c, const struct xml_node *n, struct slice id, struct jwt_key *out)
{
    struct slice modulus, exponent;
    struct err err;
    bool ok = decoded(c, n, "n", &modulus);

    if (!decoded(c, n, "e", &exponent) || !ok)
        return false;
    if (jwt_key_from_rsa(comp_arena(c), out, id, modulus, exponent, &err))
        return true;
    complain(c, n, "n", err.text);
    return false;
}

static bool key_of_certificate(struct comp *c, const struct fact_certificate *fact, struct slice id, bool decrypts,
                               struct jwt_key *out, struct err *err)
{
    struct crypto_certificate certificate;

    if (decrypts)
        return fact->key.n ? jwt_key_from_private(out, id, fact->key, err) : err_set(err, "its private key is not known");
    return crypto_certificate_read(comp_arena(c), fact->der, &certificate, err) &&
           jwt_key_from_spki(out, id, certificate.key_info, err);
}

static bool compile_certificate(struct comp *c, const struct xml_node *n, struct slice id, bool decrypts, struct jwt_key *out)
{
    struct slice name = comp_attr_text(c, n, "certificate-id", VALUE_REQUIRED | VALUE_NOT_EMPTY);
    const struct fact_certificate *fact = name.n ? comp_certificate(c, n, "certificate-id", name) : NULL;
    struct err err;

    if (!fact)
        return false;
    if (key_of_certificate(c, fact, id, decrypts, out, &err))
        return true;
    comp_error(c, n, "certificate-id", "certificate '%.*s': %s", SLICE_ARG(name), err.text);
    return false;
}

static bool compile_secret(struct comp *c, const struct xml_node *n, struct slice id, struct token_keys *keys, struct jwt_key *out)
{
    struct value text = comp_text_trimmed(c, n, VALUE_REQUIRED | VALUE_NOT_EMPTY);

    if (text.expr) {
        keys->computed[keys->n_computed++] = (struct token_computed_key){ id, text };
        return false;
    }
    struct slice secret = crypto_base64_decode(comp_arena(c), text.text);
    if (!secret.n && text.text.n)
        complain(c, n, NULL, "this is not base64: the text of <key> is a base64 encoded secret, a certificate is named by certificate-id");
    if (secret.n)
        jwt_key_from_secret(out, id, secret);
    return secret.n > 0;
}

static bool has_text(struct comp *c, const struct xml_node *n)
{
    struct value text = comp_text_trimmed(c, n, VALUE_OPTIONAL);

    return text.expr || text.text.n;
}

static bool compile_key(struct comp *c, const struct xml_node *n, bool decrypts, struct token_keys *keys, struct jwt_key *out)
{
    struct slice id = comp_attr_text(c, n, "id", VALUE_OPTIONAL);
    bool numbers = comp_has_attr(n, "n") || comp_has_attr(n, "e"), certificate = comp_has_attr(n, "certificate-id");

    if (numbers && certificate)
        comp_error(c, n, "certificate-id", "<key> takes either certificate-id or n and e");
    if ((numbers || certificate) && has_text(c, n))
        comp_error(c, n, NULL, "<key> takes a text or attributes that name a key, not both");
    if (numbers && decrypts)
        comp_error(c, n, NULL, "n and e are a public key, which decrypts nothing: give a secret or a certificate-id");
    return numbers     ? compile_numbers(c, n, id, out)
         : certificate ? compile_certificate(c, n, id, decrypts, out)
                       : compile_secret(c, n, id, keys, out);
}

static uint32_t count(struct comp *c, const struct xml_node *list)
{
    uint32_t n = 0;

    for (const struct xml_node *k = comp_next(c, list, NULL, "key"); k; k = comp_next(c, list, k, "key"))
        n++;
    return n;
}

static void compile_keys(struct comp *c, const struct xml_node *n, const char *name, bool decrypts, struct token_keys *out)
{
    const struct xml_node *list = comp_child(c, n, name, VALUE_OPTIONAL);
    uint32_t n_keys = list ? count(c, list) : 0;
    struct jwt_key *keys = comp_array(c, struct jwt_key, n_keys);

    out->computed = comp_array(c, struct token_computed_key, n_keys);
    if (!keys || !out->computed)
        return;
    if (list && !n_keys)
        comp_error(c, list, NULL, "<%s> needs a <key>", name);
    out->literal.v = keys;
    for (const struct xml_node *k = n_keys ? comp_next(c, list, NULL, "key") : NULL; k; k = comp_next(c, list, k, "key"))
        out->literal.n += compile_key(c, k, decrypts, out, &keys[out->literal.n]);
}

void token_compile_signing_keys(struct comp *c, const struct xml_node *n, struct token_plan *p)
{
    compile_keys(c, n, "issuer-signing-keys", false, &p->signing);
}

void token_compile_decryption_keys(struct comp *c, const struct xml_node *n, struct token_plan *p)
{
    compile_keys(c, n, "decryption-keys", true, &p->decryption);
}
