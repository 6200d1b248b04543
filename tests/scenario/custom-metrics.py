#!/usr/bin/env python3
"""Metrics of an author's own on the Prometheus port: emit-metric. Each row says what it shows."""
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
site = Site()
backend = Backend()
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
    custom = [name for name in series if name.startswith(("my_metrics_", "API_Management_"))]
    table.row("so many series and no more", len(custom), 4096)
    table.row("the others are counted", series["holdfast_custom_metrics_dropped_total"], 2 * 4800 + 5 - 4096)
    table.row("a series that is there goes on", series.get(requests_of("x")), 4)
    table.row("one warning", gateway.log().count("CustomMetricsFull"), 1)

table.end(at_least=12)
