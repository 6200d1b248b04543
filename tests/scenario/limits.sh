#!/bin/bash
# Each limits.* and timeout.* takes effect, with the status that the interface names.
. "$(dirname "$0")/../tools/scenario-lib.sh"

# api NAME POLICY-OF-INBOUND [SERVICE-URL]
api() {
    local dir=$work/artifacts/apis/$1
    mkdir -p "$dir/operations/any" "$work/artifacts/gateways/on-premises-gateway/apis/$1"
    echo '{}' > "$work/artifacts/gateways/on-premises-gateway/apis/$1/gatewayApiInformation.json"
    cat > "$dir/apiInformation.json" <<JSON
{ "properties": { "displayName": "$1", "path": "$1", "protocols": ["http", "https"], "serviceUrl": "${3:-http://127.0.0.1:$onprem}", "subscriptionRequired": false } }
JSON
    for method in GET POST; do
        mkdir -p "$dir/operations/$method"
        echo "{ \"properties\": { \"displayName\": \"$method\", \"method\": \"$method\", \"urlTemplate\": \"/*\" } }" > "$dir/operations/$method/operationInformation.json"
    done
    rmdir "$dir/operations/any"
    echo "<policies><inbound><base />$2</inbound><backend><base /></backend><outbound><base /></outbound></policies>" > "$dir/policy.xml"
}
# limited SETTING=VALUE...: a gateway of its own for each limit
limited() {
    local sets=()
    for set in "$@"; do sets+=(--set "$set"); done
    gateway --set config.service.endpoint="file://$work/repo" --set telemetry.logs.std=none "${sets[@]}"
}
# raw TEXT [SECONDS]: what a plain connection answers to exactly these bytes, then waits; the first line, and how long it took
raw() {
    python3 - "$http" "$1" "${2:-10}" <<'PY'
import socket, sys, time
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
s.settimeout(float(sys.argv[3]))
began = time.monotonic()
s.sendall(sys.argv[2].encode().decode("unicode_escape").encode())
got = b""
try:
    while chunk := s.recv(4096):
        got += chunk
except (TimeoutError, ConnectionError):
    pass
took = time.monotonic() - began
print((got.split(b"\r\n")[0].decode() or "closed") + (" early" if took < 0.4 else " late" if took > 3 else " timely"))
PY
}
answers() { local got; got=$(raw "$2" "${3:-10}"); [ "$got" = "$1" ] || die "\"$2\" gave $got, wanted $1"; }

start_backends
copy_artifacts
api body '<set-variable name="b" value="@(context.Request.Body.As&lt;string&gt;(true))" />'
api work '<set-variable name="n" value="@(string.Join(&quot;,&quot;, Enumerable.Range(0, 3000).Select(i =&gt; i * 2)))" />'
api memory '<set-variable name="m" value="@(new string(&apos;x&apos;, 200000))" />'
read -r silent < <(free_ports 1)
python3 - "$silent" <<'PY' & pids+=($!)
import socket, sys, time
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind(("127.0.0.1", int(sys.argv[1]))); s.listen(64)
held = []
while True:
    c = s.accept()[0]
    c.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nab")
    held.append(c)
PY
api silent '' "http://127.0.0.1:$silent"
api slow '<retry condition="@(true)" count="1" interval="2" first-fast-retry="false"><set-variable name="x" value="1" /></retry>'
make_key
publish > /dev/null
head -c 6000 /dev/zero | tr '\0' x > "$work/6k"

limited limits.header.bytes=2k limits.header.count=5 limits.target.bytes=100
status 431 "$url/hello/you" -H "X: $(head -c 2500 "$work/6k")"
[ "$(cat "$work/body")" = '{ "statusCode": 431, "message": "Request Header Fields Too Large" }' ] || die "body of 431: $(cat "$work/body")"
status 431 "$url/hello/you" -H 'A: 1' -H 'B: 1' -H 'C: 1' -H 'D: 1'
status 414 "$url/hello/$(head -c 200 "$work/6k")"
status 200 "$url/hello/you"
stop_gateway

limited limits.body.buffered=4k
status 413 "$url/body/x" --data-binary "@$work/6k"
status 200 "$url/body/x" --data-binary hello
stop_gateway
limited limits.body.total=4k limits.body.buffered=1m
status 503 "$url/body/x" --data-binary "@$work/6k"
stop_gateway

limited limits.expression.steps=1000
status 500 "$url/work/x"
status 200 "$url/hello/you"
stop_gateway
limited limits.arena=64k
status 500 "$url/memory/x"
status 200 "http://127.0.0.1:$metrics/metrics"
grep -qx 'holdfast_arena_overflows_total 1' "$work/body" || die 'the overflow is not counted'
stop_gateway
limited
status 200 "$url/work/x"
status 200 "$url/memory/x"
stop_gateway

# One request at a time: the second waits, and after 5 s is told to come again.
limited limits.requests=1 net.server.workers=1 timeout.backend.idle=30s
curl -s -o /dev/null --max-time 12 "$url/silent/x" & pids+=($!)
sleep 0.5
status 503 "$url/hello/you"
head_has 'Retry-After: 1'
[ "$(cat "$work/body")" = '{ "statusCode": 503, "message": "Service unavailable" }' ] || die 'the body of an overload'
stop_gateway

limited timeout.head=1s timeout.body=1s timeout.idle=1s timeout.handshake=1s timeout.backend.idle=1s timeout.backend.connect=1s
answers 'closed timely' '' 5
answers 'HTTP/1.1 408 Request Timeout timely' 'GET /hello/you HT' 5
answers 'HTTP/1.1 408 Request Timeout timely' 'POST /body/x HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc' 5
answers 'HTTP/1.1 200 OK timely' 'GET /hello/you HTTP/1.1\r\nHost: a\r\n\r\n' 5
began=$(date +%s)
curl -s -o /dev/null --max-time 10 "$url/silent/x" && die 'timeout.backend.idle: a whole answer'
[ $(($(date +%s) - began)) -le 4 ] || die 'timeout.backend.idle'
python3 - "$https" <<'PY' || die 'timeout.handshake'
import socket, sys, time
s = socket.create_connection(("127.0.0.1", int(sys.argv[1]))); s.settimeout(5)
began = time.monotonic()
assert s.recv(10) == b"" and 0.5 < time.monotonic() - began < 3
PY
stop_gateway

# Connections: the one too many is closed, others go on.
limited limits.connections=3 net.server.workers=1
python3 - "$http" <<'PY' || die 'limits.connections'
import socket, sys
def one():
    s = socket.create_connection(("127.0.0.1", int(sys.argv[1]))); s.settimeout(5)
    try:
        s.sendall(b"GET /hello/you HTTP/1.1\r\nHost: a\r\n\r\n")
        return s, s.recv(4096)
    except ConnectionError:
        return s, b""
held = [one() for _ in range(6)]
answered = sum(1 for s, got in held if got.startswith(b"HTTP/1.1 200"))
assert 3 <= answered <= 6, answered
PY
status 200 "http://127.0.0.1:$metrics/metrics"
open=$(awk '/^holdfast_connections_open/ { print $2 }' "$work/body")
[ "$open" -le 3 ] || die "limits.connections: $open are open"
stop_gateway
