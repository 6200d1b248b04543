#!/usr/bin/env python3
"""What runs and what is answered (gateway model, 2.4, 3 and 4): order, composition of scopes, LastError as on-error sees it,
default answers byte for byte, what policies make of them, what of a backend's answer passes.

Each operation "name" has the policy POLICIES["name"] and answers at /api/name/...; each row says what it shows."""
import os
import re
import socket
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tools"))
from gateway_lib import Backend, Site, Table, policies  # noqa: E402

GUID = "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
INTERNAL = f'{{ "statusCode": 500, "message": "Internal server error", "activityId": "{GUID}" }}'
DIVIDED = "Expression evaluation failed. Attempted to divide by zero."


def backend_answer(head, body):
    last = head.split()[1].decode().split("/")[-1].split("?")[0]
    if last == "hang":
        time.sleep(1.5)
    if last == "die":
        return None
    status = int(last) if last.isdigit() else 200
    if status in (204, 304):
        return b"HTTP/1.1 %d Own Words\r\nServer: be/1\r\n\r\n" % status
    return (b"HTTP/1.1 %d Own Words\r\nServer: be/1\r\nX-Powered-By: p\r\nConnection: X-Named\r\nX-Named: 1\r\nKeep-Alive: timeout=5\r\n"
            b"Proxy-Connection: x\r\nTE: trailers\r\nUpgrade: h2c\r\nContent-Length: 7\r\n\r\nbackend" % status)


def mark(text, name="Marks"):
    return f'<set-header name="{name}" exists-action="append"><value>{text}</value></set-header>'


def last_error(*parts):
    texts = {"status": "context.Response.StatusCode", "reason": "context.Response.StatusReason",
             "body": "context.Response.Body.As<string>(preserveContent: true)"}
    joined = ' + "|" + '.join(texts.get(part, f"context.LastError.{part}") for part in parts)
    return f'<set-header name="X-Error" exists-action="override"><value>@({joined})</value></set-header>'


def throws(identity=""):
    return f'<set-variable {identity} name="v" value="@(1 / (context.Request.Headers.Count * 0))" />'


def when(*branches):
    return "<choose>" + "".join(f'<when condition="{condition}">{inner}</when>' for condition, inner in branches) + "</choose>"


