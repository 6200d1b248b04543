"""Shared by the table tests tests/scenario/*.py: artifacts made from calls, a gateway that serves them, a backend that echoes,
a client that sends bytes and keeps the bytes of the answer, and a table whose rows say what they show.

    site = Site()
    site.api("orders", {"list": "GET /"}, path="orders")
    with site.serve() as gateway:
        table = Table()
        table.row("an operation is found", gateway.get("/orders/").status, 200)
    table.end(at_least=1)
"""
import atexit
import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time

HOLDFAST = os.environ.get("HOLDFAST") or sys.exit("HOLDFAST: not set: name the binary under test")
PATIENCE = 20  # seconds until an answer is called missing


def free_ports(count):
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in held]
    for s in held:
        s.close()
    return ports


def policies(inbound="", backend="<base />", outbound="", on_error="", base=True):
    """A policy document; base: every section but backend begins with <base />."""
    first = "<base />" if base else ""
    return (f"<policies><inbound>{first}{inbound}</inbound><backend>{backend}</backend>"
            f"<outbound>{first}{outbound}</outbound><on-error>{first}{on_error}</on-error></policies>")


class Answer:
    """What came back: status, reason, fields in order, body; `raw` is all of it."""

    def __init__(self, raw, head_only=False):
        self.raw = raw
        head, _, rest = raw.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        words = lines[0].split(" ", 2) if lines[0] else ["", "0", ""]
        self.status, self.reason = int(words[1]), words[2] if len(words) > 2 else ""
        self.fields = [tuple(part.strip() for part in line.split(":", 1)) for line in lines[1:]]
        self.body = b"" if head_only else chunks(rest) if self.get("Transfer-Encoding") == "chunked" else rest
        self.text = self.body.decode(errors="replace")

    def get(self, name):
        """The field's value, None without it; of several the values in one list, joined by '|'."""
        values = [value for key, value in self.fields if key.lower() == name.lower()]
        return "|".join(values) if values else None


def chunks(data):
    whole = b""
    while data:
        size, _, data = data.partition(b"\r\n")
        n = int(size or b"0", 16)
        whole, data = whole + data[:n], data[n + 2:]
        if not n:
            break
    return whole


