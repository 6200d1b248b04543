#!/bin/bash
# The thread through everything: publish, sync, serve; routing, key, policies, TLS, metrics, probe, inspect.
. "$(dirname "$0")/../tools/scenario-lib.sh"

start_backends
copy_artifacts
make_key
publish | grep -q 'published generation 1'
publish | grep -q unchanged
gateway --set config.service.endpoint="file://$work/repo"

status 200 "$url/hello/you"
body_has 'Hello, you.'
body_has 'on-premises-gateway'
head_has 'Content-Type: text/plain'

status 200 "$url/routing/get"
body_has '"backend":"on-prem-api"'
head_has 'X-Served-By: Holdfast'
status 200 "$url/routing/anything/x%2Fy"
body_has '/anything/x%2Fy?gateway=holdfast'

status 401 "$url/echo/items"
body_has '{ "statusCode": 401, "message": "Access denied due to missing subscription key. Make sure to include subscription key when making requests to an API." }'
[ "$(stat -c %s "$work/body")" = 152 ] || die 'the 401 body has not 152 bytes'
head_has 'HTTP/1.1 401 Access Denied'
head_has "WWW-Authenticate: AzureApiManagementKey realm=\"http://127.0.0.1:$http/echo\",name=\"Ocp-Apim-Subscription-Key\",type=\"header\""
status 401 "$url/echo/items" -H 'Ocp-Apim-Subscription-Key: wrong'
[ "$(stat -c %s "$work/body")" = 143 ] || die 'the 401 body has not 143 bytes'

status 200 "$url/echo/items?a=1&b=%20" -H 'Ocp-Apim-Subscription-Key: demo-key'
body_has '"uri":"/items?a=1&b=%20"'
body_has '"x-gateway":"on-premises-gateway (On-Premises Data Center)"'
body_has '"key":""'
head_lacks 'Server:'
head_has 'X-Calls-Left: 99'
status 200 "$url/echo/items?subscription-key=demo-key"
status 200 "$url/echo/items" -X POST -d 'some body' -H 'Ocp-Apim-Subscription-Key: demo-key'
body_has '"method":"POST"'
status 200 -I "$url/echo/items" -H 'Ocp-Apim-Subscription-Key: demo-key'

status 404 "$url/nothing"
body_has '{ "statusCode": 404, "message": "Resource not found" }'
head_has 'HTTP/1.1 404 Resource Not Found'
status 404 "$url/echo/items" -X PATCH -H 'Ocp-Apim-Subscription-Key: demo-key'

status 200 -k "https://127.0.0.1:$https/echo/items" -H 'Ocp-Apim-Subscription-Key: demo-key'
body_has '"backend":"on-prem-api"'

status 200 "http://127.0.0.1:$metrics/metrics"
grep -q 'gateway_requests_total{api="echo",operation="get",method="GET",status_code="200"} ' "$work/body" || die 'no series for echo'
grep -q 'gateway_requests_total{api="",operation="",method="GET",status_code="404"} 1' "$work/body" || die 'no series for the 404'
grep -q '^gateway_request_duration_seconds_count{api="echo"}' "$work/body" || die 'no histogram'
grep -q '^configuration_sync_total{result="updated"} 1' "$work/body" || die 'no sync counter'

"$HOLDFAST" inspect --cache "$work/cache" | grep -q '^generation.1 ' || die 'inspect does not say generation 1'
"$HOLDFAST" inspect apis --cache "$work/cache" --json | python3 -c 'import json,sys; assert [a["id"] for a in sorted(json.load(sys.stdin), key=lambda a: a["id"])] == ["echo","hello","routing"]'
"$HOLDFAST" verify --cache "$work/cache" | grep -qx 'ok generation 1' || die 'verify does not say ok'
"$HOLDFAST" health --set net.server.http.port="$http" > /dev/null || die 'health says no'
stop_gateway
! "$HOLDFAST" health --set net.server.http.port="$http" > /dev/null 2>&1 || die 'health says yes without a gateway'