ERROR = last_error("Source", "Reason", "Message", "Scope", "Section", "Path", "PolicyId", "status", "reason")
ANSWERS = "<return-response><set-status code=\"299\" reason=\"Made\" /></return-response>"
NEVER = when(("@(false)", ""))
POLICIES = {
    # what fails where
    "plain": policies(on_error=ERROR),
    "throws": policies(inbound=throws('id="culprit"'), on_error=ERROR),
    "quiet": policies(inbound=throws()),
    "nested": policies(inbound=NEVER + NEVER + when(("@(false)", ""), ("@(true)", throws())), on_error=ERROR),
    "condition": policies(inbound=NEVER + NEVER + when(("@(false)", ""), ("@(1 / (context.Request.Headers.Count * 0) == 1)", "")), on_error=ERROR),
    "deep": policies(inbound=f'<retry condition="@(false)" count="1"><limit-concurrency key="k" max-count="9">{throws()}</limit-concurrency></retry>',
                     on_error=ERROR),
    "fragment": policies(inbound='<include-fragment fragment-id="thrower" />', on_error=ERROR),
    "fragment-in-branch": policies(inbound=when(("@(false)", ""), ("@(true)", '<include-fragment fragment-id="outer" />')), on_error=ERROR),
    "in-backend": policies(backend=throws(), on_error=ERROR),
    "in-outbound": policies(outbound=throws(), on_error=ERROR),
    "in-api": policies(on_error=ERROR),
    "unreachable": policies(inbound='<set-backend-service base-url="http://127.0.0.1:1" />', on_error=ERROR),
    "slow": policies(backend='<forward-request timeout-ms="300" />', on_error=ERROR),
    "checked": policies(inbound='<check-header id="c" name="X-Need" failed-check-httpcode="403" failed-check-error-message="Say &quot;please&quot; ä" '
                                'ignore-case="true" />', on_error=ERROR),
    "strict": policies(backend='<forward-request fail-on-error-status-code="true" />', on_error=last_error("Source", "Section", "status", "reason", "body")),
    "limited": policies(inbound='<ip-filter action="forbid"><address>127.0.0.1</address></ip-filter>', on_error=ERROR),
    "rated": policies(inbound='<rate-limit-by-key calls="1" renewal-period="60" counter-key="r" />', on_error=ERROR),
    "counted": policies(inbound='<quota-by-key calls="1" renewal-period="3000" counter-key="q" />', on_error=ERROR),
    # on-error
    "changed": policies(inbound=throws(), on_error='<set-status code="418" reason="Short" /><set-header name="Content-Type" exists-action="override">'
                        '<value>text/plain</value></set-header><set-body>@("was " + context.Response.StatusCode)</set-body>'),
    "renamed": policies(inbound=throws(), on_error='<set-status code="503" />'),
    "replaced": policies(inbound=throws(), on_error='<return-response><set-status code="202" reason="Well" /><set-body>@(context.LastError.Source)'
                         '</set-body></return-response>' + throws()),
    "throws-again": policies(inbound=throws(), on_error=mark("before", "X-Before") + throws() + mark("after", "X-After")),
    "no-base-in-error": policies(inbound=throws(), on_error=mark("operation", "X-On-Error"), base=False),
    "twice": policies(inbound=throws(), on_error='<base />'),
    # what ends the flow
    "answers": policies(inbound=ANSWERS + throws(), outbound=mark("out")),
    "answers-in-when": policies(inbound=when(("@(true)", ANSWERS + throws())) + throws()),
    "answers-in-fragment": policies(inbound='<include-fragment fragment-id="answerer" />' + throws()),
    "answers-in-retry": policies(inbound=f'<retry condition="@(true)" count="5" interval="0">{ANSWERS}</retry>' + throws()),
    "answers-in-wait": policies(inbound=f"<wait>{when(('@(true)', ANSWERS))}</wait>" + throws()),
    "answers-in-limit": policies(inbound=f'<limit-concurrency key="a" max-count="9">{ANSWERS}</limit-concurrency>' + throws()),
    "answers-in-backend": policies(backend=ANSWERS, outbound=throws()),
    "answers-in-outbound": policies(outbound=ANSWERS + throws()),
    "answers-before-base": f"<policies><inbound>{ANSWERS}<base /></inbound></policies>",
    "slot": policies(inbound=f'<limit-concurrency key="slot" max-count="1">{throws()}</limit-concurrency>'),
    "slot-answers": policies(inbound=f'<limit-concurrency key="slot" max-count="1">{ANSWERS}</limit-concurrency>'),
    # sections
    "order": policies(inbound=mark("op-in"), backend=mark("op-back") + "<base />", outbound=mark("op-out")),
    "after-base": f"<policies><inbound>{mark('first')}<base />{mark('last')}</inbound></policies>",
    "empty-inbound": "<policies><inbound /></policies>",
    "no-sections": "<policies />",
    "empty-backend": policies(backend="", outbound=mark("op-out")),
    "no-base-in-outbound": "<policies><outbound /></policies>",
    "early-status": policies(inbound='<set-status code="207" reason="Early" />', backend=""),
    "interim": policies(inbound='<return-response><set-status code="@(100)" /><set-body>x</set-body></return-response>'),
    "seen-url": policies(outbound='<set-header name="X-Url" exists-action="override"><value>@(string.Join(" ", context.Request.OriginalUrl, '
                                  'context.Request.OriginalUrl.Host, context.Request.OriginalUrl.Port, context.Request.Url))</value></set-header>'),
    "length": policies(outbound='<set-header name="X-Length" exists-action="override"><value>@(context.Response.Headers.GetValueOrDefault("Content-Length"))'
                                '</value></set-header><set-body>@("longer than " + context.Response.Body.As&lt;string&gt;())</set-body>'),
    "no-body": policies(outbound='<set-status code="204" />'),
    "response-before": policies(inbound='<set-header name="X-Before" exists-action="override"><value>@(context.Response == null ? "null" : "there")'
                                        '</value></set-header>'),
    "cors": policies(inbound='<cors allow-credentials="true"><allowed-origins><origin>http://a.example</origin></allowed-origins><allowed-methods>'
                             '<method>GET</method></allowed-methods><allowed-headers><header>X-A</header></allowed-headers></cors>' + mark("in")),
    "cors-throws": policies(inbound='<cors><allowed-origins><origin>http://a.example</origin></allowed-origins><allowed-methods><method>*</method>'
                                    '</allowed-methods><allowed-headers><header>*</header></allowed-headers></cors>' + throws()),
}

