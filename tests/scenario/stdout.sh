#!/bin/bash
# A reader of stdout that has stopped does not stop traffic.
. "$(dirname "$0")/../tools/scenario-lib.sh"

start_backends
copy_artifacts
make_key
publish > /dev/null
mkfifo "$work/pipe"
sleep 1000 < "$work/pipe" & pids+=($!)      # holds the pipe open and never reads
"$HOLDFAST" serve --cache "$work/cache" --set gateway.id=on-premises-gateway --set net.server.address=127.0.0.1 \
    --set net.server.http.port="$http" --set net.server.https.port=0 --set telemetry.metrics.prometheus.port="$metrics" \
    --set admin.listen=none --set config.service.endpoint="file://$work/repo" > "$work/pipe" 2> "$work/gateway.log" & gateway=$!
pids+=($gateway)
for _ in $(seq 100); do curl -fs -o /dev/null "$url/status-0123456789abcdef" && break; sleep 0.1; done
wrk -t1 -c8 -d3s "$url/hello/you" > "$work/wrk.out"
requests=$(awk '/requests in/ { print $1 }' "$work/wrk.out")
[ "$requests" -gt 2000 ] || { cat "$work/wrk.out"; die "only $requests requests with a stopped log reader"; }
grep -Eq 'Non-2xx|Socket errors' "$work/wrk.out" && { cat "$work/wrk.out"; die 'requests failed'; }
status 200 "http://127.0.0.1:$metrics/metrics"
awk '/^holdfast_log_lines_dropped_total/ { exit !($2 > 0) }' "$work/body" || die 'no line was counted as dropped'
kill -9 "$gateway"
