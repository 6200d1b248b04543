/* Certificates, keys, signatures, ciphers through the expression engine. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "platform/base/buf.h"
#include "policy/expr/batch.h"
#include "tests/unit/sample_keys.h"
#include "tests/unit/sample_pfx.h"

static const struct {
    const char *expr, *want; /* part of the line */
} cases[] = {
    { "context.Request.Certificate.Subject",
      "\"value\":\"E=a@example.org, CN=www.example.org, OU=Ops, O=\\\"Example, Inc"
      ".\\\", S=Bayern, C=DE\"}" },
    { "context.Request.Certificate.Issuer == context.Request.Certificate.SubjectName.Name",
      "\"value\":\"true\"}" },
    { "context.Request.Certificate.Thumbprint + context.Request.Certificate.SerialNumber",
      "\"value\":\"09C3111DEEDD0C97404F6C699AFDCE380CCFF7790102ABCDEF\"}" },
    { "context.Request.Certificate.NotBefore", "\"value\":\"2026-11-24T04:30:34.0000000+00:00\"}" },
    { "context.Request.Certificate.GetNameInfo(X509NameType.SimpleName, false"
      ") + context.Request.Certificate.GetNameInfo(X509NameType.EmailName, tr"
      "ue)",
      "\"value\":\"www.example.orga@example.org\"}" },
    { "context.Request.Certificate.GetNameInfo(X509NameType.DnsName, false) +"
      " context.Request.Certificate.GetNameInfo(X509NameType.UrlName, false)",
      "\"value\":\"www.example.orghttps://example.org/x\"}" },
    { "context.Deployment.Certificates.Any(c => c.Value.Thumbprint == context"
      ".Request.Certificate.Thumbprint)",
      "\"value\":\"true\"}" },
    { "context.Deployment.Certificates[\"C1\"].RawData.Length + \" \" + context.D"
      "eployment.Certificates.ContainsKey(\"c9\")",
      "\"value\":\"1057 False\"}" },
    { "context.Deployment.Certificates[\"c9\"]",
      "\"error\":\"System.Collections.Generic.KeyNotFoundException\"" },
    { "context.Request.Certificate.Verify() || context.Request.Certificate.VerifyNoRevocation()",
      "\"value\":\"false\"}" },
    { "context.Request.Certificate.PublicKey.Oid.FriendlyName + context.Reque"
      "st.Certificate.SignatureAlgorithm.FriendlyName",
      "\"value\":\"RSAsha256RSA\"}" },
    { "context.Request.Certificate.HasPrivateKey || context.Request.Certifica"
      "te.GetECDsaPublicKey() != null",
      "\"value\":\"false\"}" },
    { "context.Response == null || context.Request.Certificate.Equals(context"
      ".Deployment.Certificates[\"c1\"])",
      "\"value\":\"true\"}" },
    { "context.Request.Certificate.GetRSAPublicKey().VerifyData(Encoding.UTF8"
      ".GetBytes(\"hello\"), Convert.FromBase64String((string)context.Variables"
      "[\"sig\"]), HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1)",
      "\"value\":\"true\"}" },
    { "context.Request.Certificate.GetRSAPublicKey().VerifyData(Encoding.UTF8"
      ".GetBytes(\"hello\"), Convert.FromBase64String((string)context.Variables"
      "[\"pss\"]), HashAlgorithmName.SHA256, RSASignaturePadding.Pss)",
      "\"value\":\"true\"}" },
    { "context.Request.Certificate.GetRSAPublicKey().VerifyData(Encoding.UTF8"
      ".GetBytes(\"jello\"), Convert.FromBase64String((string)context.Variables"
      "[\"sig\"]), HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1)",
      "\"value\":\"false\"}" },
    { "@{ var rsa = RSA.Create(); rsa.ImportParameters(new RSAParameters { Mo"
      "dulus = Convert.FromBase64String((string)context.Variables[\"n\"]), Expo"
      "nent = Convert.FromBase64String(\"AQAB\") }); return rsa.VerifyHash(SHA2"
      "56.Create().ComputeHash(Encoding.UTF8.GetBytes(\"hello\")), Convert.From"
      "Base64String((string)context.Variables[\"sig\"]), HashAlgorithmName.SHA2"
      "56, RSASignaturePadding.Pkcs1); }",
      "\"value\":\"true\"}" },
    { "@{ var rsa = RSA.Create(); rsa.FromXmlString(\"<RSAKeyValue><Modulus>\" "
      "+ context.Variables[\"n\"] + \"</Modulus><Exponent>AQAB</Exponent></RSAKe"
      "yValue>\"); return rsa.KeySize; }",
      "\"value\":\"2048\"}" },
    { "@{ var rsa = RSA.Create(); rsa.ImportFromPem((string)context.Variables"
      "[\"rsa\"]); var d = new byte[9]; var s = rsa.SignData(d, HashAlgorithmNa"
      "me.SHA512, RSASignaturePadding.Pss); return rsa.VerifyData(d, s, HashA"
      "lgorithmName.SHA512, RSASignaturePadding.Pss); }",
      "\"value\":\"true\"}" },
    { "@{ var rsa = RSA.Create(); rsa.ImportFromPem((string)context.Variables"
      "[\"rsa\"]); return Encoding.UTF8.GetString(rsa.Decrypt(rsa.Encrypt(Encod"
      "ing.UTF8.GetBytes(\"secret\"), RSAEncryptionPadding.OaepSHA256), RSAEncr"
      "yptionPadding.OaepSHA256)); }",
      "\"value\":\"secret\"}" },
    { "@{ var e = ECDsa.Create(); e.ImportFromPem((string)context.Variables[\""
      "ec\"]); var d = new byte[9]; var s = e.SignData(d, HashAlgorithmName.SH"
      "A256); return s.Length + \"/\" + e.VerifyData(d, s, HashAlgorithmName.SH"
      "A256); }",
      "\"value\":\"64/True\"}" },
    { "@{ var e = ECDsa.Create(); e.ImportFromPem((string)context.Variables[\"rsa\"]); return 1; }",
      "\"error\":\"System.Security.Cryptography.CryptographicException\"" },
    { "RSA.Create().KeySize", "\"error\":\"System.Security.Cryptography.CryptographicException\"" },
    { "new X509Certificate2(Encoding.UTF8.GetBytes(\"x\"))",
      "\"error\":\"System.Security.Cryptography.CryptographicException\"" },
    { "Encoding.UTF8.GetBytes(\"hello\").Encrypt(\"Aes\", Encoding.ASCII.GetBytes"
      "(\"0123456789abcdef\"), new byte[16])",
      "\"value\":\"Z0x+8454yr2c7JwSWCOmOQ==\"}" },
    { "Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(\"hello\").Encrypt(\"Tripl"
      "eDES\", Encoding.ASCII.GetBytes(\"0123456789abcdef\"), new byte[8]).Decry"
      "pt(\"3DES\", Encoding.ASCII.GetBytes(\"0123456789abcdef\"), new byte[8]))",
      "\"value\":\"hello\"}" },
    { "@{ var aes = Aes.Create(); aes.Mode = CipherMode.ECB; aes.Key = new by"
      "te[32]; return aes.CreateEncryptor().TransformFinalBlock(new byte[16],"
      " 0, 16).Length + \"/\" + aes.KeySize + aes.BlockSize; }",
      "\"value\":\"32/256128\"}" },
    { "@{ var aes = Aes.Create(); var d = new byte[20]; aes.Mode = CipherMode"
      ".CFB; var c = d.Encrypt(aes); return c.Length + \"/\" + d.SequenceEqual("
      "c.Decrypt(aes)); }",
      "\"value\":\"21/True\"}" },
    { "@{ var aes = Aes.Create(); aes.Padding = PaddingMode.ANSIX923; var d ="
      " new byte[20]; return d.SequenceEqual(d.Encrypt(aes).Decrypt(aes)); }",
      "\"value\":\"true\"}" },
    { "@{ var aes = Aes.Create(); aes.Padding = PaddingMode.None; return new byte[20].Encrypt(aes); }",
      "\"error\":\"System.Security.Cryptography.CryptographicException\"" },
    { "@{ var aes = Aes.Create(); return aes.Key.Length + \"/\" + aes.IV.Length"
      " + aes.DecryptCbc(aes.EncryptCbc(new byte[3], new byte[16]), new byte["
      "16]).Length; }",
      "\"value\":\"32/163\"}" },
    { "Encoding.UTF8.GetBytes(\"hello\").Decrypt(\"Aes\", new byte[16], new byte[16])",
      "\"error\":\"System.Security.Cryptography.CryptographicException\"" },
    { "new byte[32].Decrypt(\"Aes\", new byte[16], new byte[16])",
      "\"error\":\"System.Security.Cryptography.CryptographicException\"" },
    { "new byte[0].Encrypt(\"Foo\", new byte[16], new byte[16])", "\"error\":\"System.ArgumentException\"" },
    { "new byte[0].Encrypt(\"Aes\", new byte[15], new byte[16])",
      "\"error\":\"System.Security.Cryptography.CryptographicException\"" },
    { "new byte[0].Encrypt(\"Aes\", new byte[16], new byte[1])",
      "\"error\":\"System.Security.Cryptography.CryptographicException\"" },
    { "RandomNumberGenerator.GetBytes(8).Length + RandomNumberGenerator.GetInt32(5, 6)",
      "\"value\":\"13\"}" },
    { "@{ var b = new byte[9]; RandomNumberGenerator.Create().GetNonZeroBytes(b); return b.Contains((byte)0); }",
      "\"value\":\"false\"}" },
    { "@{ var c = new X509Certificate2(Convert.FromBase64String(\"" SAMPLE_PFX "\"), \"é€x\", X509KeyStorageFlags.EphemeralKeySet); var d = new byte[] { 1 };"
      " return c.Subject + c.HasPrivateKey + c.GetECDsaPublicKey().VerifyData(d, c.GetECDsaPrivateKey().SignData(d, HashAlgorithmName.SHA256), HashAlgorithmName.SHA256); }",
      "\"value\":\"CN=ec.exampleTrueTrue\"}" },
    { "new X509Certificate2(Convert.FromBase64String(\"" SAMPLE_PFX_OLD "\"), (string)null).GetECDsaPrivateKey() != null", "\"value\":\"true\"}" },
    { "new X509Certificate2(Convert.FromBase64String(\"" SAMPLE_PFX_OLD "\")).Subject", "\"value\":\"CN=ec.example\"}" },
    { "new X509Certificate2(Convert.FromBase64String(\"" SAMPLE_PFX "\"), \"wrong\")",
      "\"error\":\"System.Security.Cryptography.CryptographicException\",\"message\":\"The specified network password is not correct.\"" },
    { "new X509Certificate2(Convert.FromBase64String(\"" SAMPLE_PFX "\").Take(600).ToArray(), \"é€x\")",
      "\"error\":\"System.Security.Cryptography.CryptographicException\"" },
    { "new X509Certificate2(new X509Certificate2(Convert.FromBase64String(\"" SAMPLE_PFX_OLD "\"), \"\")).HasPrivateKey", "\"value\":\"true\"}" },
    { "@{ var h = HashAlgorithm.Create(\"SHA-256\"); var d = new byte[] { 1, 2, 3 }; h.TransformBlock(d, 0, 2, null, 0); h.TransformFinalBlock(d, 2, 1);"
      " return h.Hash.SequenceEqual(SHA256.Create().ComputeHash(d)); }",
      "\"value\":\"true\"}" },
    { "@{ RSA.Create().ImportFromPem(null); return 1; }", "\"error\":\"System.ArgumentNullException\"" },
};

