#!/bin/bash
# rate-limit, rate-limit-by-key, limit-concurrency over HTTP: answers byte for byte, headers, windows that slide, places given back.
. "$(dirname "$0")/../tools/policy-lib.sh"

make_api
mkdir -p "$work/artifacts/products/gold/apis/p" "$work/artifacts/subscriptions/one" "$work/artifacts/subscriptions/two"
echo '{ "properties": { "displayName": "Gold", "subscriptionRequired": false, "state": "published" } }' \
    > "$work/artifacts/products/gold/productInformation.json"
echo '{}' > "$work/artifacts/products/gold/apis/p/productApiInformation.json"
for id in one two; do
    echo "{ \"properties\": { \"scope\": \"/products/gold\", \"state\": \"active\", \"primaryKey\": \"key-$id\" } }" \
        > "$work/artifacts/subscriptions/$id/subscriptionInformation.json"
done
cat > "$work/artifacts/products/gold/policy.xml" <<'XML'
<policies><inbound>
  <rate-limit calls="3" renewal-period="3" retry-after-header-name="X-Wait" retry-after-variable-name="wait"
              remaining-calls-header-name="X-Left" remaining-calls-variable-name="left" total-calls-header-name="X-Total">
    <api name="P" calls="50" renewal-period="3"><operation id="few" calls="1" renewal-period="3" /></api>
  </rate-limit><base /></inbound>
<on-error><base /><set-header name="X-Error"><value>@(context.LastError.Source + "/" + context.LastError.Reason + "/" +
  context.LastError.Scope + "/" + context.Variables.GetValueOrDefault<int>("wait"))</value></set-header></on-error></policies>
XML
answer='<return-response><set-status code="204" reason="No Content" /></return-response>'
operation many GET /many <<< "$answer"
operation few GET /few <<< "$answer"
operation by-key GET /by-key <<XML
<rate-limit-by-key calls="@(int.Parse(context.Request.Headers.GetValueOrDefault(&quot;X-Calls&quot;, &quot;2&quot;)))" renewal-period="@(20)"
  counter-key="@(context.Request.Headers.GetValueOrDefault(&quot;X-Key&quot;))" remaining-calls-header-name="Left" />$answer
XML
operation failures GET '/failures/{code}' <<'XML'
<rate-limit-by-key calls="1" renewal-period="20" counter-key="failures" increment-condition="@(context.Response.StatusCode >= 400)" />
<return-response><set-status code="@(int.Parse(context.Request.MatchedParameters["code"]))" reason="x" /></return-response>
XML
mkdir -p "$api/operations/one-at-a-time"
operation one-at-a-time GET '/single/*' <<< ''
echo '<policies><backend><limit-concurrency key="single" max-count="1"><forward-request timeout-ms="1500" /></limit-concurrency></backend></policies>' \
    > "$api/operations/one-at-a-time/policy.xml"
serve_policies

# Per subscription; without a key nothing is counted.
one='Ocp-Apim-Subscription-Key: key-one'
for left in 2 1 0; do
    status 204 "$url/p/many" -H "$one"
    head_has "X-Left: $left"
    head_has 'X-Total: 3'
done
status 429 "$url/p/many" -H "$one"
head_has 'HTTP/1.1 429 Too Many Requests'
wait_s=$(tr -d '\r' < "$work/head" | sed -n 's/^X-Wait: //p')
[ "$wait_s" -ge 1 ] && [ "$wait_s" -le 3 ] || die "wait $wait_s"
body_is "{ \"statusCode\": 429, \"message\": \"Rate limit is exceeded. Try again in $wait_s seconds.\" }"
head_has "X-Error: rate-limit/RateLimitExceeded/product/$wait_s"
head_lacks 'X-Left:'
head_lacks 'Retry-After:'
status 204 "$url/p/many" -H 'Ocp-Apim-Subscription-Key: key-two'
for _ in 1 2 3 4 5; do status 204 "$url/p/many"; head_lacks 'X-Total:'; done
sleep 3.2
status 204 "$url/p/few" -H "$one"
head_has 'X-Left: 0'
status 429 "$url/p/few" -H "$one"
status 204 "$url/p/many" -H "$one" # the refused call did not count for the product
head_has 'X-Left: 1'

# By key, with computed calls.
status 204 "$url/p/by-key" -H 'X-Key: a'
status 204 "$url/p/by-key" -H 'X-Key: a'
status 429 "$url/p/by-key" -H 'X-Key: a'
head_has 'Retry-After: '
status 204 "$url/p/by-key" -H 'X-Key: b' -H 'X-Calls: 9'
head_has 'Left: 8'
status 200 "$url/p/failures/200"
status 200 "$url/p/failures/200"
status 503 "$url/p/failures/503"
status 429 "$url/p/failures/200"

# One inside at a time; the place is free again after an answer, a time-out and a client that left.
single() { curl -s -o /dev/null -w '%{http_code}' --max-time 5 "$url/p/single/late/$1"; }
single 900 > "$work/first" & first=$!
sleep 0.4
status 429 "$url/p/single/late/1"
body_is '{ "statusCode": 429, "message": "Concurrency limit is exceeded." }'
wait "$first"
[ "$(cat "$work/first")" = 200 ] || die 'the first one failed'
status 200 "$url/p/single/late/1"
status 500 "$url/p/single/late/2500"
status 200 "$url/p/single/late/1"
curl -s --max-time 0.3 "$url/p/single/late/1400" || true
sleep 0.2
status 200 "$url/p/single/late/1"
stop_gateway
