#!/bin/bash
# A quota is exact, and survives a restart and a kill.
. "$(dirname "$0")/../tools/scenario-lib.sh"

mkdir -p "$work/artifacts/apis/a/operations/get"
echo '{"properties":{"path":"a","protocols":["http"],"subscriptionRequired":false}}' > "$work/artifacts/apis/a/apiInformation.json"
echo '{"properties":{"method":"GET","urlTemplate":"/"}}' > "$work/artifacts/apis/a/operations/get/operationInformation.json"
cat > "$work/artifacts/apis/a/policy.xml" <<'XML'
<policies><inbound><base />
  <quota-by-key calls="10" renewal-period="31536000" counter-key="@(context.Request.IpAddress)" />
  <return-response><set-status code="204" reason="No Content" /></return-response>
</inbound></policies>
XML
mkdir -p "$work/artifacts/apis/a/operations/large"
echo '{"properties":{"method":"GET","urlTemplate":"/large"}}' > "$work/artifacts/apis/a/operations/large/operationInformation.json"
cat > "$work/artifacts/apis/a/operations/large/policy.xml" <<'XML'
<policies><inbound>
  <quota-by-key bandwidth="9" renewal-period="31536000" counter-key="large" />
  <return-response><set-body>@(new string('x', 5000))</set-body></return-response>
</inbound></policies>
XML
make_key
"$HOLDFAST" publish "$work/artifacts" --repo "$work/repo" --key "$work/site.key" -q
gateway --set config.service.endpoint="file://$work/repo"
for _ in 1 2 3 4; do status 204 "$url/a/"; done
stop_gateway
gateway --set config.service.endpoint="file://$work/repo"
for _ in 1 2 3; do status 204 "$url/a/"; done
sleep 2.5 # at most a second until it is written
kill -9 "$gateway"
wait "$gateway" 2>/dev/null || true
gateway --set config.service.endpoint="file://$work/repo"
for _ in 1 2 3; do status 204 "$url/a/"; done
status 403 "$url/a/"
head_has 'HTTP/1.1 403 Quota Exceeded'
head_has 'Retry-After:'
body_has '{ "statusCode": 403, "message": "Out of call volume quota. Quota will be replenished in '

# Bandwidth is what went over the wire, answers with it: nine kilobytes are two answers of 5000 bytes.
status 200 "$url/a/large"
status 200 "$url/a/large"
status 403 "$url/a/large"
body_has 'Out of bandwidth quota. Quota will be replenished in '
stop_gateway
