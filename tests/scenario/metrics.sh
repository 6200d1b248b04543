#!/bin/bash
# /metrics and the request log: names, labels, series from the start; the probe with ?ready=1 asks the listed backends.
. "$(dirname "$0")/../tools/scenario-lib.sh"

scrape() { status 200 "http://127.0.0.1:$metrics/metrics"; }
has() { grep -qxF -- "$1" "$work/body" || { cat "$work/body"; die "no line $1"; }; }

start_backends
copy_artifacts
make_key
publish > /dev/null
gateway --set config.service.endpoint="file://$work/repo" --set telemetry.logs.std=json --set health.backends=on-prem-api,cloud-api
scrape
head_has 'Content-Type: text/plain; version=0.0.4'
has 'gateway_requests_total{api="",operation="",method="",status_code="500"} 0'
for result in updated current offline rejected; do grep -q "^configuration_sync_total{result=\"$result\"} " "$work/body" || die "sync $result"; done
for reason in connect tls auth http portal signature digest invalid store; do has "configuration_sync_errors_total{reason=\"$reason\"} 0"; done
for name in holdfast_cache_generation holdfast_staleness_seconds holdfast_sync_bytes_total holdfast_sync_resumed_total \
    holdfast_arena_overflows_total holdfast_connections_open holdfast_connections_parked holdfast_fibers holdfast_store_writes_total \
    process_cpu_seconds_total process_resident_memory_bytes process_virtual_memory_bytes process_open_fds process_max_fds \
    process_start_time_seconds; do
    grep -Eq "^$name [0-9.]+$" "$work/body" || die "no $name"
    [ "$(grep -c "^# TYPE $name " "$work/body")" = 1 ] || die "no type of $name"
done

key='Ocp-Apim-Subscription-Key: demo-key'
status 200 "$url/echo/items" -H "$key"
status 200 "$url/echo/items" -H "$key"
status 200 "$url/echo/items?a=1&subscription-key=demo-key"
status 401 "$url/echo/items?Subscription%2Dkey=demo-kez"
status 404 "$url/nowhere?x=1" -X PURGE
status 404 "$url/nowhere" -X BREW
status 404 http://127.0.0.1:"$metrics"/echo
scrape
has 'gateway_requests_total{api="echo",operation="get",method="GET",status_code="200"} 3'
has 'gateway_requests_total{api="",operation="",method="other",status_code="404"} 2'
has 'gateway_request_duration_seconds_count{api="echo"} 4'
has 'gateway_backend_duration_seconds_count{api="echo"} 3'
has 'gateway_request_duration_seconds_bucket{api="echo",le="+Inf"} 4'
[ "$(grep -c '^gateway_request_duration_seconds_bucket{api="echo"' "$work/body")" = 15 ] || die 'the default buckets'
for le in 0.0005 0.001 0.0025 0.005 0.01 0.025 0.05 0.1 0.25 0.5 1 2.5 5 10; do
    grep -q "^gateway_request_duration_seconds_bucket{api=\"echo\",le=\"$le\"} " "$work/body" || die "no bucket $le"
done
grep -q '^gateway_request_duration_seconds_sum{api="echo"} 0\.000000' "$work/body" && die 'requests take no time'

# The log: JSON with the original's names.
sleep 0.3
python3 - "$work/gateway.log" "$http" <<'PY' || die 'the request log'
import json, re, sys
lines = [json.loads(l) for l in open(sys.argv[1]) if l.startswith("{")]
got = [l for l in lines if l["eventType"] == "GatewayLogs"]
ok, missing = [l for l in got if l.get("apiId") == "echo"][0], [l for l in got if l["method"] == "PURGE"][0]
assert ok["level"] == "Info" and ok["isRequestSuccess"] is True and ok["responseCode"] == 200 and ok["backendResponseCode"] == 200, ok
assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z", ok["timestamp"]), ok
assert ok["url"] == f"http://127.0.0.1:{sys.argv[2]}/echo/items" and ok["operationId"] == "get" and ok["subscriptionId"] == "demo", ok
assert ok["productId"] == "starter" and ok["callerIpAddress"] == "127.0.0.1" and ok["cache"] == "none" and ok["category"] == "GatewayLogs", ok
keyed = [l for l in got if "ubscription" in l["url"]]
assert [l["url"].split("?")[1] for l in keyed] == ["a=1&subscription-key=***", "Subscription%2Dkey=***"], keyed
assert keyed[0]["backendUrl"].endswith("/items?a=1&subscription-key=***"), keyed
assert "demo-ke" not in json.dumps(got), "a key in the log"
assert missing["lastError"]["reason"] == "OperationNotFound" and missing["lastError"]["source"] == "configuration", missing
assert missing["url"].endswith("/nowhere?x=1") and missing["isRequestSuccess"] is False, missing
PY

# Ready: backends can be connected to, or the first that cannot is named.
probe=$url/status-0123456789abcdef
status 200 "$probe?ready=1"
kill "${pids[0]}"
wait "${pids[0]}" || true
for _ in $(seq 50); do [ "$(curl -s -o /dev/null -w '%{http_code}' "$probe?ready=1")" = 503 ] && break; sleep 0.1; done
status 503 "$probe?ready=1"
python3 -c 'import json,sys; d=json.load(open(sys.argv[1])); assert d["reason"].startswith("backend on-prem-api: 127.0.0.1:"), d' "$work/body" || die 'no reason'
status 200 "$probe"
health() { "$HOLDFAST" health "$@" --set net.server.http.port="$http" --set net.server.address=127.0.0.1 > /dev/null 2>&1; }
health || die 'health'
health --live || die 'health --live'
health --ready && die 'health --ready'
stop_gateway
health && die 'health without a gateway'

# Buckets of the original's setting; a drain is told by the probe.
gateway --set config.service.endpoint="file://$work/repo" --set observability.opentelemetry.histogram.buckets=5,10,25.5 --set net.server.drain.delay=2s
status 200 "$url/hello/you"
scrape
for le in 0.005 0.01 0.0255 +Inf; do grep -q "^gateway_request_duration_seconds_bucket{api=\"hello\",le=\"$le\"} " "$work/body" || die "no bucket $le"; done
[ "$(grep -c '^gateway_request_duration_seconds_bucket{api="hello"' "$work/body")" = 4 ] || die 'other buckets'
grep -Eq '^\[Info\] [0-9-]+T[0-9:]+\.[0-9]{3} \[GatewayLogs\], isRequestSuccess: True, totalTime: [0-9]+, category: GatewayLogs, callerIpAddress: 127.0.0.1, timeGenerated: ' \
    "$work/gateway.log" || die 'the text form'
kill "$gateway"
for _ in $(seq 20); do [ "$(curl -s -o "$work/body" -w '%{http_code}' "$probe")" = 503 ] && break; sleep 0.1; done
body_has '"reason": "draining"'
status 200 "$probe?live=1"
status 200 "$url/hello/you"
wait "$gateway" || die "the gateway ended with $?"

# Without a port for http health asks over the control socket of the cache.
"$HOLDFAST" serve --cache "$work/cache" --set net.server.address=127.0.0.1 --set net.server.http.port=0 --set net.server.https.port="$https" \
    --set telemetry.metrics.prometheus.port=0 --set admin.listen=none >> "$work/gateway.log" 2>&1 & gateway=$!
pids+=($gateway)
without() { "$HOLDFAST" health "$@" --cache "$work/cache" --set net.server.http.port=0 > "$work/out" 2>&1; }
for _ in $(seq 50); do without && break; sleep 0.1; done
without || { cat "$work/out"; die 'health over the control socket'; }
grep -qx '{ "status": "ok" }' "$work/out" || { cat "$work/out"; die 'its answer'; }
without --live || die 'health --live over the control socket'
stop_gateway
without && die 'health without a gateway'
true
