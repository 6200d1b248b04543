#!/usr/bin/env python3
"""Transfers that are cut, killed or stalled go on where they were, over process restarts, and end with what was published."""
# timeout: 300
import os
import random
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tools"))
from offline_lib import HOLDFAST, main, wait_for  # noqa: E402


def prepare(site, count=1500):
    site.fill(count)
    published = site.publish()
    site.start_origin()
    return published


def whole(site):
    """Bytes and requests of a bootstrap that nothing disturbs."""
    result = site.sync()
    assert result["result"] == "updated" and not result["resumed"], result
    site.forget()
    site.behave()
    return result


def until_updated(site, behave, limit):
    """Cycles, a process each, until one is done; the results."""
    results = []
    while not results or results[-1]["result"] != "updated":
        assert len(results) < limit, results[-1]
        behave(len(results))
        results.append(site.sync())
        assert results[-1]["result"] in ("updated", "offline"), results[-1]
        if results[-1]["result"] == "offline":
            assert results[-1]["reason"] == "connect", results[-1]
    return results


def cut_at_several_offsets(site):
    prepare(site)
    all_of_it = whole(site)
    dice = random.Random(7)
    cuts = [3000, 5000, 5001, 100000, 64, 70000, 200000, 2500, 33333] + [dice.randrange(2000, 90000) for _ in range(30)]
    results = until_updated(site, lambda i: site.behave(cut=cuts[i]), len(cuts))
    counted = site.behave()
    assert results[-1]["resumed"], results[-1]
    total = sum(r["bytes"] for r in results)
    # Besides the pack each cycle asks for `latest`, about 2 kB.
    allowed = all_of_it["bytes"] * 1.05 + 2500 * len(results)
    assert total <= allowed, f"{total} bytes, {allowed} allowed"
    print(f"   {len(results)} cycles, {total} bytes for {all_of_it['bytes']}, {counted['requests']} requests in the last")
    assert site.verify().stdout.startswith(b"ok generation 1"), site.verify()


def a_cut_once_is_resumed(site):
    prepare(site)
    all_of_it = whole(site)
    site.sync()  # root and latest are known
    site.forget()
    site.behave(cut=all_of_it["bytes"] // 2)
    first = site.sync()
    assert first["result"] == "offline" and first["exit"] == 3, first
    counted = site.behave()
    second = site.sync()
    counted = site.behave()
    assert second["result"] == "updated" and second["resumed"], second
    assert counted["ranges"] == 1, counted
    assert first["bytes"] + second["bytes"] <= all_of_it["bytes"] + 3000, (first, second, all_of_it)
    assert not site.sync()["resumed"]


def killed_while_it_loads(site):
    prepare(site)
    all_of_it = whole(site)
    dice = random.Random(3)
    loaded = 0
    for _ in range(8):
        site.behave(slow=all_of_it["bytes"] // 3)
        process = subprocess.Popen([HOLDFAST, "sync", "--once", *site.settings()], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(dice.uniform(0.2, 1.4))
        process.send_signal(signal.SIGKILL)
        process.wait()
        time.sleep(0.3)  # what is in the pipe counts as sent
        loaded += site.behave()["bytes"]
    last = site.sync()
    assert last["result"] in ("updated", "current"), last
    if loaded > all_of_it["bytes"] // 3:
        assert last["resumed"] or last["result"] == "current", last
    assert last["bytes"] < all_of_it["bytes"], last
    print(f"   {loaded} bytes sent before kills, {last['bytes']} in the last cycle, {all_of_it['bytes']} at once")
    assert site.verify().stdout.startswith(b"ok generation 1")


def publish_in_between(site):
    prepare(site)
    all_of_it = whole(site)
    site.behave(cut=all_of_it["bytes"] * 2 // 3)
    assert site.sync()["result"] == "offline"
    for i in range(5):
        site.filler(i * 7, 2)
    assert site.publish()["seq"] == 2
    site.behave()
    result = site.sync()
    assert result["result"] == "updated" and result["to"] == 2 and result["resumed"], result
    assert result["bytes"] < all_of_it["bytes"] * 3 // 4, (result, all_of_it)
    assert site.verify().stdout.startswith(b"ok generation 2")


def a_stalled_line_loses_nothing(site):
    """Bytes that came before a stall are on disk a second later."""
    prepare(site)
    all_of_it = whole(site)
    site.behave(stall=all_of_it["bytes"] * 3 // 4)
    process = subprocess.Popen([HOLDFAST, "sync", "--once", *site.settings()], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(3)
    process.kill()
    process.wait()
    site.behave()
    result = site.sync()
    assert result["result"] == "updated" and result["resumed"], result
    assert result["bytes"] < all_of_it["bytes"] * 2 // 5, (result, all_of_it)


def the_running_gateway_resumes_too(site):
    prepare(site)
    all_of_it = whole(site)
    site.behave(cut=all_of_it["bytes"] // 3)
    process, url = site.serve()
    wait_for("generation 1", lambda: b"ok generation 1" in site.verify().stdout, 60)
    counted = site.behave()
    assert counted["bytes"] < all_of_it["bytes"] * 1.05 + 3000 * counted["requests"], (counted, all_of_it)
    process.terminate()
    assert process.wait(30) == 0


def a_stalled_line_does_not_hold_the_end(site):
    prepare(site, 300)
    for stall in (10, 20000):  # within root/1, within the pack
        site.forget()
        site.behave(stall=stall)
        process, _ = site.serve()
        wait_for("the stall", lambda: site.state.requests >= (1 if stall == 10 else 4))
        time.sleep(1)
        began = time.monotonic()
        process.terminate()
        assert process.wait(30) == 0
        assert time.monotonic() - began < 5, f"it took {time.monotonic() - began:.1f} s to end"


if __name__ == "__main__":
    main([cut_at_several_offsets, a_cut_once_is_resumed, killed_while_it_loads, publish_in_between, a_stalled_line_loses_nothing,
          the_running_gateway_resumes_too, a_stalled_line_does_not_hold_the_end])
