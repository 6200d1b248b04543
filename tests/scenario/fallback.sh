#!/bin/bash
# A cached generation that does not compile at a start gives way to the last known good one, and is tried again at the next start.
. "$(dirname "$0")/../tools/scenario-lib.sh"

# start ID: without a link, as gateway ID.
start() { WAIT=${2:-ready} gateway --set config.service.endpoint="file://$work/gone" --set gateway.id="$1"; }

start_backends
copy_artifacts
make_key
mv "$work/artifacts/gateways" "$work/gateways"
publish > /dev/null
"$HOLDFAST" import "$work/repo" --cache "$work/cache" > /dev/null
# The second generation is for one gateway only: for others it does not compile.
mv "$work/gateways" "$work/artifacts/gateways"
sed -i 's/"value": .*/"value": "Second"/' "$work/artifacts/named values/greeting/namedValueInformation.json"
publish > /dev/null
"$HOLDFAST" import "$work/repo" --cache "$work/cache" --set gateway.id=on-premises-gateway | grep -q '"to":2' || die 'no second generation'

for _ in 1 2; do
    : > "$work/gateway.log"
    start pod-7f9
    status 200 "$url/hello/you"
    body_has 'Hello, you'
    grep -q 'ConfigurationRefused.*generation 2: gateway.id: pod-7f9: not in this repository' "$work/gateway.log" || die 'the log does not say why'
    grep -q 'ConfigurationFallback.*generation 1 is served instead' "$work/gateway.log" || die 'the log does not say what is served'
    "$HOLDFAST" inspect --cache "$work/cache" > "$work/status"
    grep -q '^gateway.generation.1$' "$work/status" || { cat "$work/status"; die 'status: generation'; }
    grep -q '^gateway.refused.generation 2: gateway.id: pod-7f9' "$work/status" || { cat "$work/status"; die 'status: refused'; }
    stop_gateway
    "$HOLDFAST" inspect --cache "$work/cache" | grep -q '^refused.generation 2: gateway.id: pod-7f9' || die 'status without a gateway'
done

# With the setting mended it is served, and nothing is refused any more.
start on-premises-gateway
status 200 "$url/hello/you"
body_has 'Second, you'
"$HOLDFAST" inspect --cache "$work/cache" | grep -q '^refused' && die 'still refused'
stop_gateway
