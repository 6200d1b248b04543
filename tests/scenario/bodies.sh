#!/bin/bash
# Bodies that policies look at or change: compressed ones, large ones, ones that are sent twice.
. "$(dirname "$0")/../tools/forward-lib.sh"

# policy NAME SECTION: statements from stdin
policy() {
    local other=outbound
    [ "$2" = inbound ] || other=inbound
    printf '<policies><%s><base />%s</%s><%s><base /></%s></policies>' "$2" "$(cat)" "$2" "$other" "$other" > "$raw/operations/$1/policy.xml"
}

make_raw_api
operation replace GET '/replace/*'
policy replace outbound <<< '<find-and-replace from="X" to="--" />'
operation literal GET '/literal/*'
policy literal outbound <<< '<set-body>plain</set-body>'
operation looks GET '/looks/*'
policy looks outbound <<'XML'
<set-header name="X-Hello"><value>@((string)context.Response.Body.As<JObject>(preserveContent: true)["hello"])</value></set-header>
<set-header name="X-Length"><value>@(context.Response.Headers.GetValueOrDefault("Content-Length", ""))</value></set-header>
XML
operation liquid GET '/liquid/*'
policy liquid outbound <<< '<set-body template="liquid"><a q="{{ context.Request.Url.Query.q }}">{{body.hello}}{% if context.Response.StatusCode < 300 %}!{% endif %}</a></set-body>'
operation upload POST '/upload/*'
policy upload inbound <<< '<find-and-replace from="ab" to="XYZ" />'
operation twice POST '/twice/*'
operation_policy twice <<< '<retry condition="@(true)" count="1" interval="0"><forward-request buffer-request-body="true" /></retry>'
make_key
publish > /dev/null
start_raw_backend
gateway --set config.service.endpoint="file://$work/repo" --set limits.body.buffered=4m

# A compressed answer is decompressed for policies, and only for them.
status 200 "$url/raw/replace/gzip"
[ "$(cat "$work/body")" = '{"hello":"a--b"}' ] || die "replaced: $(cat "$work/body")"
head_lacks 'Content-Encoding:'
head_has 'Content-Length: 16'
status 200 "$url/raw/looks/gzip"
[ "$(cat "$work/body")" = '{"hello":"aXb"}' ] || die "looked at: $(cat "$work/body")"
head_has 'X-Hello: aXb'
head_has 'X-Length: 15'
head_lacks 'Content-Encoding:'
status 200 "$url/raw/literal/gzip"
[ "$(cat "$work/body")" = plain ] || die "literal: $(cat "$work/body")"
head_lacks 'Content-Encoding:'
status 200 "$url/raw/gzip"
[ "$(gzip -d < "$work/body")" = '{"hello":"aXb"}' ] || die 'changed without a policy'
head_has 'Content-Encoding: gzip'
status 500 "$url/raw/replace/garbage"
status 200 "$url/raw/garbage"
status 206 "$url/raw/replace/garbage/206"

# A Liquid template sees the JSON of the answer, and the request.
status 200 "$url/raw/liquid/gzip?q=1"
[ "$(cat "$work/body")" = '<a q="1">aXb!</a>' ] || die "liquid: $(cat "$work/body")"
head_lacks 'Content-Encoding:'

# So is a request; a large body may become larger than limits.arena.
printf 'ab%.0s' $(seq 1000000) > "$work/plain"
printf 'XYZ%.0s' $(seq 1000000) > "$work/replaced"
sum=$(sha256sum < "$work/replaced" | cut -d' ' -f1)
gzip < "$work/plain" > "$work/plain.gz"
status 200 "$url/raw/upload/count" --data-binary @"$work/plain"
body_has "3000000 $sum length"
status 200 "$url/raw/upload/count" --data-binary @"$work/plain.gz" -H 'Content-Encoding: gzip'
body_has "3000000 $sum length"
status 200 "$url/raw/upload/seen" --data-binary @"$work/plain.gz" -H 'Content-Encoding: GZIP'
! grep -qi 'content-encoding' "$work/body" || die 'the request still says that it is compressed'
status 400 "$url/raw/upload/count" -d aaaaaa -H 'Content-Encoding: gzip'
head -c 8000000 /dev/zero | gzip > "$work/bomb.gz"
status 413 "$url/raw/upload/count" --data-binary @"$work/bomb.gz" -H 'Content-Encoding: gzip'
printf 'ab%.0s' $(seq 1500000) > "$work/plain" # 4.5 MB when replaced
status 500 "$url/raw/upload/count" --data-binary @"$work/plain"

# What is only kept to be sent twice goes on as it came.
sum=$(sha256sum < "$work/plain.gz" | cut -d' ' -f1)
: > "$backend_log"
status 200 "$url/raw/twice/count" --data-binary @"$work/plain.gz" -H 'Content-Encoding: gzip'
body_has "$sum length"
[ "$(grep -c 'POST /base/twice/count' "$backend_log")" = 2 ] || die 'not sent twice'
stop_gateway
