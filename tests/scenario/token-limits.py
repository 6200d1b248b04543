#!/usr/bin/env python3
"""llm-token-limit and azure-openai-token-limit with the gateway's own counters: what is used, what is left, refusals, streams, a
restart. Each row says what it shows."""
import json
import os
import re
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tools"))
from gateway_lib import Backend, Site, Table, policies  # noqa: E402


def model(head, body):
    asked = json.loads(body)
    if asked.get("stream"):
        text = b'data: {"choices":[]}\n\ndata: [DONE]\n\n'
        return b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(text), text)
    used = asked.get("uses", 10)
    text = json.dumps({"choices": [], "usage": {"prompt_tokens": used - 1, "completion_tokens": 1, "total_tokens": used}}).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(text), text)


KEY = "counter-key='@(context.Request.Headers.GetValueOrDefault(\"Key\", \"\"))'"
REPORT = ("remaining-tokens-header-name='X-Left' tokens-consumed-header-name='X-Used' remaining-quota-tokens-header-name='X-Quota' "
          "retry-after-header-name='X-Later'")
site = Site()
backend = Backend(model)
site.api("a", {"rate": "POST /rate", "estimate": "POST /estimate", "quota": "POST /quota", "small": "POST /small"},
         serviceUrl=backend.url, policies_of={
    "rate": policies(f"<azure-openai-token-limit {KEY} tokens-per-minute='1000' estimate-prompt-tokens='false' {REPORT}/>"),
    "estimate": policies(f"<llm-token-limit {KEY} tokens-per-minute='1000' estimate-prompt-tokens='true' {REPORT}/>"),
    "small": policies(f"<llm-token-limit {KEY} tokens-per-minute='20' estimate-prompt-tokens='false' {REPORT}/>"),
    "quota": policies(f"<llm-token-limit {KEY} token-quota='1000' token-quota-period='Yearly' estimate-prompt-tokens='false' {REPORT}/>")})
table = Table()
gateway = None


def call(operation, key, **body):
    return gateway.send("POST", f"/a/{operation}", f"Key: {key}", "Content-Type: application/json", body=json.dumps(body).encode())


def shown(answer):
    return answer.status, answer.get("X-Used"), answer.get("X-Left"), answer.get("X-Quota")


with site.serve() as gateway:
    table.row("used and left", shown(call("rate", "a", uses=400)), (200, "400", "600", None))
    table.row("both policies share a key's counter", shown(call("estimate", "a", uses=100)), (200, "100", "500", None))
    table.row("another key", shown(call("rate", "b")), (200, "10", "990", None))
    table.row("more than is left passes once", shown(call("rate", "a", uses=900)), (200, "900", "0", None))
    seen = len(backend.seen)
    refused = call("rate", "a")
    later = int(refused.get("X-Later") or 0)
    table.row("then nothing does", (refused.status, 0 < later <= 60, len(backend.seen) - seen), (429, True, 0))
    table.row("the answer in bytes", refused.text, f'{{ "statusCode": 429, "message": "Token limit is exceeded. Try again in {later} seconds." }}')
    table.row("a prompt that cannot fit", (call("estimate", "c", prompt="x" * 4000).text), (
        '{ "statusCode": 429, "message": "Token limit is exceeded." }'))
    table.row("one that fits", shown(call("estimate", "c", prompt="x" * 3990)), (200, "10", "990", None))
    table.row("a small limit", [shown(call("small", "s"))[0] for _ in range(3)], [200, 200, 429])
    streamed = call("rate", "d", stream=True, messages=["x" * 40])
    table.row("a stream counts its prompt", shown(streamed), (200, "11", "989", None))
    table.row("and passes as it is", streamed.text, 'data: {"choices":[]}\n\ndata: [DONE]\n\n')

    threads = [threading.Thread(target=call, args=("rate", "crowd"), kwargs={"uses": 5}) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    table.row("none is lost", shown(call("rate", "crowd", uses=1)), (200, "1", "749", None))

    table.row("a quota", shown(call("quota", "q", uses=600)), (200, "600", None, "400"))
    table.row("of another key", shown(call("quota", "r", uses=1)), (200, "1", None, "999"))
    table.row("is used up", shown(call("quota", "q", uses=600)), (200, "600", None, "0"))
    refused = call("quota", "q")
    table.row("403 with the time in words", (refused.status, bool(re.fullmatch(
        r'{ "statusCode": 403, "message": "Token quota is exceeded\. Try again in [\w, ]+\." }', refused.text)),
        int(refused.get("X-Later")) > 0), (403, True, True))
with site.serve() as gateway:
    table.row("a quota outlives a restart", (call("quota", "q").status, shown(call("quota", "r", uses=1))), (
        403, (200, "1", None, "998")))
table.end(at_least=17)
