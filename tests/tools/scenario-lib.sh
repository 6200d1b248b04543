# Shared by the scenarios: a work folder, free ports, a repository, backends, a gateway; everything ends with the script.
# Not a test itself. Use: . "$(dirname "$0")/../tools/scenario-lib.sh"
set -euo pipefail
: "${HOLDFAST:?the binary under test}"
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
work=$(mktemp -d)
pids=()

finish() {
    local code=$?
    trap - EXIT
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
    if [ "$code" -ne 0 ]; then
        for log in "$work"/*.log; do [ -s "$log" ] && { echo "== $log"; tail -n 60 "$log"; }; done
    fi
    rm -rf "$work"
    exit "$code"
}
trap finish EXIT

die() { echo "FAILED: $*"; exit 1; }

# Numbers of free TCP ports, one a line.
free_ports() {
    python3 - "$1" <<'PY'
import socket, sys
held = []
for _ in range(int(sys.argv[1])):
    s = socket.socket(); s.bind(("127.0.0.1", 0)); held.append(s)
for s in held: print(s.getsockname()[1])
PY
}
{ read -r http; read -r https; read -r metrics; read -r onprem; read -r cloud; } < <(free_ports 5)
url=http://127.0.0.1:$http

# Somebody listens there.
await_port() {
    for _ in $(seq 100); do
        (exec 3<> "/dev/tcp/127.0.0.1/$1") 2> /dev/null && return
        sleep 0.05
    done
    die "nobody listens on port $1"
}

start_backends() {
    sed -e "s|@DIR@|$work|" -e "s|@ONPREM@|$onprem|" -e "s|@CLOUD@|$cloud|" "$here/demo/nginx.conf.in" > "$work/nginx.conf"
    nginx -p "$work" -e "$work/nginx-error.log" -c "$work/nginx.conf" > "$work/nginx.log" 2>&1 & pids+=($!)
    await_port "$onprem"
    await_port "$cloud"
}

# A copy of the demo artifacts with this run's ports, in $work/artifacts.
copy_artifacts() {
    cp -r "$here/demo/artifacts" "$work/artifacts"
    find "$work/artifacts" -name '*.json' -exec sed -i -e "s/18080/$onprem/" -e "s/18081/$cloud/" {} +
}

make_key() { "$HOLDFAST" keygen --out "$work/site.key" > /dev/null; }

publish() { "$HOLDFAST" publish "$work/artifacts" --overrides "$here/demo/overrides.yaml" --repo "$work/repo" --key "$work/site.key" "$@"; }

# gateway [settings...]: start one and wait for its probe (or, with WAIT=live, for an answer of any kind). Its pid is $gateway.
gateway() {
    "$HOLDFAST" serve --cache "$work/cache" --set gateway.id=on-premises-gateway --set net.server.address=127.0.0.1 \
        --set net.server.http.port="$http" --set net.server.https.port="$https" --set telemetry.metrics.prometheus.port="$metrics" \
        --set admin.listen=none --set config.service.refreshInterval=1s "$@" >> "$work/gateway.log" 2>&1 &
    gateway=$!
    pids+=($gateway)
    for _ in $(seq 300); do
        if [ "${WAIT:-ready}" = live ]; then
            curl -s -o /dev/null "$url/status-0123456789abcdef?live=1" && return
        else
            curl -fs -o /dev/null "$url/status-0123456789abcdef" && return
        fi
        kill -0 "$gateway" 2>/dev/null || die "the gateway ended"
        sleep 0.1
    done
    die "the gateway is not ready"
}

stop_gateway() { kill "$gateway"; wait "$gateway" || die "the gateway ended with $?"; }

# status CODE curl-arguments...: the answer's status must be CODE; its body is in $work/body, its head in $work/head.
status() {
    local wanted=$1 got
    shift
    got=$(curl -s -o "$work/body" -D "$work/head" -w '%{http_code}' --max-time 20 "$@") || true
    [ "$got" = "$wanted" ] || { cat "$work/head" "$work/body" 2>/dev/null; die "$* gave $got, wanted $wanted"; }
}

body_has() { grep -qF -- "$1" "$work/body" || { cat "$work/body"; die "body lacks: $1"; }; }
head_has() { grep -qiF -- "$1" "$work/head" || { cat "$work/head"; die "head lacks: $1"; }; }
head_lacks() { ! grep -qiF -- "$1" "$work/head" || { cat "$work/head"; die "head has: $1"; }; }
