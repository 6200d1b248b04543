"""Shared by tests/offline/*.py: a work folder with artifacts, a repository, an origin, a cache; the binary is $HOLDFAST."""
import json
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import origin  # noqa: E402

HOLDFAST = os.environ["HOLDFAST"]
WORDS = "get orders items customer backend rate select policy inbound header value name true false json".split()


class Site:
    """A publisher, an origin and one gateway's cache."""

    def __init__(self):
        self.work = tempfile.mkdtemp()
        self.artifacts = os.path.join(self.work, "artifacts")
        self.repo = os.path.join(self.work, "repo")
        self.cache = os.path.join(self.work, "cache")
        self.key = os.path.join(self.work, "site.key")
        self.processes = []
        self.run("keygen", "--out", self.key)
        self.put("apis/hello/apiInformation.json", {"path": "hello", "displayName": "hello", "protocols": ["http"], "subscriptionRequired": False})
        self.put("apis/hello/operations/get/operationInformation.json", {"displayName": "get", "method": "GET", "urlTemplate": "/"})
        self.put("apis/hello/policy.xml", "<policies><inbound><return-response><set-body>{{greeting}}</set-body>"
                 "</return-response></inbound></policies>")
        self.greet("Hello")

    def close(self):
        for process in self.processes:
            if process.poll() is None:
                process.kill()
                process.wait()
        shutil.rmtree(self.work, ignore_errors=True)

    def put(self, path, value):
        path = os.path.join(self.artifacts, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(value if isinstance(value, str) else json.dumps({"properties": value}))

    def greet(self, text):
        self.put("named values/greeting/namedValueInformation.json", {"displayName": "greeting", "value": text})

    def fill(self, count, size=400):
        """Entities that say nothing, so that there is something to transfer."""
        for i in range(count):
            self.filler(i, 0, size)

    def filler(self, i, version, size=400):
        dice = random.Random(i * 1000 + version)
        text = ""
        while len(text) < size:
            text += f"{dice.choice(WORDS)} {dice.randrange(1 << 30):x} "
        self.put(f"named values/filler-{i}/namedValueInformation.json", {"displayName": f"filler-{i}", "value": text})

    def run(self, *arguments, check=True):
        done = subprocess.run([HOLDFAST, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        if check and done.returncode:
            raise AssertionError(f"{' '.join(arguments)}: exit {done.returncode}\n{done.stderr.decode()}")
        return done

    def publish(self, *more):
        done = self.run("publish", self.artifacts, "--repo", self.repo, "--key", self.key, "--json", *more)
        return json.loads(done.stdout)

    def start_origin(self):
        self.server, self.state = origin.start(self.repo)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def behave(self, **how):
        """Change what the origin does; what it counted so far is returned and forgotten."""
        with self.state.lock:
            counted = {"requests": self.state.requests, "bytes": self.state.bytes, "ranges": self.state.ranges, "paths": self.state.paths}
            self.state.behaviour = {name: str(value) for name, value in how.items()}
            self.state.clear()
        return counted

    def settings(self, endpoint=None):
        return ["--cache", self.cache, "--set", f"config.service.endpoint={endpoint or self.url}",
                "--set", f"config.trust.root={self.key}.pub"]

    def sync(self, endpoint=None, more=()):
        """One `sync --once`: its JSON, with the exit code as `exit`."""
        done = self.run("sync", "--once", *self.settings(endpoint), *more, check=False)
        try:
            result = json.loads(done.stdout)
        except ValueError:
            raise AssertionError(f"sync: exit {done.returncode}, no JSON\n{done.stdout.decode()}{done.stderr.decode()}") from None
        result["exit"] = done.returncode
        wanted = {"updated": 0, "current": 0, "rejected": 1, "offline": 3}[result["result"]]
        assert done.returncode == wanted, result
        return result

    def forget(self):
        shutil.rmtree(self.cache, ignore_errors=True)

    def verify(self):
        return self.run("verify", "--cache", self.cache, check=False)

    def serve(self, *more, endpoint=None):
        """A gateway; (process, its URL)."""
        ports = free_ports(3)
        with open(os.path.join(self.work, "gateway.log"), "ab") as log:
            process = subprocess.Popen(
                [HOLDFAST, "serve", *self.settings(endpoint), "--set", "net.server.address=127.0.0.1",
                 "--set", f"net.server.http.port={ports[0]}", "--set", f"net.server.https.port={ports[1]}",
                 "--set", f"telemetry.metrics.prometheus.port={ports[2]}", "--set", "admin.listen=none",
                 "--set", "config.service.refreshInterval=1s", *more], stdout=log, stderr=log)
        self.processes.append(process)
        return process, f"http://127.0.0.1:{ports[0]}"

    def log(self):
        with open(os.path.join(self.work, "gateway.log"), encoding="utf-8", errors="replace") as file:
            return file.read()


def free_ports(count):
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in held]
    for s in held:
        s.close()
    return ports


def get(url):
    """(status, body); (0, "") without an answer."""
    done = subprocess.run(["curl", "-s", "--max-time", "5", "-w", "\n%{http_code}", url], stdout=subprocess.PIPE, check=False)
    body, _, status = done.stdout.decode(errors="replace").rpartition("\n")
    return int(status or 0), body


def wait_for(what, condition, seconds=20):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.05)
    raise AssertionError(f"waited in vain for: {what}")


def main(site_tests):
    """Run each test with a site of its own; say which failed."""
    failed = 0
    for test in site_tests:
        site = Site()
        began = time.monotonic()
        try:
            test(site)
            print(f"ok {test.__name__} ({time.monotonic() - began:.1f})", flush=True)
        except AssertionError as error:
            failed += 1
            print(f"FAILED {test.__name__}: {error}", flush=True)
            if os.path.exists(os.path.join(site.work, "gateway.log")):
                print("\n".join(site.log().splitlines()[-30:]), flush=True)
        finally:
            site.close()
    sys.exit(1 if failed else 0)
