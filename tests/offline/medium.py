#!/usr/bin/env python3
"""A cache on a full or read-only medium: the gateway serves from memory, says so, and goes back to disk when it can."""
# timeout: 180
import os
import subprocess
import sys
import time

if os.environ.get("HOLDFAST_OWN_MOUNTS") != "1":
    # Mounts of our own, which end with us.
    probe = subprocess.run(["unshare", "-m", "sh", "-c", "mount -t tmpfs tmpfs /mnt"], stdout=subprocess.DEVNULL,
                           stderr=subprocess.PIPE, check=False)
    if probe.returncode:
        print("no mounts of our own here: " + probe.stderr.decode().strip())
        sys.exit(77)
    os.execvpe("unshare", ["unshare", "-m", sys.executable, *sys.argv], dict(os.environ, HOLDFAST_OWN_MOUNTS="1"))

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tools"))
from offline_lib import get, main, wait_for  # noqa: E402


def mount(site, options):
    os.makedirs(site.cache, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", site.cache], check=True)


def remount(site, options):
    subprocess.run(["mount", "-o", "remount," + options, site.cache], check=True)


def status_of(site):
    return site.run("inspect", "--cache", site.cache, "--json", check=False).stdout.decode()


def a_full_disk(site):
    site.fill(1500)
    site.publish()
    site.start_origin()
    mount(site, "size=256k")
    process, url = site.serve()
    wait_for("serving", lambda: get(url + "/hello/") == (200, "Hello"), 30)
    assert "StoreDegraded" in site.log(), site.log()
    site.greet("Good day")
    site.publish()
    wait_for("updates in memory, too", lambda: get(url + "/hello/") == (200, "Good day"))
    remount(site, "size=64m")
    wait_for("back on disk", lambda: "StoreRecovered" in site.log())
    assert get(url + "/hello/") == (200, "Good day")
    assert b"ok generation 2" in site.verify().stdout, site.verify()
    process.terminate()
    assert process.wait(30) == 0
    site.behave(status=500)
    process, url = site.serve()
    wait_for("serving from disk", lambda: get(url + "/hello/") == (200, "Good day"))
    process.terminate()
    process.wait(30)


def full_while_it_runs(site):
    site.publish()
    site.start_origin()
    mount(site, "size=3m")
    process, url = site.serve()
    wait_for("serving", lambda: get(url + "/hello/") == (200, "Hello"))
    file = os.open(os.path.join(site.cache, "filler"), os.O_WRONLY | os.O_CREAT)
    try:
        while True:
            os.write(file, b"x" * 4096)
    except OSError:
        os.close(file)
    site.fill(1500)
    site.greet("Good day")
    site.publish()
    wait_for("the new one, from memory", lambda: get(url + "/hello/") == (200, "Good day"), 30)
    assert "StoreDegraded" in site.log(), site.log()
    process.terminate()
    assert process.wait(30) == 0
    # On disk the old generation is whole.
    assert b"ok generation 1" in site.verify().stdout, site.verify()


def a_read_only_cache(site):
    site.publish()
    site.start_origin()
    mount(site, "size=16m")
    assert site.sync()["result"] == "updated"
    site.greet("Good day")
    site.publish()
    assert site.sync()["to"] == 2
    remount(site, "ro")
    site.behave(status=500)
    process, url = site.serve()
    wait_for("serving what is there", lambda: get(url + "/hello/") == (200, "Good day"))
    assert "StoreDegraded" in site.log(), site.log()
    site.behave()
    site.greet("Good evening")
    site.publish()
    wait_for("updates in memory", lambda: get(url + "/hello/") == (200, "Good evening"), 30)
    process.terminate()
    process.wait(30)
    remount(site, "rw")
    assert b"ok generation 2" in site.verify().stdout, site.verify()


def read_only_after_a_kill(site):
    """The log that a kill left behind cannot be joined on a read-only medium: what was there at its last checkpoint is served."""
    site.publish()
    site.start_origin()
    mount(site, "size=16m")
    process, url = site.serve()
    wait_for("serving", lambda: get(url + "/hello/") == (200, "Hello"))
    site.greet("Good day")
    site.publish()
    wait_for("the new one", lambda: get(url + "/hello/") == (200, "Good day"))
    process.kill()
    process.wait()
    remount(site, "ro")
    site.behave(status=500)
    process, url = site.serve()
    wait_for("one of both", lambda: get(url + "/hello/") in ((200, "Good day"), (200, "Hello")))
    process.terminate()
    process.wait(30)


if __name__ == "__main__":
    main([a_full_disk, full_while_it_runs, a_read_only_cache, read_only_after_a_kill])