site, backend, table = Site(), Backend(backend_answer), Table()
site.put("policy.xml", policies(inbound=mark("global"), backend="<forward-request />", outbound=mark("global"),
                                on_error=mark("global", "X-On-Error"), base=False))
for name, text in {"outer": when(("@(true)", '<include-fragment fragment-id="thrower" />')), "thrower": mark("f") + throws('id="inside"'), "answerer": ANSWERS + throws()}.items():
    site.put(f"policy fragments/{name}/policyFragmentInformation.json", {"description": name})
    site.put(f"policy fragments/{name}/policy.xml", f"<fragment>{text}</fragment>")
API = policies(inbound=mark("api"), outbound=mark("api"), on_error=mark("api", "X-On-Error"))
site.api("api", {name: f"GET /{name}/*" for name in POLICIES}, API, POLICIES, serviceUrl=backend.url)
site.api("thrower", {"get": "GET /*"}, policies(inbound=throws(), on_error=ERROR), serviceUrl=backend.url)
site.api("closed", {"get": "GET /*"}, policies(inbound=ANSWERS), {"get": policies(inbound=throws(), outbound=throws())}, serviceUrl=backend.url)
site.api("sold", {"get": "GET /*", "own": "OPTIONS /own", "put": "PUT /*"}, policies(inbound=mark("api"), on_error=mark("api", "X-On-Error")),
         {"put": policies(inbound='<set-variable name="b" value="@(context.Request.Body.As<string>())" />')}, serviceUrl=backend.url, subscriptionRequired=True)
site.put("products/gold/productInformation.json", {"displayName": "gold"})
site.put("products/gold/policy.xml", policies(
    inbound=mark("product") + when(("@(context.Request.Headers.ContainsKey(&quot;X-Throw&quot;))", throws())),
    outbound=mark("product"), on_error=mark("product", "X-On-Error") + ERROR))
site.put("products/gold/apis/sold/productApiInformation.json", "{}")
site.put("subscriptions/gold/subscriptionInformation.json", {"scope": "/products/gold", "state": "active", "primaryKey": "gold"})
site.put("subscriptions/all/subscriptionInformation.json", {"scope": "/apis", "state": "active", "primaryKey": "all"})
site.api("guarded", {"get": "GET /x", "own": "OPTIONS /own", "own-get": "GET /own"}, POLICIES["cors"], serviceUrl=backend.url, subscriptionRequired=True)
site.api("nowhere", {"get": "GET /"}, policies(on_error=ERROR))


def line(answer):
    return f"{answer.status} {answer.reason}"


def error(gateway, path, *fields):
    return gateway.get(path, *fields).get("X-Error")


