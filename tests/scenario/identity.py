#!/usr/bin/env python3
"""authentication-managed-identity: each source of tokens, as one server plays it; tokens that are kept, renewed, and used while the
source is away; answers that are none; many at once. Each row says what it shows."""
import json
import os
import stat
import subprocess
import sys
import threading
import time
import urllib.parse

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tools"))
import gateway_lib  # noqa: E402
from gateway_lib import Backend, Site, Table, policies  # noqa: E402

for name in list(os.environ):
    if name.startswith(("AZURE_", "IDENTITY_", "IMDS_", "MSI_")):
        del os.environ[name]

ARC_FOLDER = "/var/opt/azcmagent/tokens"
TOKEN = "eyJ0.secret-%d"


class Source:
    """Plays all sources at once. `script` maps a resource to a list of answers, the last of which is for ever; default: an hour."""

    def __init__(self):
        self.asked = []
        self.count = 0
        self.challenge = f"Basic realm={ARC_FOLDER}/challenge.key"
        self.script = {}
        self.delay = 0
        self.server = Backend(self.answer)
        self.url = self.server.url

    def answer(self, head, body):
        lines = head.decode().split("\r\n")
        method, target, _ = lines[0].split(" ")
        fields = {line.split(":")[0].lower(): line.split(":", 1)[1].strip() for line in lines[1:]}
        path, _, query = target.partition("?")
        asked = dict(urllib.parse.parse_qsl(query if method == "GET" else body.decode(), strict_parsing=True))
        self.asked.append((method, path, fields, asked))
        time.sleep(self.delay)
        if path == "/arc" and fields.get("authorization") != "Basic the-key":
            return reply(401, b"", f"WWW-Authenticate: {self.challenge}")
        steps = self.script.get(asked.get("resource", asked.get("scope")), [{"expires_in": "3600"}])
        step = steps.pop(0) if len(steps) > 1 else steps[0]
        if step is None or isinstance(step, bytes):
            return step
        self.count += 1
        status = step.get("status", 200)
        return reply(status, json.dumps({"access_token": TOKEN % self.count, "token_type": "Bearer", **step}).encode())


def reply(status, body, *fields):
    lines = "".join(line + "\r\n" for line in fields)
    return f"HTTP/1.1 {status} X\r\n{lines}Content-Length: {len(body)}\r\n\r\n".encode() + body


source = Source()
backend = Backend()
os.environ["http_proxy"] = backend.url  # local sources are asked without it
ERROR = ('<set-header name="X-Error" exists-action="override"><value>@(context.LastError.Source + "/" + context.LastError.Reason + "/"'
         ' + context.LastError.Message)</value></set-header>')
RESOURCE = """resource='@(context.Request.Headers.GetValueOrDefault("R", "https://vault.azure.net"))'"""
CLIENT = """client-id='@(context.Request.Headers.GetValueOrDefault("C", ""))'"""
site = Site()
site.api("a", {"field": "GET /field", "variable": "GET /variable", "ignore": "GET /ignore", "call": "GET /call"}, policies_of={
    "field": policies(f"<authentication-managed-identity {RESOURCE} {CLIENT}/>", on_error=ERROR),
    "variable": policies(f"<authentication-managed-identity {RESOURCE} output-token-variable-name='t'/>"
                         "<return-response><set-body>@((string)context.Variables[\"t\"])</set-body></return-response>"),
    "ignore": policies(f"<authentication-managed-identity {RESOURCE} ignore-error='true'/>"),
    "call": policies(f"<send-request response-variable-name='r'><set-url>{backend.url}/svc</set-url><set-method>GET</set-method>"
                     f"<authentication-managed-identity {RESOURCE}/></send-request><return-response response-variable-name='r'/>"),
}, serviceUrl=backend.url)
table = Table()
gateway = None


def bearer(answer):
    """The token that the backend saw, or what came instead."""
    for line in answer.text.split("\r\n"):
        if line.lower().startswith("authorization:"):
            return line.split(":", 1)[1].strip()
    return f"{answer.status} {answer.get('X-Error')}"


def ask(resource, operation="field", *fields):
    return gateway.get(f"/a/{operation}", f"R: {resource}", *fields)


def last_question():
    method, path, fields, asked = source.asked[-1]
    return method, path, {k: fields[k] for k in ("metadata", "x-identity-header", "authorization") if k in fields}, asked


def error_of(resource):
    answer = ask(resource)
    return answer.status, answer.get("X-Error").split("/", 2)[2]


IMDS = f"IMDS {source.url}/imds: "
LOG = []


def with_environment(**values):
    for key in list(os.environ):
        if key.startswith(("AZURE_", "IDENTITY_", "IMDS_")):
            del os.environ[key]
    os.environ.update(values)
    return site.serve(f"identity.imds.endpoint={source.url}/imds")


