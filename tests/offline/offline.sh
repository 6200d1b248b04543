#!/bin/bash
# The main job: publish, sync, cut the source, restart, serve, come back, update. Nothing is lost and nobody sees an error.
. "$(dirname "$0")/../tools/scenario-lib.sh"

start_backends
copy_artifacts
make_key
publish > /dev/null
gateway --set config.service.endpoint="file://$work/repo"
status 200 "$url/hello/you"
body_has 'Hello, you.'

# The source is gone; the gateway is restarted without it, once in order and once by force.
mv "$work/repo" "$work/away"
sleep 1.5
status 200 "$url/hello/you"
stop_gateway
gateway --set config.service.endpoint="file://$work/repo"
status 200 "$url/hello/you"
status 200 "$url/echo/items" -H 'Ocp-Apim-Subscription-Key: demo-key'
kill -9 "$gateway"
wait "$gateway" 2>/dev/null || true
gateway --set config.service.endpoint="file://$work/repo"
status 200 "$url/echo/items" -H 'Ocp-Apim-Subscription-Key: demo-key'
"$HOLDFAST" inspect --cache "$work/cache" | grep -q 'offline' || die 'inspect does not say that the source is offline'

# It comes back with something new.
mv "$work/away" "$work/repo"
sed -i 's/"Hello"/"Good day"/' "$work/artifacts/named values/greeting/namedValueInformation.json"
publish | grep -q 'published generation 2'
for _ in $(seq 100); do
    curl -s "$url/hello/you" | grep -q '^Good day, you' && break
    sleep 0.2
done
status 200 "$url/hello/you"
body_has 'Good day, you.'

# A generation that does not compile is refused by publish, and one signed by another key by the gateway.
echo '<policies><inbound><set-haeder name="X" /></inbound></policies>' > "$work/artifacts/apis/echo/policy.xml"
if publish 2> "$work/error"; then die 'a broken policy was published'; fi
grep -q 'apis/echo/policy.xml:1:[0-9]*: .*set-haeder' "$work/error" || { cat "$work/error"; die 'the error does not name the place'; }
rm -r "$work/artifacts"; copy_artifacts
"$HOLDFAST" keygen --out "$work/other.key" > /dev/null
rm -r "$work/repo"
"$HOLDFAST" publish "$work/artifacts" --overrides "$here/demo/overrides.yaml" --repo "$work/repo" --key "$work/other.key" > /dev/null
code=0
"$HOLDFAST" sync --once --cache "$work/cache" --set config.service.endpoint="file://$work/repo" > "$work/sync.json" 2>&1 || code=$?
[ "$code" = 1 ] || { cat "$work/sync.json"; die "sync of a foreign root ended with $code, wanted 1"; }
grep -q '"result":"rejected"' "$work/sync.json" || die 'not rejected'
status 200 "$url/hello/you"
body_has 'Good day, you.'
stop_gateway
