#!/usr/bin/env python3
"""validate-jwt against a provider that is there, slow, away or broken: keys by discovery, rollover, the answers' bytes, LastError, and
a restart without a link."""
import base64
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tools"))
from gateway_lib import Backend, Site, Table, free_ports, policies  # noqa: E402

WHY = '''<set-header name="X-Why" exists-action="override"><value>@(context.LastError.Source + " " + context.LastError.Reason + " "
  + context.LastError.Section + " " + context.Response.StatusCode)</value></set-header>'''
WHO = '''<return-response><set-header name="X-Who" exists-action="override"><value>@(((Jwt)context.Variables["jwt"]).Subject)</value>
  </set-header></return-response>'''
CONFIG = "/.well-known/openid-configuration"
NOT_FETCHED = "IDX10500: Signature validation failed. No security keys were provided to validate the signature. Access denied."

site, table = Site(), Table()


def openssl(*arguments, data=None):
    return subprocess.run(["openssl", *arguments], input=data, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True).stdout


def url64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Key:
    """An RSA key of the provider, by its id."""

    def __init__(self, name):
        self.name, self.path = name, site.path(name + ".pem")
        openssl("genrsa", "-out", self.path, "2048")
        modulus = openssl("rsa", "-in", self.path, "-noout", "-modulus").decode().strip().partition("=")[2]
        self.jwk = {"kty": "RSA", "use": "sig", "kid": name, "n": url64(bytes.fromhex(modulus)), "e": "AQAB"}

    def token(self, name=None, **claims):
        header = {"typ": "JWT", "alg": "RS256", "kid": name or self.name}
        payload = {"iss": provider.url, "sub": "someone", "aud": "api://edge", "exp": int(time.time()) + 600, **claims}
        text = ".".join(url64(json.dumps(part).encode()) for part in (header, payload))
        return f"{text}.{url64(openssl('dgst', '-sha256', '-sign', self.path, data=text.encode()))}"


