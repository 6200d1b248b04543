#!/bin/bash
# The first start: what is missing is said, with the setting, the value and what to do.
. "$(dirname "$0")/../tools/scenario-lib.sh"

# says CODE TEXT arguments...: serve must end with CODE and say TEXT.
says() {
    local wanted=$1 text=$2 code=0
    shift 2
    timeout 20 "$HOLDFAST" serve --cache "$work/c" --set net.server.address=127.0.0.1 --set net.server.http.port="$http" \
        --set net.server.https.port="$https" --set telemetry.metrics.prometheus.port="$metrics" --set admin.listen=none "$@" \
        > "$work/out" 2>&1 || code=$?
    [ "$code" = "$wanted" ] || { cat "$work/out"; die "$*: exit $code, wanted $wanted"; }
    grep -qF -- "$text" "$work/out" || { cat "$work/out"; die "$*: does not say: $text"; }
}

says 2 'config.service.endpoint: not set: give https://host/repo, file:///dir, or load one with `holdfast import DIR`'
says 2 'config.trust.root: needed over plain http' --set config.service.endpoint=http://127.0.0.1:1/repo
says 2 'config.service.endpoint' --set config.service.endpoint=https://x.configuration.azure-api.net
says 2 'did you mean net.server.http.port?' --set net.server.htp.port=1
says 2 'give a port, 0 to 65535' --set net.server.http.port=x
says 3 'net.server.tls.certificate.path' --set config.service.endpoint="file://$work/none" \
    --set net.server.tls.certificate.path="$work/none.crt" --set net.server.tls.privateKey.path="$work/none.key"

# No link yet: stays up, says so, answers 503.
start_backends
copy_artifacts
make_key
WAIT=live gateway --set config.service.endpoint="file://$work/repo"
status 503 "$url/hello/you"
body_has '{ "statusCode": 503, "message": "Service unavailable" }'
head_has 'Retry-After:'
status 503 "$url/status-0123456789abcdef"
status 200 "$url/status-0123456789abcdef?live=1"
"$HOLDFAST" inspect --cache "$work/cache" | grep -q '^generation.none' || die 'inspect does not say that nothing is cached'

# A second gateway on the same cache or port.
code=0
timeout 20 "$HOLDFAST" serve --cache "$work/cache" --set net.server.address=127.0.0.1 --set net.server.http.port="$https" \
    --set config.service.endpoint="file://$work/repo" > "$work/out" 2>&1 || code=$?
[ "$code" = 3 ] && grep -q "held by process $gateway" "$work/out" || { cat "$work/out"; die "a held cache: exit $code"; }
code=0
timeout 20 "$HOLDFAST" serve --cache "$work/c2" --set net.server.address=127.0.0.1 --set net.server.http.port="$http" \
    --set net.server.https.port=0 --set telemetry.metrics.prometheus.port=0 --set admin.listen=none \
    --set config.service.endpoint="file://$work/repo" > "$work/out" 2>&1 || code=$?
[ "$code" = 3 ] && grep -q "net.server.http.port.*$http" "$work/out" || { cat "$work/out"; die "a taken port: exit $code"; }

# The repository appears: served without a restart.
publish > /dev/null
for _ in $(seq 100); do curl -fs -o /dev/null "$url/hello/you" && break; sleep 0.2; done
status 200 "$url/hello/you"
stop_gateway

# An id that the repository does not know.
WAIT=live gateway --set config.service.endpoint="file://$work/repo" --set gateway.id=pod-7f9 --cache "$work/c3"
for _ in $(seq 50); do grep -q 'pod-7f9: not in this repository (known: on-premises-gateway)' "$work/gateway.log" && break; sleep 0.1; done
grep -q 'gateway.id: pod-7f9: not in this repository (known: on-premises-gateway)' "$work/gateway.log" || die 'an unknown gateway id is not named'
status 503 "$url/hello/you"
stop_gateway