/* {"variables":{"name":"text", ...}, ...}, with line ends escaped. */
static void put(struct buf *b, const char *before, const char *text)
{
    buf_puts(b, before);
    buf_put_json(b, slice_from(text));
}

static struct slice context(struct arena *a)
{
    struct buf b;

    buf_init(&b, a);
    put(&b, "{\"request\":{\"certificate\":", SAMPLE_CERTIFICATE_PEM);
    put(&b, "},\"deployment\":{\"certificates\":{\"c1\":", SAMPLE_CERTIFICATE_PEM);
    put(&b, "}},\"variables\":{\"rsa\":", SAMPLE_RSA_PEM);
    put(&b, ",\"ec\":", SAMPLE_EC_PEM);
    put(&b, ",\"sig\":", SAMPLE_SIGNATURE);
    put(&b, ",\"pss\":", SAMPLE_SIGNATURE_PSS);
    put(&b, ",\"n\":", SAMPLE_RSA_MODULUS);
    buf_puts(&b, "}}");
    return buf_slice(&b);
}

static void members(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct arena a;
        struct buf out;

        arena_init_growing(&a, 1 << 22);
        buf_init(&out, &a);
        expr_batch_one(&a, slice_from(cases[i].expr), context(&a), &out);
        if (slice_find(buf_slice(&out), slice_from(cases[i].want)) < 0)
            fail_msg("%s: %.*s, not %s", cases[i].expr, SLICE_ARG(buf_slice(&out)), cases[i].want);
        arena_free(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(members) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
