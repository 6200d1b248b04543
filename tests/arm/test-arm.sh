#!/bin/bash
# The cross built binaries work: each publishes the demo, serves it and proxies a request, all under
# qemu-user, on a machine of another architecture. Ends with "N passed, N failed".
set -u
cd "$(dirname "$0")/../.." || exit 1

work=$(mktemp -d)
backend= gateway=
stop() { [ -n "$1" ] && kill "$1" 2>/dev/null && wait "$1" 2>/dev/null; }
trap 'stop "$gateway"; stop "$backend"; rm -rf "$work"' EXIT

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

start_backend() {
    python3 - "$1" >/dev/null 2>&1 <<'PY' &
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        body = f"backend saw {self.path} from {self.headers['X-Gateway']}\n".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
PY
    backend=$!
}

# proxied NAME EMULATOR BINARY: what the client sees of one request through that gateway.
proxied() {
    local name=$1 emulator=$2 binary=$3 port dir=$work/$1 i
    port=$(free_port)
    mkdir "$dir"
    printf 'apis:\n  - name: echo\n    properties:\n      serviceUrl: http://127.0.0.1:%s\n' "$backend_port" >"$dir/overrides.yaml"
    "$emulator" "$binary" keygen --out "$dir/key" &&
    "$emulator" "$binary" publish tests/demo/artifacts --repo "$dir/repo" --key "$dir/key" \
        --overrides tests/demo/overrides.yaml --overrides "$dir/overrides.yaml" || return
    "$emulator" "$binary" serve --cache "$dir/cache" --set "config.service.endpoint=file://$dir/repo" \
        --set net.server.address=127.0.0.1 --set "net.server.http.port=$port" --set net.server.https.port=0 \
        --set telemetry.metrics.prometheus.port=0 --set admin.listen=none >"$dir/log" 2>&1 &
    gateway=$!
    for i in $(seq 100); do
        curl -fs -o /dev/null "http://127.0.0.1:$port/status-0123456789abcdef" && break
        kill -0 $gateway 2>/dev/null || break
        sleep 0.2
    done
    curl -s -i --max-time 20 -H 'Ocp-Apim-Subscription-Key: demo-key' "http://127.0.0.1:$port/echo/from-$name"
    stop $gateway
    gateway=
}

passed=0 failed=0
backend_port=$(free_port)
start_backend "$backend_port"
for target in arm64:qemu-aarch64-static armhf:qemu-arm-static; do
    name=${target%%:*}
    proxied "$name" "${target##*:}" "build/$name/holdfast" >"$work/$name.answer" 2>&1
    if grep -q "backend saw /from-$name" "$work/$name.answer" && grep -qi '^X-Served-By: Holdfast' "$work/$name.answer"
    then passed=$((passed + 1)); echo "ok $name"
    else
        failed=$((failed + 1)); echo "FAIL $name"
        cat "$work/$name.answer" "$work/$name/log" 2>/dev/null | sed 's/^/    /'
    fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