class Backend:
    """Answers every request with what `answer` makes of its head and body: by default the head itself, in the body."""

    def __init__(self, answer=None):
        self.answer = answer or (lambda head, body: b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(head), head))
        self.seen = []
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            connection, _ = self.socket.accept()
            threading.Thread(target=self.talk, args=(connection,), daemon=True).start()

    def talk(self, connection):
        data = b""
        with connection:
            while True:
                while b"\r\n\r\n" not in data:
                    more = connection.recv(65536)
                    if not more:
                        return
                    data += more
                head, _, data = data.partition(b"\r\n\r\n")
                length = [int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
                while length and len(data) < length[0]:
                    data += connection.recv(65536)
                body, data = (data[:length[0]], data[length[0]:]) if length else (b"", data)
                self.seen.append(head)
                answer = self.answer(head, body)
                if answer is None:
                    return
                connection.sendall(answer)


class Site:
    """An artifact directory, published by serve()."""

    def __init__(self):
        self.work = tempfile.mkdtemp()
        atexit.register(shutil.rmtree, self.work, ignore_errors=True)
        self.artifacts = os.path.join(self.work, "artifacts")
        self.run("keygen", "--out", self.path("key"))

    def path(self, name):
        return os.path.join(self.work, name)

    def put(self, path, value):
        path = os.path.join(self.artifacts, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(value if isinstance(value, str) else json.dumps({"properties": value}))

    def api(self, name, operations, policy=None, policies_of=None, **properties):
        """operations: id -> "METHOD template"; policies_of: operation id -> policy document."""
        self.put(f"apis/{name}/apiInformation.json", {"path": name, "protocols": ["http"], "subscriptionRequired": False, **properties})
        for operation, text in operations.items():
            method, template = text.split(" ", 1)
            self.put(f"apis/{name}/operations/{operation}/operationInformation.json", {"method": method, "urlTemplate": template})
        if policy:
            self.put(f"apis/{name}/policy.xml", policy)
        for operation, document in (policies_of or {}).items():
            self.put(f"apis/{name}/operations/{operation}/policy.xml", document)

    def run(self, *arguments):
        done = subprocess.run([HOLDFAST, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        if done.returncode:
            raise AssertionError(f"{' '.join(arguments)}: exit {done.returncode}\n{done.stdout.decode()}")
        return done.stdout.decode()

    def publish(self, *more):
        return self.run("publish", self.artifacts, "--repo", self.path("repo"), "--key", self.path("key"), *more)

    def serve(self, *settings):
        self.publish("-q")
        return Gateway(self, settings)


class Gateway:
    def __init__(self, site, settings):
        self.site = site
        self.http, self.https, self.metrics = free_ports(3)
        with open(site.path("gateway.log"), "ab") as log:
            self.process = subprocess.Popen(
                [HOLDFAST, "serve", "--cache", site.path("cache"), "--set", f"config.service.endpoint=file://{site.path('repo')}",
                 "--set", "gateway.id=edge", "--set", "net.server.address=127.0.0.1", "--set", f"net.server.http.port={self.http}",
                 "--set", f"net.server.https.port={self.https}", "--set", f"telemetry.metrics.prometheus.port={self.metrics}",
                 "--set", "admin.listen=none"]
                + [word for setting in settings for word in ("--set", setting)], stdout=log, stderr=log)

    def __enter__(self):
        for _ in range(PATIENCE * 10):
            try:
                if self.get("/status-0123456789abcdef").status == 200:
                    return self
            except OSError:
                pass
            if self.process.poll() is not None:
                break
            time.sleep(0.1)
        self.process.kill()
        raise AssertionError("the gateway is not ready:\n" + self.log())

    def __exit__(self, kind, value, trace):
        self.process.terminate()
        code = self.process.wait(PATIENCE * 2)
        if kind or code:
            print(self.log()[-6000:])
        if not kind and code:
            raise AssertionError(f"the gateway ended with {code}")

    def log(self):
        with open(self.site.path("gateway.log"), encoding="utf-8", errors="replace") as file:
            return file.read()

    def connect(self, tls=False):
        raw = socket.create_connection(("127.0.0.1", self.https if tls else self.http), PATIENCE)
        if not tls:
            return raw
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return context.wrap_socket(raw, server_hostname="localhost")

    def bytes(self, data, tls=False, head_only=False):
        """Send these bytes; the answer is what comes until the gateway closes."""
        with self.connect(tls) as connection:
            connection.sendall(data)
            got = b""
            while True:
                more = connection.recv(65536)
                if not more:
                    return Answer(got, head_only)
                got += more

    def send(self, method, target, *fields, body=b"", host="gw.example", tls=False):
        """A request with these "Name: value" fields, the target as it is written."""
        head = [f"{method} {target} HTTP/1.1", f"Host: {host}", "Connection: close", *fields]
        if body:
            head.append(f"Content-Length: {len(body)}")
        data = "\r\n".join(head).encode("latin-1" if isinstance(target, str) and target.isascii() else "utf-8") + b"\r\n\r\n" + body
        return self.bytes(data, tls, method == "HEAD")

    def get(self, target, *fields, **more):
        return self.send("GET", target, *fields, **more)


class Table:
    """Rows that are checked and counted; a failed one prints what it shows, what came, what was wanted."""

    def __init__(self):
        self.rows = self.failed = 0

    def row(self, shows, got, wanted):
        self.rows += 1
        if got != wanted:
            self.failed += 1
            print(f"FAILED: {shows}\n  got    {got!r}\n  wanted {wanted!r}")

    def end(self, at_least):
        print(f"{self.rows} rows, {self.failed} failed")
        sys.exit(1 if self.failed or self.rows < at_least else 0)