class Provider(Backend):
    """Discovery and key set on one port; can be slow, broken, or away. Counts what is fetched."""

    def __init__(self):
        self.keys, self.fetched, self.delay, self.broken = [], 0, 0, None
        super().__init__(self.reply)

    def accept(self):
        try:
            super().accept()
        except OSError:
            pass  # stopped

    def talk(self, connection):
        try:
            super().talk(connection)
        except OSError:
            pass  # the gateway had enough

    def stop(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()

    def reply(self, head, _):
        path = head.split(b" ")[1].decode()
        if path.endswith(CONFIG):
            self.fetched += 1
            time.sleep(self.delay)
            document = {"issuer": self.url, "jwks_uri": self.url + "/keys"}
        else:
            document = {"keys": [key.jwk for key in self.keys]}
        body = json.dumps(document).encode() if self.broken is None else self.broken
        return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


provider = Provider()
dead, = free_ports(1)
first, second = Key("first"), Key("second")
provider.keys = [first]
site.put("certificates/signer/signer.pem", openssl("req", "-x509", "-key", first.path, "-subj", "/CN=signer", "-days", "2").decode())
site.put("certificates/signer/certificateInformation.json", {"data": "signer.pem"})
site.put("named values/idp/namedValueInformation.json", {"displayName": "idp", "value": provider.url})


def api(name, url, more="", attributes=""):
    check = f'''<validate-jwt header-name="Authorization" require-scheme="Bearer" output-token-variable-name="jwt" {attributes}>
      <openid-config url="{url}" />{more}</validate-jwt>'''
    site.api(name, {"get": "GET /"}, policies(inbound=check + WHO, on_error=WHY))


api("plain", "{{idp}}" + CONFIG, "<audiences><audience>api://edge</audience></audiences>")
api("computed", '@("' + provider.url + '/" + context.Request.Headers.GetValueOrDefault("X-Tenant") + "' + CONFIG + '")')
api("custom", "{{idp}}" + CONFIG, attributes='failed-validation-httpcode="403" failed-validation-error-message="Go &quot;away&quot;"')
api("dead", f"http://127.0.0.1:{dead}{CONFIG}")

site.api("certificate", {"get": "GET /"}, policies(inbound=f'''<validate-jwt query-parameter-name="t" output-token-variable-name="jwt">
  <issuer-signing-keys><key certificate-id="signer" /></issuer-signing-keys></validate-jwt>{WHO}''', on_error=WHY))


def body(text, status=401):
    return f'{{ "statusCode": {status}, "message": "{text}" }}'


def call(gateway, name, token=None, *fields):
    answer = gateway.get(f"/{name}/", *([f"Authorization: Bearer {token}"] if token else []), *fields)
    return (answer.status, answer.get("X-Who")) if answer.status == 200 else (answer.status, answer.text)


GOOD = (200, "someone")


def wait_until(condition, seconds=15):
    for _ in range(seconds * 20):
        if condition():
            return True
        time.sleep(0.05)
    return False


def the_answers(gateway):
    table.row("the keys are fetched before the first request", wait_until(lambda: provider.fetched == 1), True)
    table.row("a token", call(gateway, "plain", first.token()), GOOD)
    table.row("again", call(gateway, "plain", first.token()), GOOD)
    table.row("no token", call(gateway, "plain"), (401, body("JWT not present.")))
    answer = gateway.get("/plain/")
    table.row("its head", (answer.reason, answer.get("Content-Type"), answer.get("X-Why")),
              ("Unauthorized", "application/json", "validate-jwt TokenNotPresent inbound 401"))
    table.row("a custom failure", call(gateway, "custom"), (403, body('Go \\"away\\"', 403)))
    token = first.token()
    head, payload, signature = token.split(".")
    forged = f"{head}.{payload}.{signature[:20]}{'A' if signature[20] != 'A' else 'B'}{signature[21:]}"
    for _ in range(3):
        table.row("a forged one", call(gateway, "plain", forged),
                  (401, body("IDX10511: Signature validation failed. Keys tried: 1. kid: 'first'. Access denied.")))
    table.row("another audience", call(gateway, "plain", first.token(aud="x"))[1], body(
        "IDX10214: Audience validation failed. Audiences: 'x'. Did not match: validationParameters.ValidAudience: 'null' or "
        "validationParameters.ValidAudiences: 'api://edge'. Access denied."))
    table.row("another issuer", call(gateway, "plain", first.token(iss="x"))[1], body(
        f"IDX10205: Issuer validation failed. Issuer: 'x'. Did not match: validationParameters.ValidIssuer: 'null' or "
        f"validationParameters.ValidIssuers: '{provider.url}'. Access denied."))
    expired = call(gateway, "plain", first.token(exp=1000000000))
    table.row("an expired one", re.sub(r"Current time: '\d\d/\d\d/\d{4} \d\d:\d\d:\d\d'", "NOW", expired[1]), body(
        "IDX10223: Lifetime validation failed. The token is expired. ValidTo: '09/09/2001 01:46:40', NOW. Access denied."))
    table.row("a key in a certificate", gateway.get(f"/certificate/?t={first.token()}").get("X-Who"), "someone")
    table.row("another key", gateway.get(f"/certificate/?t={second.token()}").get("X-Why"),
              "validate-jwt TokenSignatureInvalid inbound 401")
    table.row("a provider that is away", call(gateway, "dead", first.token()), (401, body(NOT_FETCHED)))
    table.row("a computed URL", call(gateway, "computed", first.token(), "X-Tenant: a"), GOOD)
    table.row("garbage is no reason to fetch", (call(gateway, "computed", "a.b.c", "X-Tenant: b")[0], provider.fetched), (401, 2))


def many_at_once(gateway):
    fetched, answers = provider.fetched, []
    provider.delay = 1
    token = first.token()
    threads = [threading.Thread(target=lambda: answers.append(call(gateway, "computed", token, "X-Tenant: c"))) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    provider.delay = 0
    table.row("twenty wait for one fetch of a slow provider", (answers, provider.fetched - fetched), ([GOOD] * 20, 1))


def rollover(gateway):
    unknown = (401, body("IDX10501: Signature validation failed. Unable to match key: kid: 'second'. Access denied."))
    fetched = provider.fetched
    time.sleep(2.1)  # oidc.retry
    table.row("a new key that the provider does not show", call(gateway, "plain", second.token()), unknown)
    table.row("it was asked", provider.fetched, fetched + 1)
    provider.keys = [second]
    table.row("too early to ask again", (call(gateway, "plain", second.token()), provider.fetched), (unknown, fetched + 1))
    table.row("the old key meanwhile", call(gateway, "plain", first.token()), GOOD)
    time.sleep(2.1)
    kept = first.token()
    table.row("before the rollover", call(gateway, "plain", kept), GOOD)
    table.row("the new key", call(gateway, "plain", second.token()), GOOD)
    table.row("the old key is gone", call(gateway, "plain", kept)[0], 401)


def broken(gateway):
    for garbage in (b"", b"<html>", b"{}", b"[1", b"x" * 600000, b'{"issuer":"i","jwks_uri":"file:///etc/passwd"}'):
        provider.broken = garbage
        time.sleep(2.1)
        fetched = provider.fetched
        table.row("garbage for a new key", call(gateway, "plain", first.token())[0], 401)
        table.row("it was fetched", provider.fetched, fetched + 1)
        table.row("the keys stay", call(gateway, "plain", second.token()), GOOD)
    provider.broken = None


def restart_without_a_link():
    provider.stop()
    with site.serve("oidc.retry=2s") as gateway:
        table.row("after a restart without the provider", call(gateway, "plain", second.token()), GOOD)
        table.row("another key", call(gateway, "plain", first.token("first"))[1],
                  body("IDX10501: Signature validation failed. Unable to match key: kid: 'first'. Access denied."))
        table.row("a provider never seen", call(gateway, "computed", second.token(), "X-Tenant: z"), (401, body(NOT_FETCHED)))
    kept = [os.path.join(site.path("cache/oidc"), name) for name in sorted(os.listdir(site.path("cache/oidc")))]
    for path in kept:
        with open(path, "r+b") as file:
            file.truncate(100)
    with site.serve() as gateway:
        table.row("kept files that are broken", call(gateway, "plain", second.token()), (401, body(NOT_FETCHED)))
        table.row("the log says so", "ProviderNotRead" in gateway.log(), True)


def refresh():
    """Anew, with a provider that comes back: kept keys serve while it is fetched, and are replaced."""
    global provider
    provider = Provider()
    provider.keys = [first]
    site.put("named values/idp/namedValueInformation.json", {"displayName": "idp", "value": provider.url})
    with site.serve("oidc.refresh=2s", "oidc.retry=1s") as gateway:
        table.row("the new provider", wait_until(lambda: call(gateway, "plain", first.token()) == GOOD), True)
        provider.delay, fetched = 3, provider.fetched
        time.sleep(2.1)
        began = time.monotonic()
        table.row("nobody waits for a refresh", (call(gateway, "plain", first.token()), time.monotonic() - began < 1), (GOOD, True))
        table.row("it is under way", wait_until(lambda: provider.fetched == fetched + 1), True)


with site.serve("oidc.retry=2s", "net.server.workers=2") as gateway:
    the_answers(gateway)
    many_at_once(gateway)
    rollover(gateway)
    broken(gateway)
restart_without_a_link()
refresh()
table.end(at_least=51)
