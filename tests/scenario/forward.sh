#!/bin/bash
# Forwarding over real sockets: heads, bodies of both framings both ways, faults of the backend, connections used again.
. "$(dirname "$0")/../tools/forward-lib.sh"

raw_gateway

# The head as the backend sees it.
status 200 "$url/raw/seen?a=b%20c" -H 'Connection: X-Secret' -H 'X-Secret: 1' -H 'X-Forwarded-For: 1.2.3.4' -H 'TE: trailers' \
    -H 'Accept: text/plain'
body_has 'GET /base/seen?a=b%20c HTTP/1.1'
body_has "Host: 127.0.0.1:$onprem"
body_has 'X-Forwarded-For: 1.2.3.4, 127.0.0.1'
body_has 'Accept: text/plain'
! grep -qiE '^(connection|x-secret|te|keep-alive|content-length|transfer-encoding):' "$work/body" || die "hop-by-hop: $(cat "$work/body")"
[ "$(grep -ci '^host:' "$work/body")" = 1 ] || die 'not one Host'
head_has 'Content-Type: text/plain'
head_has 'Content-Length:'

# Request bodies.
head -c 3000000 /dev/urandom > "$work/upload"
sum=$(sha256sum < "$work/upload" | cut -d' ' -f1)
status 200 "$url/raw/count" --data-binary @"$work/upload"
body_has "3000000 $sum length"
status 200 "$url/raw/count" --data-binary @"$work/upload" -H 'Transfer-Encoding: chunked'
body_has "3000000 $sum chunked"
status 200 "$url/raw/count" -T - < "$work/upload" -X POST -H 'Expect: 100-continue'
body_has "3000000 $sum chunked"
status 200 "$url/raw/count" -X POST -d x=1
body_has ' length'
status 200 "$url/raw/count" -X POST
body_has '0 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 length'
status 200 "$url/raw/count" -X DELETE
body_has ' none'

# Response bodies.
status 200 "$url/raw/big/3000000"
[ "$(stat -c %s "$work/body")" = 3000000 ] || die 'not 3000000 bytes by length'
head_has 'Content-Length: 3000000'
status 200 "$url/raw/chunks/3000000"
[ "$(stat -c %s "$work/body")" = 3000000 ] || die 'not 3000000 bytes by chunks'
head_has 'Transfer-Encoding: chunked'
status 200 "$url/raw/chunks/100000" --http1.0
[ "$(stat -c %s "$work/body")" = 100000 ] || die 'not 100000 bytes for HTTP/1.0'
head_lacks 'Transfer-Encoding'
status 200 "$url/raw/big/0"
head_has 'Content-Length: 0'
status 200 "$url/raw/close"
[ "$(cat "$work/body")" = 'to the end' ] || die 'a body that ends with the connection'
status 200 -I "$url/raw/seen"
head_has 'Content-Length: 12345'

# One connection to the backend serves one client after the other (the two before it ended theirs).
used=$(grep -v closed "$backend_log" | tail -n +2 | awk '{ print $3 }' | sort -u | wc -l)
[ "$used" -le 4 ] || die "$used connections for requests one after the other: $(cat "$backend_log")"

# A backend that closes after its answer, unannounced: nobody notices.
for _ in 1 2 3 4 5; do
    status 200 "$url/raw/once"
    status 200 "$url/raw/seen"
done

# A cut body is a cut answer, a lying one an error.
! curl -s -o "$work/body" "$url/raw/cut" || die 'a cut body passed for a whole one'
[ "$(stat -c %s "$work/body")" -lt 100000 ] || die 'the cut body is whole'
status 500 "$url/raw/lie"
body_has '"statusCode": 500'

# Early answers end the upload.
status 413 "$url/raw/early" -T "$work/upload" -X POST --limit-rate 1M
body_has 'too much'
status 200 "$url/raw/seen"

# timeout-ms counts to the response head.
status 200 "$url/raw/quick/late/1"
status 500 "$url/raw/quick/late/2000"

# Events pass at once when buffer-response is false, together when it is true.
firsts() { curl -sN --max-time 10 "$1" | while read -r line; do [ -z "$line" ] || date +%s%N; done; }
spread() { awk 'NR == 1 { first = $1 } { last = $1 } END { print int((last - first) / 1000000) }'; }
[ "$(firsts "$url/raw/flow/events" | spread)" -ge 400 ] || die 'unbuffered events came together'
[ "$(firsts "$url/raw/events" | spread)" -le 200 ] || die 'buffered events came one by one'

# A client that leaves takes its backend connection along.
before=$(grep -c ^closed "$backend_log" || true)
curl -s --max-time 0.3 "$url/raw/late/3000" > /dev/null || true
sleep 0.3
grep -q 'late/3000' "$backend_log" || die 'the late request did not come'
for _ in $(seq 50); do [ "$(grep -c ^closed "$backend_log" || true)" -gt "$before" ] && break; sleep 0.1; done
[ "$(grep -c ^closed "$backend_log" || true)" -gt "$before" ] || die 'the backend connection of a gone client stays open'

# After 101 bytes pass both ways; other protocols than websocket are not asked for.
python3 - "$http" <<'PY'
import socket, sys, threading

def switch(protocol):
    s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=10)
    s.sendall(b"GET /raw/switch HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: " + protocol + b"\r\n\r\nearly")
    return s, s.makefile("rb")

s, f = switch(b"websocket")
head = b"".join(iter(f.readline, b"\r\n"))
assert head.startswith(b"HTTP/1.1 101 ") and b"Upgrade: websocket" in head, head
assert f.read(5) == b"early"
big = bytes(range(256)) * 20000
threading.Thread(target=s.sendall, args=(big,)).start()
assert f.read(len(big)) == big
s.shutdown(socket.SHUT_WR)
assert f.read() == b""
_, f = switch(b"h2c")
assert f.readline().startswith(b"HTTP/1.1 500 ")
PY

# Nobody listens.
kill "${pids[0]}"
wait "${pids[0]}" 2>/dev/null || true
sleep 0.2
status 500 "$url/raw/seen"
body_has '"message": "Internal server error"'
grep -q 'Connection refused' "$work/gateway.log" || die 'the log does not name the cause'
stop_gateway