def lasting(gateway):
    """LastError, part by part: Source|Reason|Message|Scope|Section|Path|PolicyId|status|reason phrase"""
    thrown = f"set-variable|ExpressionValueEvaluationFailure|{DIVIDED}|operation"
    end = "|500|Internal Server Error"
    for shows, name, wanted in [
            ("an exception, with the id of the policy", "throws", f"{thrown}|inbound|set-variable|culprit{end}"),
            ("an exception in a branch", "nested", f"{thrown}|inbound|choose[3]/when[2]/set-variable|{end}"),
            ("an exception in a condition", "condition", f"choose{thrown[12:]}|inbound|choose[3]/when[2]|{end}"),
            ("an exception in policies around policies", "deep", f"{thrown}|inbound|retry/limit-concurrency/set-variable|{end}"),
            ("an exception in a fragment", "fragment", f"{thrown}|inbound|set-variable|inside{end}"),
            ("an exception in a fragment of a fragment", "fragment-in-branch",
             f"{thrown}|inbound|choose/when[2]/choose/when/set-variable|inside{end}"),
            ("an exception in backend", "in-backend", f"{thrown}|backend|set-variable|{end}"),
            ("an exception in outbound", "in-outbound", f"{thrown}|outbound|set-variable|{end}"),
            ("a backend that is not there, called by the global document", "unreachable",
             "forward-request|BackendConnectionFailure|127.0.0.1:1: connect: Connection refused|global|backend|forward-request|" + end),
            ("a header that is not there", "checked",
             "check-header|HeaderNotFound|Header X-Need was not found in the request. Access denied.|operation|inbound|check-header|c|403|Forbidden"),
            ("a caller that may not", "limited",
             "ip-filter|CallerIpBlocked|Caller IP address is blocked. Access denied.|operation|inbound|ip-filter||403|Forbidden")]:
        table.row(f"LastError of {shows}", error(gateway, f"/api/{name}/x"), wanted)
    table.row("LastError of the API's document", error(gateway, "/thrower/x"), f"{thrown[:-9]}api|inbound|set-variable|{end}")
    table.row("LastError of the product's document", error(gateway, "/sold/x", "Ocp-Apim-Subscription-Key: gold", "X-Throw: 1"),
              f"{thrown[:-9]}product|inbound|choose/when/set-variable|{end}")
    table.row("LastError of a backend that says nothing in time", (error(gateway, "/api/slow/hang") or "").split("|")[:2], ["forward-request", "Timeout"])
    table.row("LastError of a backend that hangs up", (error(gateway, "/api/plain/die") or "").split("|")[:2], ["forward-request", "BackendConnectionFailure"])
    table.row("LastError of an API without a backend", (error(gateway, "/nowhere/") or "").split("|")[:2], ["forward-request", "BackendConnectionFailure"])
    table.row("fail-on-error-status-code: the backend's answer stays", error(gateway, "/api/strict/404"), "forward-request|backend|404|Own Words|backend")
    answer = gateway.get("/api/strict/599")
    table.row("and goes to the client", (line(answer), answer.text, answer.get("Marks")), ("599 Own Words", "backend", None))
    table.row("fail-on-error-status-code: below 400 nothing fails", gateway.get("/api/strict/399").get("X-Error"), None)


