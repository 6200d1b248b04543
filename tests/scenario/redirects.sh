#!/bin/bash
# forward-request follow-redirects="true", and the credentials of a backend: on each call, never left behind.
. "$(dirname "$0")/../tools/forward-lib.sh"

make_raw_api
mkdir -p "$work/artifacts/backends/keyed"
cat > "$work/artifacts/backends/keyed/backendInformation.json" <<JSON
{ "properties": { "url": "http://127.0.0.1:$onprem/keyed", "protocol": "http", "credentials": {
  "header": { "X-Key": ["one", "two"] }, "query": { "code": ["a b", "c"] }, "authorization": { "scheme": "Token", "parameter": "t" } } } }
JSON
for method in GET POST PUT; do
    operation "follow-${method,,}" $method '/follow/*'
    operation_policy "follow-${method,,}" <<< '<forward-request follow-redirects="true" />'
done
operation again POST '/again/*'
operation_policy again <<< '<forward-request follow-redirects="true" buffer-request-body="true" />'
keyed='<inbound><base /><set-backend-service backend-id="keyed" /></inbound>'
operation keyed GET '/keyed/*'
cat > "$raw/operations/keyed/policy.xml" <<XML
<policies>$keyed<backend><retry condition="@(context.Response.StatusCode &lt; 400)" count="1" interval="0">
<forward-request follow-redirects="true" /></retry></backend></policies>
XML
operation moves GET '/moves/*'
cat > "$raw/operations/moves/policy.xml" <<XML
<policies>$keyed<backend><forward-request />
<set-backend-service base-url="http://127.0.0.1:$onprem/plain" /><forward-request /></backend></policies>
XML
make_key
publish --allow-plain-secrets > /dev/null
start_raw_backend
gateway --set config.service.endpoint="file://$work/repo"

# Without the attribute a redirect goes to the client; with it the answer behind does.
status 302 "$url/raw/redirect/302?to=/seen"
head_has 'Location: /seen'
for to in /base/seen seen ../redirect/seen "http://127.0.0.1:$onprem/base/seen" "//127.0.0.1:$onprem/seen" "//localhost:$onprem/seen"; do
    status 200 "$url/raw/follow/redirect/302?to=$to"
    body_has '/seen HTTP/1.1'
    head_lacks 'Location:'
done
status 200 "$url/raw/follow/redirect/308?to=/redirect/301%3Fto%3D/seen%253Fx%253D1"
body_has 'GET /seen?x=1 HTTP/1.1'
for to in ftp://x/ javascript:x http:///x "$(printf 'http://127.0.0.1:%s/a%%20b"' "$onprem")" ''; do
    status 302 -G "$url/raw/follow/redirect/302" --data-urlencode "to= $to"
done
# Eleven in a row: the last one is the answer.
: > "$backend_log"
loop=$(python3 -c 'from urllib.parse import quote
t = "/seen"
for _ in range(11): t = "/redirect/302?to=" + quote(t, safe="")
print(t)')
status 302 "$url/raw/follow$loop"
[ "$(grep -c '/redirect/302' "$backend_log")" -ge 11 ] || die 'not followed ten times'

# Methods and bodies (RFC 9110 15.4).
status 200 "$url/raw/follow/redirect/302?to=/seen" -d body
body_has 'GET /seen HTTP/1.1'
! grep -qi '^content-' "$work/body" || die 'a GET with the fields of a body'
status 200 "$url/raw/follow/redirect/303?to=/seen" -X PUT -d body
body_has 'GET /seen HTTP/1.1'
status 307 "$url/raw/follow/redirect/307?to=/count" -d body # streamed: it is gone
status 200 "$url/raw/again/redirect/307?to=/count" -d body
body_has "4 $(printf body | sha256sum | cut -d' ' -f1) length"

# Secrets stay with the origin they were meant for.
status 200 "$url/raw/follow/redirect/302?to=/seen" -H 'Authorization: x' -H 'Cookie: c=1'
body_has 'Authorization: x'
status 200 "$url/raw/follow/redirect/302?to=http://localhost:$onprem/seen" -H 'Authorization: x' -H 'Cookie: c=1' -H 'X-Other: 1'
body_has "Host: localhost:$onprem"
body_has 'X-Other: 1'
! grep -qiE '^(authorization|cookie):' "$work/body" || die "secrets went along: $(cat "$work/body")"

# A backend's credentials: all values, in order, in place of the client's; the same on the second call; not to another backend.
status 200 "$url/raw/keyed/seen?x=1&code=mine" -H 'X-Key: mine'
body_has 'GET /keyed/keyed/seen?x=1&code=a%20b&code=c HTTP/1.1'
for _ in $(seq 50); do grep -qF '/keyed/keyed/seen?x=1&code=***&code=***,' "$work/gateway.log" && break; sleep 0.1; done
grep -qF '/keyed/keyed/seen?x=1&code=***&code=***,' "$work/gateway.log" || die 'the call is not in the log, or with its credentials'
! grep -q 'code=a' "$work/gateway.log" || die 'a credential in the log'
body_has 'Authorization: Token t'
[ "$(tr -d '\r' < "$work/body" | grep '^X-Key:' | paste -sd' ')" = 'X-Key: one X-Key: two' ] || die "keys: $(cat "$work/body")"
status 200 "$url/raw/keyed/redirect/302?to=http://localhost:$onprem/seen"
! grep -qE 'Token|X-Key|code=' "$work/body" || die "credentials went along: $(cat "$work/body")"
status 200 "$url/raw/moves/seen"
body_has 'GET /plain/moves/seen HTTP/1.1'
! grep -qE 'Token|X-Key' "$work/body" || die "credentials stayed: $(cat "$work/body")"
stop_gateway
