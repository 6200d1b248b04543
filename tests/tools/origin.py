#!/usr/bin/env python3
"""origin.py DIR [--port N] [--port-file F]: a static origin for tests of sync, with Range, ETag and ways to misbehave.

Prints nothing but errors; the port is written to --port-file. Behaviour is changed while it runs by GET /_control?name=value&…, which
answers with what was counted since the last call:
  cut=N        end the connection after N body bytes of each answer that is longer
  cut_once=N   the same, for one answer
  stall=N      send N body bytes, then nothing
  status=S     answer S to everything (with retry_after=T: that field, too)
  no_range=1   ignore Range
  bad_range=1  206 with another offset than asked for
  portal=1     200 and a login page to everything
  token=T      401 unless Authorization is "GatewayKey T"
  etag=0       no ETag;  etag=weak  weak ones;  etag=new  another one for each answer
  wrong=PATH   flip a byte in the middle of that path
  longer=PATH  append bytes to that path
  gzip=1       say Content-Encoding: gzip (and do not)
  slow=B       at most B bytes a second
  reset=1      back to good behaviour
"""
import argparse
import hashlib
import http.server
import json
import os
import socketserver
import sys
import threading
import time
import urllib.parse


class State:
    def __init__(self):
        self.lock = threading.Lock()
        self.behaviour = {}
        self.clear()

    def clear(self):
        self.requests, self.bytes, self.ranges, self.paths = 0, 0, 0, []


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # head and body are two writes: else each answer waits 40 ms
    state = None
    folder = "."

    def log_message(self, *args):
        pass

    def number(self, name):
        return int(self.state.behaviour.get(name, 0))

    def control(self):
        query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.path).query, keep_blank_values=True))
        with self.state.lock:
            if query.pop("reset", None):
                self.state.behaviour = {}
            self.state.behaviour.update(query)
            text = json.dumps({"requests": self.state.requests, "bytes": self.state.bytes, "ranges": self.state.ranges,
                               "paths": self.state.paths}).encode()
            self.state.clear()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def do_GET(self):
        if self.path.startswith("/_control"):
            self.control()
            return
        with self.state.lock:
            self.state.requests += 1
            self.state.paths.append(self.path)
        self.answer(dict(self.state.behaviour))

    def simple(self, status, body, fields=()):
        self.send_response(status)
        for name, value in fields:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.send_body(body, {})

    def answer(self, how):
        if "status" in how:
            fields = [("Retry-After", how["retry_after"])] if "retry_after" in how else []
            self.simple(int(how["status"]), b"no\n", fields)
        elif how.get("portal"):
            self.simple(200, b"<html><body>Please log in</body></html>\n", [("Content-Type", "text/html")])
        elif "token" in how and self.headers.get("Authorization") != "GatewayKey " + how["token"]:
            self.simple(401, b"no\n")
        else:
            self.serve_file(how)

    def read(self, how):
        path = urllib.parse.unquote(urllib.parse.urlsplit(self.path).path)
        if ".." in path:
            return None
        try:
            with open(os.path.join(self.folder, path.lstrip("/")), "rb") as file:
                data = file.read()
        except OSError:
            return None
        if how.get("wrong") == path:
            middle = len(data) // 2
            data = data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1:]
        if how.get("longer") == path:
            data += b"more"
        return data

    def etag(self, data, how):
        if how.get("etag") == "0":
            return None
        if how.get("etag") == "new":
            return '"%d"' % time.monotonic_ns()
        text = '"%s"' % hashlib.sha256(data).hexdigest()[:20]
        return "W/" + text if how.get("etag") == "weak" else text

    def serve_file(self, how):
        data = self.read(how)
        if data is None:
            self.simple(404, b"not here\n")
            return
        etag = self.etag(data, how)
        if etag and self.headers.get("If-None-Match") == etag:
            self.send_response(304)
            self.send_header("ETag", etag)
            self.end_headers()
            return
        status, body, fields = 200, data, []
        wanted = self.headers.get("Range")
        same = self.headers.get("If-Range") in (None, etag)
        if wanted and same and not how.get("no_range"):
            first, last = wanted.removeprefix("bytes=").split("-")
            first, last = int(first), min(int(last), len(data) - 1) if last else len(data) - 1
            with self.state.lock:
                self.state.ranges += 1
            if first >= len(data):
                self.simple(416, b"", [("Content-Range", f"bytes */{len(data)}")])
                return
            shown = first + 7 if how.get("bad_range") else first
            status, body = 206, data[first:last + 1]
            fields = [("Content-Range", f"bytes {shown}-{last}/{len(data)}")]
        if etag:
            fields.append(("ETag", etag))
        if how.get("gzip"):
            fields.append(("Content-Encoding", "gzip"))
        self.send_response(status)
        for name, value in fields:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.send_body(body, how)

    def send_body(self, body, how):
        limit = len(body)
        for name in ("cut", "cut_once"):
            if name in how and 0 <= int(how[name]) < limit:
                limit = int(how[name])
                self.close_connection = True
        if "cut_once" in how:
            with self.state.lock:
                self.state.behaviour.pop("cut_once", None)
        stall = "stall" in how and int(how["stall"]) < limit
        if stall:
            limit = int(how["stall"])
        step = int(how["slow"]) // 10 or 1 if "slow" in how else 16384
        try:
            for at in range(0, limit, step):
                part = body[at:min(at + step, limit)]
                self.wfile.write(part)
                self.wfile.flush()
                with self.state.lock:
                    self.state.bytes += len(part)
                if "slow" in how:
                    time.sleep(0.1)
            if stall:
                time.sleep(3600)
        except OSError:
            self.close_connection = True


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def handle_error(self, request, client_address):
        pass


def start(folder, port=0):
    """Serve folder on a thread; the server (server.server_port) and its state."""
    state = State()
    handler = type("Bound", (Handler,), {"state": state, "folder": folder})
    server = Server(("127.0.0.1", port), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server, state


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--port-file")
    args = parser.parse_args()
    server, _ = start(args.folder, args.port)
    if args.port_file:
        with open(args.port_file + ".tmp", "w", encoding="ascii") as file:
            file.write(str(server.server_port))
        os.rename(args.port_file + ".tmp", args.port_file)
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        sys.exit(0)


if __name__ == "__main__":
    main()
