#!/bin/bash
# send-request and send-one-way-request against a real service: what goes out, what comes back, failures, large answers.
. "$(dirname "$0")/../tools/scenario-lib.sh"

python3 "$here/tools/backend.py" "$onprem" "$work/seen.log" > "$work/backend.log" 2>&1 & pids+=($!)
await_port "$onprem"
dead=$cloud # nobody listens there

# operation NAME INBOUND: POST /a/NAME runs these statements.
operation() {
    local dir=$work/artifacts/apis/a/operations/$1
    mkdir -p "$dir"
    echo "{\"properties\":{\"method\":\"POST\",\"urlTemplate\":\"/$1\"}}" > "$dir/operationInformation.json"
    echo "<policies><inbound>$2</inbound></policies>" > "$dir/policy.xml"
}
answer='<return-response response-variable-name="r"/>'
body='<return-response><set-body>@(((IResponse)context.Variables["r"])?.Body.As<string>() ?? "null")</set-body></return-response>'
operation new '<send-request response-variable-name="r"><set-url>http://127.0.0.1:'$onprem'/s/seen</set-url><set-method>PUT</set-method>
    <set-header name="X-Out" exists-action="override"><value>@(context.Request.Headers.GetValueOrDefault("X-In") + "!")</value></set-header>
    <set-header name="Content-Type" exists-action="override"><value>text/plain</value></set-header>
    <set-body>@("over " + context.Request.Body.As<string>(true))</set-body></send-request>'"$answer"
operation count '<send-request mode="copy" response-variable-name="r"><set-url>http://127.0.0.1:'$onprem'/s/count</set-url></send-request>'"$body"
operation gzip '<send-request response-variable-name="r"><set-url>http://127.0.0.1:'$onprem'/s/gzip</set-url></send-request>'"$body"
operation gzip-back '<send-request response-variable-name="r"><set-url>http://127.0.0.1:'$onprem'/s/gzip</set-url></send-request>'"$answer"
operation large '<send-request response-variable-name="r"><set-url>http://127.0.0.1:'$onprem'/s/big/3000000</set-url></send-request>'"$answer"
operation huge '<send-request response-variable-name="r"><set-url>http://127.0.0.1:'$onprem'/s/big/5000000</set-url></send-request>'"$answer"
operation late '<send-request timeout="1" response-variable-name="r"><set-url>http://127.0.0.1:'$onprem'/s/late/5000</set-url></send-request>'"$answer"
operation dead '<send-request ignore-error="true" response-variable-name="r"><set-url>http://127.0.0.1:'$dead'/</set-url></send-request>'"$body"
operation forget '<send-one-way-request><set-url>http://127.0.0.1:'$onprem'/s/late/1000</set-url><set-method>POST</set-method><set-body>log</set-body>
    </send-one-way-request><return-response/>'
echo '{"properties":{"path":"a","protocols":["http"],"subscriptionRequired":false}}' > "$work/artifacts/apis/a/apiInformation.json"
cat > "$work/artifacts/policy.xml" <<'XML'
<policies><on-error><set-header name="X-Error" exists-action="override">
  <value>@(context.LastError.Source + "/" + context.LastError.Reason)</value></set-header></on-error></policies>
XML
for dir in "$work"/artifacts/apis/a; do echo '<policies><on-error><base/></on-error></policies>' > "$dir/policy.xml"; done
make_key
"$HOLDFAST" publish "$work/artifacts" --repo "$work/repo" --key "$work/site.key" -q
gateway --set config.service.endpoint="file://$work/repo"

status 200 "$url/a/new" -H 'X-In: in' -d 'the top'
body_has 'PUT /s/seen HTTP/1.1'
body_has "Host: 127.0.0.1:$onprem"
body_has 'X-Out: in!'
body_has 'Content-Type: text/plain'
body_has 'Content-Length: 12'
! grep -qi 'X-In\|Accept:\|Expect' "$work/body" || die "more than was set went out"

# A compressed answer is text to policies, and goes on as such.
for name in gzip gzip-back; do
    status 200 "$url/a/$name" -d ''
    [ "$(cat "$work/body")" = '{"hello":"aXb"}' ] || die "$name: $(cat "$work/body")"
    head_lacks 'Content-Encoding:'
done
printf 'what was compressed' > "$work/plain"
gzip < "$work/plain" > "$work/sent.gz"
status 200 "$url/a/count" --data-binary @"$work/sent.gz" -H 'Content-Encoding: gzip'
body_has "19 $(sha256sum "$work/plain" | cut -d' ' -f1) length"

head -c 200000 /dev/zero | tr '\0' 'x' > "$work/upload"
status 200 "$url/a/count" --data-binary @"$work/upload"
body_has "200000 $(sha256sum "$work/upload" | cut -d' ' -f1)"
status 200 "$url/a/large" -d ''
[ "$(stat -c %s "$work/body")" = 3000000 ] || die "the large body came with $(stat -c %s "$work/body") bytes"
status 500 "$url/a/huge" -d ''
head_has 'X-Error: send-request/BackendConnectionFailure'
status 500 "$url/a/late" -d ''
head_has 'X-Error: send-request/Timeout'
body_has '{ "statusCode": 500, "message": "Internal server error", "activityId": "'
status 200 "$url/a/dead" -d ''
body_has null

began=$(date +%s%N)
status 200 "$url/a/forget" -d ''
[ $(($(date +%s%N) - began)) -lt 900000000 ] || die "somebody waited"
for _ in $(seq 50); do grep -q 'POST /s/late/1000' "$work/seen.log" && break; sleep 0.1; done
grep -q 'POST /s/late/1000' "$work/seen.log" || die "the message did not go out"

# Memory of bodies is given back: 30 of 3 MB, one after the other, fit into limits.body.total (64 MB).
for _ in $(seq 30); do status 200 "$url/a/large" -d ''; done
stop_gateway