with with_environment() as gateway:
    # IMDS, and where tokens go
    first = bearer(gateway.get("/a/field"))
    table.row("IMDS gives a token", first, "Bearer " + TOKEN % 1)
    table.row("IMDS is asked so", last_question(), ("GET", "/imds", {"metadata": "true"}, {
        "api-version": "2018-02-01", "resource": "https://vault.azure.net"}))
    table.row("a token is kept", bearer(gateway.get("/a/field")), first)
    table.row("one question for it", len(source.asked), 1)
    table.row("a variable gets it", gateway.get("/a/variable").text, TOKEN % 1)
    table.row("the backend of send-request gets it", bearer(gateway.get("/a/call")), first)
    table.row("another resource, another token", bearer(ask("https://storage.azure.com/")), "Bearer " + TOKEN % 2)
    table.row("a scope is taken for its resource", (bearer(ask("api://x/.default")), last_question()[3]["resource"]), (
        "Bearer " + TOKEN % 3, "api://x"))
    table.row("a client, another token", (bearer(ask("https://storage.azure.com/", "field", "C: c/1")), last_question()[3]), (
        "Bearer " + TOKEN % 4, {"api-version": "2018-02-01", "resource": "https://storage.azure.com/", "client_id": "c/1"}))

    # wrong answers; a failure is remembered for a moment
    bad = {
        "html": (reply(200, b"<html>secret-x</html>"), IMDS + "answer: "),
        "gone": (None, IMDS),
        "status": (reply(400, b'{"error":"invalid_request","error_description":"Identity not found\\r\\nTrace ID: 1"}'),
                   IMDS + "status 400: invalid_request: Identity not found"),
        "moved": (reply(302, b"", f"Location: {source.url}/elsewhere"), IMDS + "status 302"),
        "empty": ({"access_token": ""}, IMDS + "answer: no usable access_token"),
        "inject": ({"access_token": "a\r\nX-Bad: 1", "expires_in": 60}, IMDS + "answer: no usable access_token"),
        "endless": ({}, IMDS + "answer: neither expires_in nor expires_on"),
        "late": ({"expires_on": "1000000000"}, IMDS + "answer: the token has expired"),
        "large": (reply(200, b"x" * 100000), IMDS),
    }
    for name, (step, message) in bad.items():
        source.script[name] = [step]
        status, got = error_of(name)
        table.row(f"wrong answer: {name}", (status, got[:len(message)]), (500, message))
    answer = ask("html")
    table.row("the failure's source and reason", answer.get("X-Error").split("/")[:2],
              ["authentication-managed-identity", "BackendConnectionFailure"])
    table.row("the client learns nothing", '"message": "Internal server error"' in answer.text and "answer" not in answer.text, True)
    table.row("ignore-error goes on without", bearer(ask("html", "ignore")), "200 None")
    before = len(source.asked)
    source.script["again"] = [reply(503, b""), {"expires_in": "3600"}]
    table.row("a failure", error_of("again"), (500, IMDS + "status 503"))
    table.row("is everybody's answer for a moment", (error_of("again"), len(source.asked) - before), ((500, IMDS + "status 503"), 1))
    time.sleep(1.1)
    table.row("then it is tried again", bearer(ask("again"))[:19], "Bearer eyJ0.secret-")

    # many at once
    source.delay = 0.5
    before, got = len(source.asked), []
    threads = [threading.Thread(target=lambda: got.append(bearer(ask("crowd")))) for _ in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    source.delay = 0
    table.row("forty clients, one question, one token", (len(source.asked) - before, len(set(got)), len(got)), (1, 1, 40))

    # a client who goes away ends nobody's fetch
    source.delay = 1
    before = len(source.asked)
    leaving = gateway.connect()
    leaving.sendall(b"GET /a/field HTTP/1.1\r\nHost: g\r\nR: left\r\n\r\n")
    time.sleep(0.3)
    leaving.close()
    table.row("who comes later gets the token", (bearer(ask("left"))[:19], len(source.asked) - before), ("Bearer eyJ0.secret-", 1))
    source.delay = 0

    # renewing: a token of four seconds is renewed after two, and used until its end
    source.script["short"] = [{"expires_in": "4", "access_token": "one"}, {"expires_in": "4", "access_token": "two"}]
    table.row("a short token", bearer(ask("short")), "Bearer one")
    time.sleep(2.2)
    table.row("is used while it is renewed", bearer(ask("short")), "Bearer one")
    time.sleep(0.5)
    table.row("and then the new one", bearer(ask("short")), "Bearer two")
    source.script["away"] = [{"expires_in": "4", "access_token": "one"}, reply(503, b"")]
    table.row("before the source goes away", bearer(ask("away")), "Bearer one")
    time.sleep(2.2)
    before = len(source.asked)
    table.row("a token that is still good is used", [bearer(ask("away")) for _ in range(5)], ["Bearer one"] * 5)
    time.sleep(0.3)
    table.row("and the source is not hammered", (bearer(ask("away")), len(source.asked) - before), ("Bearer one", 1))
    time.sleep(1.8)
    table.row("but none that has expired", error_of("away"), (500, IMDS + "status 503"))

    # more names than are kept
    for i in range(80):
        ask(f"many-{i}")
    before = len(source.asked)
    table.row("the newest are kept", (bearer(ask("many-79"))[:7], len(source.asked) - before), ("Bearer ", 0))
    table.row("the oldest are asked for anew", (bearer(ask("many-0"))[:7], len(source.asked) - before), ("Bearer ", 1))
    table.row("a name that is too long", error_of("x" * 1025), (500, "resource and client-id have more than 1024 bytes"))
LOG.append(gateway.log())

# App Service
with with_environment(IDENTITY_ENDPOINT=f"{source.url}/msi", IDENTITY_HEADER="guid-1", IMDS_ENDPOINT="http://x") as gateway:
    table.row("App Service", bearer(ask("https://vault.azure.net", "field", "C: c1"))[:12], "Bearer eyJ0.")
    table.row("is asked so", last_question(), ("GET", "/msi", {"x-identity-header": "guid-1"}, {
        "api-version": "2019-08-01", "resource": "https://vault.azure.net", "client_id": "c1"}))

# workload identity
federated = site.path("federated")


def put_federated(text):
    with open(federated, "w", encoding="utf-8") as file:
        file.write(text)


put_federated("assertion.1\n")
os.environ.pop("http_proxy")
with with_environment(AZURE_FEDERATED_TOKEN_FILE=federated, AZURE_CLIENT_ID="client-1", AZURE_TENANT_ID="tenant-1",
                      AZURE_AUTHORITY_HOST=source.url + "/", IDENTITY_ENDPOINT=f"{source.url}/msi", IDENTITY_HEADER="x") as gateway:
    form = {"grant_type": "client_credentials", "client_id": "client-1", "scope": "https://vault.azure.net/.default",
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer", "client_assertion": "assertion.1"}
    table.row("workload identity", bearer(gateway.get("/a/field"))[:12], "Bearer eyJ0.")
    table.row("is asked so", last_question(), ("POST", "/tenant-1/oauth2/v2.0/token", {}, form))
    table.row("as a form", source.asked[-1][2].get("content-type"), "application/x-www-form-urlencoded")
    put_federated("assertion.2")
    ask("https://storage.azure.com/", "field", "C: client-2")
    table.row("the file is read anew, the policy's client goes before", last_question()[3], {
        **form, "client_id": "client-2", "scope": "https://storage.azure.com//.default", "client_assertion": "assertion.2"})
    os.unlink(federated)
    status, got = error_of("nofile")
    table.row("no file", (status, got.startswith("workload identity: "), federated in got), (500, True, True))
LOG.append(gateway.log())
with with_environment(AZURE_FEDERATED_TOKEN_FILE=federated, AZURE_TENANT_ID="tenant-1") as gateway:
    table.row("without a client it is not workload identity", (bearer(gateway.get("/a/field"))[:12], last_question()[1]), (
        "Bearer eyJ0.", "/imds"))

# Azure Arc, with the folder of the agent in a mount namespace of the gateway
wrapper = site.path("in-namespace")
with open(wrapper, "w", encoding="utf-8") as file:
    file.write(f"""#!/bin/sh
exec unshare -m sh -c 'mount -t tmpfs none /var/opt && mkdir -p {ARC_FOLDER} && printf "the-key\\n" > {ARC_FOLDER}/challenge.key &&
    head -c 4097 /dev/zero | tr "\\0" x > {ARC_FOLDER}/large.key && exec "$0" "$@"' {gateway_lib.HOLDFAST} "$@"
""")
os.chmod(wrapper, stat.S_IRWXU)
namespaces = subprocess.run([wrapper, "version"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode == 0
if namespaces:
    gateway_lib.HOLDFAST = wrapper
ARC = f"Azure Arc {source.url}/arc: "
with with_environment(IDENTITY_ENDPOINT=f"{source.url}/arc", IMDS_ENDPOINT="http://127.0.0.1:1") as gateway:
    if namespaces:
        before = len(source.asked)
        table.row("Arc", bearer(gateway.get("/a/field"))[:12], "Bearer eyJ0.")
        table.row("is asked twice, with the key then", (len(source.asked) - before, source.asked[-2][2].get("authorization"),
                                                        last_question()), (2, None, (
                      "GET", "/arc", {"metadata": "true", "authorization": "Basic the-key"},
                      {"api-version": "2020-06-01", "resource": "https://vault.azure.net"})))
        source.challenge = f"Basic realm={ARC_FOLDER}/large.key"
        status, got = error_of("large-key")
        table.row("no key of more than 4 kB", (status, got.startswith(ARC), "large.key" in got), (500, True, True))
    before = len(source.asked)
    source.challenge = f"Basic realm={federated}"
    table.row("no file elsewhere", error_of("elsewhere"), (
        500, ARC + f'challenge "Basic realm={federated}": names no .key file in {ARC_FOLDER}'))
    table.row("and no second question", len(source.asked) - before, 1)
    answer = ask("x", "field", "C: c1")
    table.row("no identity but the machine's", answer.get("X-Error").split("/", 2)[2],
              ARC + "client-id c1: an Arc machine has its own identity only: leave client-id out")
LOG.append(gateway.log())

table.row("no token in a log", [word for word in ("secret-", "assertion.", "the-key", "guid-1") if word in "".join(LOG)], [])
table.end(at_least=45)
