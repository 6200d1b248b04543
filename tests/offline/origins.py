#!/usr/bin/env python3
"""Origins that misbehave: what each leads to, and that the old generation stays whole."""
# timeout: 300
import os
import shutil
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tools"))
from offline_lib import get, main, wait_for  # noqa: E402


def a_table_of_misbehaviour(site):
    site.fill(1500)
    site.publish()
    site.start_origin()
    assert site.sync()["result"] == "updated"
    pack = "/default/p/1"
    table = [
        # behaviour, result, reason; half of the pack has come before
        ({"no_range": 1}, "updated", None),
        ({"bad_range": 1}, "updated", None),
        ({"etag": 0}, "updated", None),
        ({"etag": "weak"}, "updated", None),
        ({"etag": "new"}, "updated", None),
        ({"gzip": 1}, "updated", None),
        ({"longer": pack}, "updated", None),
        ({"status": 500}, "offline", "http"),
        ({"status": 404}, "offline", "http"),
        ({"status": 429, "retry_after": 3}, "offline", "http"),
        ({"status": 401}, "offline", "auth"),
        ({"status": 403}, "offline", "auth"),
        ({"status": 302}, "offline", "portal"),
        ({"status": 511}, "offline", "portal"),
        ({"portal": 1}, "offline", "portal"),
        ({"wrong": pack}, "rejected", "digest"),
        ({"wrong": "/default/latest"}, "rejected", "digest"),
        ({"longer": "/default/latest"}, "rejected", "digest"),
    ]
    size = os.path.getsize(site.repo + pack)
    for how, result, reason in table:
        site.forget()
        site.behave(cut=size // 3)
        assert site.sync()["result"] == "offline"
        site.behave(**how)
        got = site.sync()
        assert (got["result"], got["reason"]) == (result, reason), (how, got)
        # And all is well again as soon as it behaves.
        site.behave()
        got = site.sync()
        assert got["result"] in ("updated", "current"), (how, got)
        assert site.verify().stdout.startswith(b"ok generation 1"), how


def tampered_bytes_are_refused(site):
    site.fill(1500)
    site.publish()
    site.start_origin()
    assert site.sync()["result"] == "updated"
    site.filler(3, 2)
    site.publish()
    counted_paths = set()
    result = site.sync()
    assert result["result"] == "updated" and result["to"] == 2, result
    counted_paths.update(site.behave()["paths"])
    objects = [path for path in counted_paths if path.startswith("/o/")]
    assert len(objects) == 2, counted_paths
    site.filler(3, 3)
    site.publish()
    site.behave()
    shutil.copytree(site.cache, site.cache + ".2")
    assert site.sync()["to"] == 3
    for path in [p for p in site.behave()["paths"] if p.startswith("/o/")]:
        shutil.rmtree(site.cache)
        shutil.copytree(site.cache + ".2", site.cache)
        site.behave(wrong=path)
        result = site.sync()
        assert result["result"] == "rejected" and result["reason"] == "digest" and path[1:] in result["detail"], result
        assert result["from"] == result["to"] == 2, result
        assert b"ok generation 2" in site.verify().stdout
    site.behave()
    assert site.sync()["to"] == 3


def bytes_of_one_change(site):
    site.fill(1500)
    site.publish()
    site.start_origin()
    site.sync()
    site.filler(700, 2)
    site.publish()
    result = site.sync()
    assert result["requests"] == 3, result
    assert result["bytes"] < 20000, result
    site.behave()
    result = site.sync()
    assert result["result"] == "current" and result["requests"] == 1 and result["bytes"] == 0, result
    print(f"   one change: {result}")


def tokens_open_the_origin(site):
    site.publish()
    site.start_origin()
    site.behave(token="gw&2030-01-01&abc")
    result = site.sync()
    assert result["reason"] == "auth" and "set config.service.auth" in result["detail"], result
    token = os.path.join(site.work, "token")
    for text in ("gw&2030-01-01&abc", "GatewayKey gw&2030-01-01&abc\n"):
        with open(token, "w", encoding="ascii") as file:
            file.write(text)
        site.forget()
        result = site.sync(more=["--set", f"config.service.auth=@{token}"])
        assert result["result"] == "updated", result


def several_sources_in_order(site):
    site.publish()
    site.start_origin()
    away = "http://127.0.0.1:9/none"
    result = site.sync(endpoint=f"file://{site.work}/nowhere,{away},{site.url}")
    assert result["result"] == "updated" and result["source"] == site.url, result
    # A mirror that lags, and one of somebody else, do not hide a good one.
    shutil.copytree(site.repo, site.repo + ".old")
    site.greet("Good day")
    site.publish()
    result = site.sync(endpoint=f"{site.url},file://{site.repo}.old")
    assert result["to"] == 2, result
    result = site.sync(endpoint=f"file://{site.repo}.old,{site.url}")
    assert result["result"] == "current", result
    result = site.sync(endpoint=f"file://{site.repo}.old")
    assert result["result"] == "rejected" and result["reason"] == "invalid", result


def the_gateway_outlives_its_origin(site):
    site.publish()
    site.start_origin()
    process, url = site.serve()
    wait_for("the first generation", lambda: get(url + "/hello/") == (200, "Hello"))
    for how in ({"status": 500}, {"portal": 1}, {"cut": 100}, {"wrong": "/default/latest"}):
        site.behave(**how)
        site.greet(f"not yet {len(how)}")
        site.publish()
        end = time.monotonic() + 2.5
        while time.monotonic() < end:
            assert get(url + "/hello/")[0] == 200, how
            time.sleep(0.05)
        assert get(url + "/hello/") == (200, "Hello"), how
    site.behave()
    site.greet("Good day")
    site.publish()
    wait_for("the new one", lambda: get(url + "/hello/") == (200, "Good day"), 40)
    process.terminate()
    assert process.wait(30) == 0


if __name__ == "__main__":
    main([a_table_of_misbehaviour, tampered_bytes_are_refused, bytes_of_one_change, tokens_open_the_origin, several_sources_in_order,
          the_gateway_outlives_its_origin])
