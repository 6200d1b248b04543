#!/bin/bash
# Programs are swapped under load without a failed request.
. "$(dirname "$0")/../tools/scenario-lib.sh"

start_backends
copy_artifacts
make_key
publish > /dev/null
gateway --set config.service.endpoint="file://$work/repo" --set config.service.refreshInterval=1h --set telemetry.logs.std=none
wrk -t1 -c16 -d8s "$url/routing/get" > "$work/wrk.out" & load=$!
for i in 1 2 3 4 5 6; do
    sleep 1
    sed -i "s/\"value\": .*/\"value\": \"Greeting $i\"/" "$work/artifacts/named values/greeting/namedValueInformation.json"
    publish > /dev/null
    "$HOLDFAST" sync --once --cache "$work/cache" | grep -q '"result":"updated"' || die "swap $i did not happen"
done
wait "$load"
grep -Eq 'Non-2xx|Socket errors' "$work/wrk.out" && { cat "$work/wrk.out"; die 'requests failed while programs were swapped'; }
status 200 "$url/hello/you"
body_has 'Greeting 6, you'
stop_gateway
