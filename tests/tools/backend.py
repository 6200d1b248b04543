#!/usr/bin/env python3
"""A backend that does on purpose what backends do by accident: backend.py PORT LOG.

Raw sockets, a thread per connection, keep-alive. The last part of the path says what to do:
  seen          answers with the request head as it was received
  count         reads the body; answers "BYTES SHA256 FRAMING"
  big/N         N bytes by Content-Length          chunks/N     N bytes by chunks of 40000
  close         a body that ends with the connection
  cut           half of a body                     lie          more bytes than Content-Length
  early         413 without reading the body       late/MS      answers after so many ms
  once          answers, then closes the connection without having said so
  redirect/N    status N to the URL behind "to=" in the query
  gzip          {"hello":"aXb"}, compressed        garbage[/206] the same said of bytes that are not
  events        three events, 300 ms apart, by chunks
  switch        101, then echoes bytes
Every request adds a line "METHOD TARGET CONNECTION" to LOG, every closed connection "closed CONNECTION"."""
import gzip
import hashlib
import socket
import sys
import threading
import time
import urllib.parse

ZEROS = bytes(1 << 20)
lock = threading.Lock()


def note(text):
    with lock, open(sys.argv[2], "a") as log:
        log.write(text + "\n")


class Connection:
    def __init__(self, sock, number):
        self.sock, self.number, self.buf = sock, number, b""

    def more(self, n=1 << 16):
        data = self.sock.recv(n)
        self.buf += data
        return bool(data)

    def until(self, mark):
        while mark not in self.buf:
            if not self.more():
                return None
        text, self.buf = self.buf.split(mark, 1)
        return text + mark

    def take(self, n, use):
        while n:
            if not self.buf and not self.more(min(n, 1 << 20)):
                raise EOFError
            part, self.buf = self.buf[:n], self.buf[n:]
            use(part)
            n -= len(part)

    def body(self, fields):
        digest, count = hashlib.sha256(), 0

        def use(part):
            nonlocal count
            digest.update(part)
            count += len(part)

        if fields.get("transfer-encoding") == "chunked":
            while True:
                size = int(self.until(b"\r\n"), 16)
                self.take(size, use)
                assert self.until(b"\r\n") == b"\r\n"
                if not size:
                    return count, digest.hexdigest(), "chunked"
        length = int(fields.get("content-length", 0))
        self.take(length, use)
        return count, digest.hexdigest(), "length" if "content-length" in fields else "none"

    def answer(self, body, status="200 OK", extra=""):
        self.sock.sendall(f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{extra}\r\n".encode() + body)

    def big(self, n):
        self.sock.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {n}\r\n\r\n".encode())
        while n:
            self.sock.sendall(ZEROS[:n])
            n -= min(n, len(ZEROS))

    def chunks(self, n):
        self.sock.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while n:
            size = min(n, 40000)
            self.sock.sendall(b"%x\r\n" % size + ZEROS[:size] + b"\r\n")
            n -= size
        self.sock.sendall(b"0\r\n\r\n")

    def events(self):
        self.sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        for i in range(3):
            event = b"data: %d\n\n" % i
            self.sock.sendall(b"%x\r\n%s\r\n" % (len(event), event))
            time.sleep(0.3)
        self.sock.sendall(b"0\r\n\r\n")

    def echo(self):
        self.sock.sendall(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        while self.buf or self.more():
            self.sock.sendall(self.buf)
            self.buf = b""

    def one(self):
        """One request; true when the connection goes on."""
        head = self.until(b"\r\n\r\n")
        if not head:
            return False
        method, target, _ = head.split(b"\r\n")[0].decode().split(" ")
        fields = dict(l.lower().split(": ", 1) for l in head.decode("latin-1").split("\r\n")[1:] if ": " in l)
        note(f"{method} {target} {self.number}")
        what = target.split("?")[0].split("/")
        do = what[-1] if not what[-1].isdigit() else what[-2]
        if do == "early":
            self.answer(b"too much", "413 Content Too Large", "Connection: close\r\n")
            return False
        counted = self.body(fields)
        if method == "HEAD":
            self.sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 12345\r\n\r\n")
        elif do == "count":
            self.answer("{} {} {}".format(*counted).encode())
        elif do in ("big", "chunks"):
            getattr(self, do)(int(what[-1]))
        elif do == "late":
            time.sleep(int(what[-1]) / 1000)
            self.answer(b"late")
        elif do == "cut":
            self.sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + ZEROS[:50000])
            return False
        elif do == "lie":
            self.sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nhello")
        elif do == "close":
            self.sock.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nto the end")
            return False
        elif do == "once":
            self.answer(b"once")
            return False
        elif do == "redirect":
            to = urllib.parse.parse_qs(target.split("?", 1)[1])["to"][0]
            self.answer(b"go there", f"{what[-1]} Moved", f"Location: {to}\r\n")
        elif do in ("gzip", "garbage"):
            body = gzip.compress(b'{"hello":"aXb"}') if do == "gzip" else b"not compressed"
            self.answer(body, "206 Partial Content" if what[-1] == "206" else "200 OK", extra="Content-Type: application/json\r\nContent-Encoding: gzip\r\n")
        elif do == "events":
            self.events()
        elif do == "switch":
            self.echo()
            return False
        else:
            self.answer(head, extra="Content-Type: text/plain\r\n")
        return True

    def serve(self):
        try:
            while self.one():
                pass
        except (EOFError, OSError):
            pass
        self.sock.close()
        note(f"closed {self.number}")


def main():
    listener = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=128)
    number = 0
    while True:
        sock, _ = listener.accept()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        number += 1
        threading.Thread(target=Connection(sock, number).serve, daemon=True).start()


main()