def defaults(gateway):
    """Default answers, byte for byte."""
    answer = gateway.get("/api/quiet/x")
    head = re.sub(r"Date: [^\r]*\r\n", "", answer.raw.decode().split("\r\n\r\n")[0] + "\r\n")
    table.row("500: the whole head", head, "HTTP/1.1 500 Internal Server Error\r\nContent-Type: application/json\r\n"
              "X-On-Error: global,api\r\nContent-Length: 111\r\nConnection: close\r\n")
    table.row("500: the body with an activityId", bool(re.fullmatch(INTERNAL, answer.text)), True)
    time.sleep(0.3)
    table.row("which is in the log", f"correlationId: {answer.text[-40:-3].strip(' ' + chr(34))}" in gateway.log(), True)
    answer = gateway.get("/api/checked/x")
    table.row("403: its own text, as JSON", answer.body, '{ "statusCode": 403, "message": "Say \\"please\\" ä" }'.encode())
    table.row("403: ip-filter", (line(gateway.get("/api/limited/x")), gateway.get("/api/limited/x").text),
              ("403 Forbidden", '{ "statusCode": 403, "message": "Forbidden" }'))
    gateway.get("/api/rated/x")
    answer = gateway.get("/api/rated/x")
    table.row("429: phrase, body, Retry-After", (line(answer), answer.text, 0 < int(answer.get("Retry-After")) <= 60), ("429 Too Many Requests",
              f'{{ "statusCode": 429, "message": "Rate limit is exceeded. Try again in {answer.get("Retry-After")} seconds." }}', True))
    gateway.get("/api/counted/x")
    answer = gateway.get("/api/counted/x")
    left = int(answer.get("Retry-After"))
    table.row("403 of a quota: phrase, body, Retry-After", (line(answer), answer.text), ("403 Quota Exceeded",
              '{ "statusCode": 403, "message": "Out of call volume quota. Quota will be replenished in '
              f'{left // 3600:02}:{left // 60 % 60:02}:{left % 60:02}." }}'))
    table.row("quota: LastError", answer.get("X-Error").split("|")[:2], ["quota-by-key", "QuotaExceeded"])
    answer = gateway.get("/lost")
    table.row("404 without an API: global on-error", (line(answer), answer.text, answer.get("X-On-Error")),
              ("404 Resource Not Found", '{ "statusCode": 404, "message": "Resource not found" }', "global"))
    table.row("404 of an API: its on-error, too", gateway.get("/api/lost").get("X-On-Error"), "global,api")
    table.row("401: on-error without the product's", gateway.get("/sold/x").get("X-On-Error"), "global,api")
    for path, status in [("/api/unreachable/x", "500"), ("/api/plain/die", "500"), ("/api/slow/hang", "500"), ("/nowhere/", "500")]:
        answer = gateway.get(path)
        table.row(f"{path}: default body", (str(answer.status), bool(re.fullmatch(INTERNAL, answer.text))), (status, True))


def on_errors(gateway):
    ask = lambda name: gateway.get(f"/api/{name}/x")  # noqa: E731
    answer = ask("changed")
    table.row("on-error changes status, header and body", (line(answer), answer.get("Content-Type"), answer.text, answer.get("Content-Length")),
              ("418 Short", "text/plain", "was 418", "7"))
    answer = ask("renamed")
    table.row("a status without a reason has the usual phrase; the body stays", (line(answer), bool(re.fullmatch(INTERNAL, answer.text))),
              ("503 Service Unavailable", True))
    answer = ask("replaced")
    table.row("return-response in on-error ends it", (line(answer), answer.text, answer.get("Content-Type")), ("202 Well", "set-variable", None))
    answer = ask("throws-again")
    table.row("an exception in on-error: 500, and nothing of what was set", (answer.status, answer.get("X-Before"), answer.get("X-After"),
              bool(re.fullmatch(INTERNAL, answer.text))), (500, None, None, True))
    table.row("on-error without base", ask("no-base-in-error").get("X-On-Error"), "operation")
    table.row("base twice runs twice", ask("twice").get("X-On-Error"), "global,api,global,api")


def endings(gateway):
    calls = len(backend.seen)
    for name in [name for name in POLICIES if name.startswith("answers")]:
        answer = gateway.get(f"/api/{name}/x")
        table.row(f"{name}: nothing runs behind it", (line(answer), answer.get("Marks"), answer.text), ("299 Made", None, ""))
    table.row("an outer scope ends the inner ones", line(gateway.get("/closed/x")), "299 Made")
    table.row("limit-concurrency gives its place back", [gateway.get(f"/api/slot{end}/x").status for end in ("", "", "-answers", "-answers", "")],
              [500, 500, 299, 299, 500])
    table.row("only outbound's came after a call", len(backend.seen) - calls, 1)


