#!/bin/bash
# CORS over HTTP: preflights and plain requests, matched and not, and what a browser needs to read a refusal.
. "$(dirname "$0")/../tools/policy-lib.sh"

make_api
keyed=$work/artifacts/apis/keyed
mkdir -p "$keyed/operations/get"
echo '{ "properties": { "path": "keyed", "protocols": ["http"], "subscriptionRequired": true } }' > "$keyed/apiInformation.json"
echo '{ "properties": { "method": "GET", "urlTemplate": "/" } }' > "$keyed/operations/get/operationInformation.json"
mkdir -p "$work/artifacts/policy fragments/browsers"
cat > "$work/artifacts/policy fragments/browsers/policy.xml" <<'XML'
<fragment><cors allow-credentials="true"><allowed-origins><origin>https://app.example/</origin><origin>http://localhost:3000</origin></allowed-origins>
<allowed-methods preflight-result-max-age="300"><method>GET</method><method>PUT</method></allowed-methods>
<allowed-headers><header>x-a</header><header>content-type</header></allowed-headers>
<expose-headers><header>x-total</header><header>y</header></expose-headers></cors></fragment>
XML
include='<include-fragment fragment-id="browsers" />'
echo "<policies><inbound>$include<base /></inbound></policies>" > "$keyed/policy.xml"
operation get GET '/strict/*' <<< "$include"
operation put PUT '/strict/*' <<< "$include"
any='<allowed-origins><origin>*</origin></allowed-origins>'
operation any GET '/any/*' <<< "<cors>$any<allowed-methods><method>*</method></allowed-methods><allowed-headers><header>*</header></allowed-headers></cors>"
operation lax GET '/lax/*' <<< "<cors terminate-unmatched-request='false'><allowed-origins><origin>https://app.example</origin></allowed-origins></cors>"
operation own-get GET '/own/*' <<< "$include"
operation own-options OPTIONS '/own/*' <<< '<return-response><set-status code="204" reason="No Content" /></return-response>'
serve_policies

good='Origin: https://app.example'
bad='Origin: https://evil.example'
preflight() { status 200 -X OPTIONS "$@"; [ ! -s "$work/body" ] || die 'a preflight with a body'; }

# Preflights: whole answer, and everything that does not match.
preflight "$url/p/strict/x" -H "$good" -H 'Access-Control-Request-Method: PUT' -H 'Access-Control-Request-Headers: X-A, Content-Type'
head_has 'Access-Control-Allow-Origin: https://app.example'
head_has 'Access-Control-Allow-Methods: GET,PUT'
head_has 'Access-Control-Allow-Headers: x-a,content-type'
head_has 'Access-Control-Max-Age: 300'
head_has 'Access-Control-Allow-Credentials: true'
head_has 'Vary: Origin'
head_has 'Content-Length: 0'
for headers in "$bad" 'Origin: https://app.example:8443' 'Origin: http://app.example'; do
    preflight "$url/p/strict/x" -H "$headers" -H 'Access-Control-Request-Method: GET'
    head_lacks 'Access-Control-'
done
preflight "$url/p/strict/x" -H "$good" -H 'Access-Control-Request-Method: GET' -H 'Access-Control-Request-Headers: x-b'
head_lacks 'Access-Control-'
status 404 -X OPTIONS "$url/p/strict/x" -H "$good" -H 'Access-Control-Request-Method: DELETE'
status 404 -X OPTIONS "$url/p/strict/x" -H "$good"
status 404 -X OPTIONS "$url/p/strict/x"
preflight "$url/p/any/x" -H "$bad" -H 'Access-Control-Request-Method: GET' -H 'Access-Control-Request-Headers: x-q'
head_has 'Access-Control-Allow-Origin: *'
head_has 'Access-Control-Allow-Headers: x-q'
head_lacks 'Access-Control-Allow-Credentials'
preflight "$url/keyed/" -H "$good" -H 'Access-Control-Request-Method: GET' # no key is asked for
head_has 'Access-Control-Allow-Origin: https://app.example'
[ "$(backend_calls)" = 0 ] || die 'a preflight reached the backend'
status 204 -X OPTIONS "$url/p/own/x" -H "$good" -H 'Access-Control-Request-Method: GET' # an operation of its own answers

# Plain requests.
status 200 "$url/p/strict/seen" -H "$good"
head_has 'Access-Control-Allow-Origin: https://app.example'
head_has 'Access-Control-Allow-Credentials: true'
head_has 'Access-Control-Expose-Headers: x-total,y'
body_has 'GET /base/strict/seen'
status 200 "$url/p/strict/seen"
head_lacks 'Access-Control-'
head_has 'Vary: Origin'
status 200 "$url/p/strict/seen" -H "Origin: $url" # same origin
body_has 'GET /base/strict/seen'
calls=$(backend_calls)
status 200 "$url/p/strict/seen" -H "$bad"
body_is ''
head_lacks 'Access-Control-'
[ "$(backend_calls)" = "$calls" ] || die 'an unmatched GET reached the backend'
status 200 -X PUT "$url/p/strict/seen" -H "$bad"
body_has 'PUT /base/strict/seen'
status 200 "$url/p/lax/seen" -H "$bad"
body_has 'GET /base/lax/seen'
head_lacks 'Access-Control-'

# Refused before policies run.
status 401 "$url/keyed/" -H "$good"
head_has 'Access-Control-Allow-Origin: https://app.example'
head_has 'Vary: Origin'
status 401 "$url/keyed/" -H "$bad"
head_lacks 'Access-Control-'
status 404 "$url/keyed/nothing" -H "$good"
head_has 'Access-Control-Allow-Origin: https://app.example'
stop_gateway
