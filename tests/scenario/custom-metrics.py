#!/usr/bin/env python3
"""Metrics of an author's own on the Prometheus port: emit-metric, and the tokens of language models. Each row says what it
shows."""
import gzip
import os
import re
import sys
import threading
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tools"))
from gateway_lib import Backend, Site, Table, policies  # noqa: E402

DEFAULTS = "".join(f"<dimension name='{name}'/>" for name in (
    "API ID", "Operation ID", "Product ID", "User ID", "Subscription ID", "Location", "Gateway ID"))
CALLER = "<dimension name='Caller' value='@(context.Request.Headers.GetValueOrDefault(\"Caller\", \"?\"))'/>"
LLM = ("<llm-emit-token-metric namespace='llm'><dimension name='Path' value='@(context.Request.Url.Path)'/></llm-emit-token-metric>")
USAGE = b'"usage":{"prompt_tokens":%d,"completion_tokens":%d,"total_tokens":%d}'
EVENTS = [b'data: {"choices":[{"delta":{"content":"hi"}}]}\n\n', b'data: {"choices":[],' + USAGE % (4, 5, 9) + b'}\n\n', b"data: [DONE]\n\n"]


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)


def model(head, body):
    """Answers of a language model, by the last part of the path."""
    last = head.split()[1].decode().split("/")[-1]
    json_head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
    if last == "events":
        return (b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
                + b"".join(chunk(event) for event in EVENTS) + b"0\r\n\r\n")
    if last == "chunked":
        text = b'{"choices":[],' + USAGE % (1, 2, 3) + b"}"
        return json_head + b"Transfer-Encoding: chunked\r\n\r\n" + chunk(text[:20]) + chunk(text[20:]) + b"0\r\n\r\n"
    if last == "gzip":
        text = gzip.compress(b'{"choices":[],' + USAGE % (6, 7, 13) + b"}")
        return json_head + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s" % (len(text), text)
    if last == "tight":  # 2 MB of it are more than may be made plain without a look
        text = gzip.compress(b'{"x":"' + os.urandom(1000000).hex().encode() + b'",' + USAGE % (6, 7, 13) + b"}")
        return json_head + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s" % (len(text), text)
    filler = {"large": 3000000, "huge": 5000000}.get(last, 10)
    text = b'{"data":["' + b"x" * filler + b'"],' + USAGE % (10, 20, 30) + b"}"
    return json_head + b"Content-Length: %d\r\n\r\n%s" % (len(text), text)


site = Site()
backend = Backend()
llm = Backend(model)
site.api("m", {name: f"POST /{name}" for name in ("json", "chunked", "events", "large", "huge", "gzip", "tight")}, policy=policies(LLM), serviceUrl=llm.url)
site.api("u", {"json": "POST /json"}, policy=policies(LLM, backend="<forward-request buffer-response='false'/>"), serviceUrl=llm.url)
site.api("a", {"one": "GET /one", "bad": "GET /bad"}, serviceUrl=backend.url, policies_of={
    "one": policies(f"<emit-metric name='Requests' namespace='my-metrics'>{DEFAULTS}{CALLER}</emit-metric>",
                    outbound=f"<emit-metric name='Status' value='@((double)context.Response.StatusCode)'>{CALLER}</emit-metric>"),
    "bad": policies("<emit-metric name='Bad' value='@(\"x\")'><dimension name='API ID'/></emit-metric>",
                    on_error="<emit-metric name='Errors' value='0.5'><dimension name='API ID'/></emit-metric>")})
table = Table()


def scrape(gateway):
    with urllib.request.urlopen(f"http://127.0.0.1:{gateway.metrics}/metrics") as answer:
        text = answer.read().decode()
    return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if not line.startswith("#")}, text


def requests_of(caller):
    return ('my_metrics_Requests_total{API_ID="a",Operation_ID="one",Product_ID="",User_ID="",Subscription_ID="",Location="",'
            f'Gateway_ID="edge",Caller="{caller}"}}')


with site.serve() as gateway:
    series, text = scrape(gateway)
    table.row("nothing before the first", series["holdfast_custom_metrics_dropped_total"], 0)
    for _ in range(3):
        gateway.get("/a/one", "Caller: x")
    gateway.get("/a/one", 'Caller: "quoted\\"')
    table.row("a policy that fails", gateway.get("/a/bad").status, 500)
    series, text = scrape(gateway)
    table.row("default dimensions", series.get(requests_of("x")), 3)
    table.row("a value with quotes", series.get(requests_of('\\"quoted\\\\\\"')), 1)
    table.row("values are added up", series.get('API_Management_Status_total{Caller="x"}'), 600)
    table.row("a value that is no number counts nothing", "API_Management_Bad_total" in text, False)
    table.row("parts of one count", series.get('API_Management_Errors_total{API_ID="a"}'), 0.5)
    table.row("one type for a metric", len(re.findall(r"(?m)^# TYPE my_metrics_Requests_total counter$", text)), 1)

    # language models
    for name in ("json", "json", "chunked", "events", "large", "huge"):
        answer = gateway.send("POST", f"/m/{name}", body=b"{}")
        table.row(f"the answer passes whole: {name}", (answer.status, len(answer.body)), (
            200, {"large": 3000083, "huge": 5000083, "json": 93, "chunked": 81, "events": sum(map(len, EVENTS))}[name]))
        if name == "events":
            table.row("events as they are", answer.body, b"".join(EVENTS))
    gateway.send("POST", "/u/json", body=b"{}")
    answer = gateway.send("POST", "/m/gzip", body=b"{}")
    table.row("a compressed answer", (answer.get("Content-Encoding"), answer.body[:13]), (None, b'{"choices":[]'))
    answer = gateway.send("POST", "/m/tight", body=b"{}")
    table.row("a large one passes as it is", (answer.get("Content-Encoding"), len(gzip.decompress(answer.body))), ("gzip", 2000076))
    series, text = scrape(gateway)
    kinds = ("Prompt", "Completion", "Total")
    for path, wanted in {"/json": [20, 40, 60], "/chunked": [1, 2, 3], "/large": [10, 20, 30], "/events": [None] * 3, "/gzip": [6, 7, 13], "/tight": [None] * 3,
                         "/huge": [None] * 3}.items():
        got = [series.get(f'llm_{kind}_Tokens_total{{Path="{path}"}}') for kind in kinds]
        table.row(f"tokens of {path}; an unbuffered one counts none", got, wanted)

    # clients who make up values
    def crowd(first):
        with gateway.connect() as connection:
            for i in range(first, first + 1200):
                connection.sendall(f"GET /a/one HTTP/1.1\r\nHost: g\r\nCaller: c{i}\r\n\r\n".encode())
                while b"\r\n\r\n" not in connection.recv(65536):
                    pass
    threads = [threading.Thread(target=crowd, args=(n * 1200,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    gateway.get("/a/one", "Caller: x")
    series, text = scrape(gateway)
    custom = [name for name in series if name.startswith(("my_metrics_", "API_Management_", "llm_"))]
    table.row("so many series and no more", len(custom), 4096)
    table.row("the others are counted", series["holdfast_custom_metrics_dropped_total"], 2 * 4800 + 5 + 12 - 4096)
    table.row("a series that is there goes on", series.get(requests_of("x")), 4)
    table.row("one warning", gateway.log().count("CustomMetricsFull"), 1)

table.end(at_least=12)