def marks_at_backend(head):
    return [text.split(b": ")[1].decode() for text in head.split(b"\r\n") if text.startswith(b"Marks:")]


def composition(gateway):
    for shows, path, fields, inbound, outbound in [
            ("global, API, operation; backend before it calls", "/api/order/x", (), "global,api,op-in,op-back", "global,api,op-out"),
            ("around base", "/api/after-base/x", (), "first,global,api,last", "global,api"),
            ("an empty section drops what is around", "/api/empty-inbound/x", (), None, "global,api"),
            ("a section that is left out is base", "/api/no-sections/x", (), "global,api", "global,api"),
            ("an empty outbound", "/api/no-base-in-outbound/x", (), "global,api", None),
            ("the product between global and API", "/sold/x", ("Ocp-Apim-Subscription-Key: gold",), "global,product,api", "global,product"),
            ("a key for all APIs is no product context", "/sold/x", ("Ocp-Apim-Subscription-Key: all",), "global,api", "global")]:
        answer = gateway.get(path, *fields)
        table.row(shows, (answer.status, marks_at_backend(backend.seen[-1]), answer.get("Marks")), (200, [inbound] if inbound else [], outbound))
    calls = len(backend.seen)
    answer = gateway.get("/api/empty-backend/x")
    table.row("no forward-request: an empty 200 through outbound", (line(answer), answer.text, answer.get("Marks"), len(backend.seen) - calls),
              ("200 OK", "", "global,api,op-out", 0))
    table.row("a status set in inbound", line(gateway.get("/api/early-status/x")), "207 Early")
    gateway.get("/api/response-before/x")
    table.row("context.Response is null before there is one", b"X-Before: null" in backend.seen[-1], True)


def backends(gateway):
    for status in (200, 201, 302, 400, 401, 404, 429, 500, 503):
        answer = gateway.get(f"/api/plain/{status}")
        table.row(f"{status} of the backend passes, no on-error", (line(answer), answer.text, answer.get("X-On-Error")), (f"{status} Own Words", "backend", None))
    answer = gateway.get("/api/plain/200")
    names = [name for name, _ in answer.fields if name not in ("Date", "Content-Length", "Connection")]
    table.row("fields of the hop go, others stay in order", names, ["Server", "X-Powered-By", "Marks"])
    for status in (204, 304):
        answer = gateway.get(f"/api/plain/{status}")
        table.row(f"{status}: no body, no framing", (line(answer), answer.get("Content-Length"), answer.get("Transfer-Encoding"), answer.text),
                  (f"{status} Own Words", None, None, ""))
    answer = gateway.get("/api/length/x")
    table.row("policies see the length of the backend's body, the client that of its own", (answer.get("X-Length"), answer.get("Content-Length"),
              answer.text), ("7", "19", "longer than backend"))
    answer = gateway.get("/api/interim/x")
    table.row("a status that ends no answer is never sent as one", (answer.status, bool(re.fullmatch(INTERNAL, answer.text))), (500, True))
    for host, wanted in {"gw.example": "gw.example 80", "gw.example:8080": "gw.example 8080", "gw.example:": "gw.example 80",
                         "[::1]:81": "[::1] 81", "[::1]": "[::1] 80"}.items():
        answer = gateway.get("/api/seen-url/x?a=%20b", host=host)
        port = wanted.split()[1]
        table.row(f"Host {host} in the URLs that policies see", answer.get("X-Url"), f"http://{wanted.split()[0]}{'' if port == '80' else ':' + port}"
                  f"/api/seen-url/x?a=%20b {wanted} {backend.url}/seen-url/x?a=%20b")
    answer = gateway.get("/api/no-body/200")
    table.row("a body is dropped when the status becomes 204", (line(answer), answer.get("Content-Length"), answer.text), ("204 No Content", None, ""))


def origins(gateway):
    key, origin = "Ocp-Apim-Subscription-Key: all", "Origin: http://a.example"
    calls = len(backend.seen)
    answer = gateway.send("OPTIONS", "/guarded/x", origin, "Access-Control-Request-Method: GET", "Access-Control-Request-Headers: x-a")
    table.row("a preflight is answered before keys", (line(answer), answer.get("Access-Control-Allow-Origin"), answer.get("Access-Control-Allow-Methods"),
              answer.text, len(backend.seen) - calls), ("200 OK", "http://a.example", "GET", "", 0))
    answer = gateway.send("OPTIONS", "/guarded/x", "Origin: http://b.example", "Access-Control-Request-Method: GET")
    table.row("of another origin: empty", (line(answer), answer.get("Access-Control-Allow-Origin"), answer.text), ("200 OK", None, ""))
    table.row("without Access-Control-Request-Method it is none", gateway.send("OPTIONS", "/guarded/x", origin).status, 404)
    answer = gateway.send("OPTIONS", "/guarded/own", origin, "Access-Control-Request-Method: GET")
    table.row("an operation OPTIONS answers for itself, and wants its key", answer.status, 401)
    answer = gateway.send("OPTIONS", "/guarded/own", origin, "Access-Control-Request-Method: GET", key)
    table.row("an operation OPTIONS answers for itself", (answer.status, backend.seen[-1].split()[:2]), (200, [b"OPTIONS", b"/own"]))
    table.row("Vary, without Origin", gateway.get("/guarded/x", key).get("Vary"), "Origin")
    for shows, answer, status in [("a call", gateway.get("/guarded/x", key, origin), 200), ("a refused call", gateway.get("/guarded/x", origin), 401),
                                  ("no operation", gateway.get("/guarded/y", origin), 404), ("an exception", gateway.get("/api/cors-throws/x", origin), 500)]:
        table.row(f"{shows}: a browser may read the answer", (answer.status, answer.get("Access-Control-Allow-Origin"), answer.get("Vary")),
                  (status, "http://a.example", "Origin"))
    answer = gateway.get("/guarded/x", "Origin: http://b.example")
    table.row("a refused call of another origin stays refused", (answer.status, answer.get("Access-Control-Allow-Origin"), answer.get("Vary")),
              (401, None, "Origin"))
    answer = gateway.get("/guarded/x", "Origin: http://b.example", key)
    table.row("a call of another origin ends in an empty 200", (answer.status, answer.text, answer.get("Access-Control-Allow-Origin")), (200, "", None))


def malformed(gateway):
    """Bytes that are no request; each is answered in the form of an error and the connection closed."""
    ok = b"GET /api/plain/x HTTP/1.1\r\nHost: h\r\n"
    post = b"POST /api/plain/x HTTP/1.1\r\nHost: h\r\n"
    for shows, data, status, phrase in [
            ("no version", b"GET /\r\n\r\n", 400, "Bad Request"), ("line feeds alone", b"GET / HTTP/1.1\nHost: h\n\n", 400, "Bad Request"),
            ("two blanks", b"GET  / HTTP/1.1\r\nHost: h\r\n\r\n", 400, "Bad Request"), ("a TLS hello", b"\x16\x03\x01\x02\x00\x01\r\n", 400, "Bad Request"),
            ("a fragment", b"GET /#x HTTP/1.1\r\nHost: h\r\n\r\n", 400, "Bad Request"), ("no slash", b"GET x HTTP/1.1\r\nHost: h\r\n\r\n", 400, "Bad Request"),
            ("bytes of UTF-8", b"GET /\xc3\xa4 HTTP/1.1\r\nHost: h\r\n\r\n", 400, "Bad Request"), ("no Host", b"GET / HTTP/1.1\r\n\r\n", 400, "Bad Request"),
            ("an empty Host", b"GET / HTTP/1.1\r\nHost:\r\n\r\n", 400, "Bad Request"), ("two Hosts", ok + b"Host: i\r\n\r\n", 400, "Bad Request"),
            ("a user in Host", b"GET / HTTP/1.1\r\nHost: u@h\r\n\r\n", 400, "Bad Request"), ("a blank before the colon", ok + b"X : 1\r\n\r\n", 400, "Bad Request"),
            ("a field of two lines", ok + b"X: 1\r\n 2\r\n\r\n", 400, "Bad Request"), ("NUL in a field", ok + b"X: \0\r\n\r\n", 400, "Bad Request"),
            ("two lengths", post + b"Content-Length: 1\r\nContent-Length: 1\r\n\r\n1", 400, "Bad Request"),
            ("a length that is none", post + b"Content-Length: 1x\r\n\r\n1", 400, "Bad Request"),
            ("length and coding", post + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, "Bad Request"),
            ("another coding", post + b"Transfer-Encoding: gzip\r\n\r\n", 501, "Not Implemented"), ("CONNECT", b"CONNECT h:1 HTTP/1.1\r\nHost: h\r\n\r\n", 501, "Not Implemented"),
            ("HTTP/2.0", b"GET / HTTP/2.0\r\nHost: h\r\n\r\n", 505, "HTTP Version Not Supported"),
            ("a target too long", b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\nHost: h\r\n\r\n", 414, "URI Too Long"),
            ("fields too long", ok + b"X: " + b"x" * 40000 + b"\r\n\r\n", 431, "Request Header Fields Too Large"),
            ("too many fields", ok + b"X: 1\r\n" * 250 + b"\r\n", 431, "Request Header Fields Too Large"),
            ("Connection with too many names", ok + b"Connection: close, " + b", ".join(b"X-%d" % i for i in range(40)) + b"\r\n\r\n", 400, "Bad Request"),
            ("half a head", b"GET / HTTP/1.1\r\nHost:", 408, "Request Timeout")]:
        answer = gateway.bytes(data)
        table.row(f"{shows}: {status}", (line(answer), answer.text, answer.get("Content-Type"), answer.get("Connection")),
                  (f"{status} {phrase}", f'{{ "statusCode": {status}, "message": "{phrase}" }}', "application/json", "close"))
    answer = gateway.bytes(b"PUT /sold/x HTTP/1.1\r\nHost: h\r\nOcp-Apim-Subscription-Key: all\r\nContent-Length: 9999999\r\nConnection: close\r\n\r\n")
    table.row("a body that a policy needs and that is too large", (line(answer), answer.text),
              ("413 Content Too Large", '{ "statusCode": 413, "message": "Request entity too large" }'))
    answer = gateway.bytes(b"PUT /sold/x HTTP/1.1\r\nHost: h\r\nOcp-Apim-Subscription-Key: all\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")
    table.row("a body that is malformed", (line(answer), answer.text), ("400 Bad Request", '{ "statusCode": 400, "message": "Bad request" }'))
    table.row("and after all that", gateway.get("/api/plain/x").status, 200)


def client_gone(gateway):
    with gateway.connect() as connection:
        connection.sendall(b"GET /api/plain/hang HTTP/1.1\r\nHost: h\r\n\r\n")
        time.sleep(0.3)
    for _ in range(50):
        lines = [text for text in gateway.log().splitlines() if "/api/plain/hang," in text]
        if lines:
            break
        time.sleep(0.1)
    table.row("a client that has gone is 499", "responseCode: 499" in (lines or [""])[-1], True)
    table.row("with its reason", "errorReason: ClientConnectionFailure" in (lines or [""])[-1], True)
    with socket.create_connection(("127.0.0.1", gateway.metrics)) as metrics:
        metrics.sendall(b"GET /metrics HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        text = b"".join(iter(lambda: metrics.recv(65536), b"")).decode()
    table.row("and counted so", 'operation="plain",method="GET",status_code="499"} 1' in text, True)


with site.serve("timeout.head=1s") as gateway:
    for part in (lasting, defaults, on_errors, endings, composition, backends, origins, malformed, client_gone):
        part(gateway)
table.end(at_least=110)
