#!/bin/bash
# A hand-made artifact directory with every form that names something: versions of three schemes, revisions, products, scopes in full,
# owners, credentials, fragments, described responses; published, synced and called.
. "$(dirname "$0")/../tools/scenario-lib.sh"
start_backends
make_key
a=$work/artifacts
backend=http://127.0.0.1:$onprem

properties() { # FILE JSON-members
    mkdir -p "$(dirname "$a/$1")"
    printf '{"properties":{%s}}' "$2" > "$a/$1"
}
document() { # FILE (text from stdin)
    mkdir -p "$(dirname "$a/$1")"
    cat > "$a/$1"
}
api() { # ID members: an API with one operation, GET /x
    properties "apis/$1/apiInformation.json" "\"protocols\":[\"http\"],\"serviceUrl\":\"$backend/$1\",$2"
    document "apis/$1/specification.yaml" <<'Y'
openapi: 3.0.1
paths: {/x: {get: {operationId: get-x}}}
Y
}

open='"subscriptionRequired":false'
properties 'version sets/seg/versionSetInformation.json' '"displayName":"seg","versioningScheme":"Segment"'
properties 'version sets/qry/apiVersionSetInformation.json' '"displayName":"qry","versioningScheme":"query","versionQueryName":"v"'
properties 'version sets/hdr/versionSetInformation.json' '"displayName":"hdr","versioningScheme":"Header","versionHeaderName":"X-V"'
arm=/subscriptions/1/resourceGroups/apis/providers/Microsoft.ApiManagement/service/s
api seg0 "$open,\"path\":\"seg\",\"apiVersionSetId\":\"/apiVersionSets/seg\""
api seg1 "$open,\"path\":\"seg\",\"apiVersion\":\"v1\",\"apiVersionSetId\":\"$arm/apiVersionSets/SEG\""
api seg2 "$open,\"path\":\"/seg/v2\",\"apiVersion\":\"v2\",\"apiVersionSetId\":\"/apiVersionSets/seg\""
api qry1 "$open,\"path\":\"qry\",\"apiVersion\":\"1\",\"apiVersionSetId\":\"/apiVersionSets/qry\""
api qry2 "$open,\"path\":\"qry\",\"apiVersion\":\"2\",\"apiVersionSetId\":\"/apiVersionSets/qry\""
api hdr1 "$open,\"path\":\"hdr\",\"apiVersion\":\"1\",\"apiVersionSet\":{\"versioningScheme\":\"Header\",\"versionHeaderName\":\"X-V\"},\"apiVersionSetId\":\"/apiVersionSets/hdr\""
api rev "$open,\"path\":\"rev\""
api 'rev;rev=2' "$open,\"path\":\"rev\",\"isCurrent\":true"
api kept '"path":"kept"'
api sold '"path":"sold"'
api free '"path":"free"'
properties products/Gold/productInformation.json '"displayName":"Gold","state":"published"'
properties products/Gold/apis/SOLD/productApiInformation.json ''
properties groups/crew/groupInformation.json '"displayName":"The crew"'
properties products/Gold/groups/crew/productGroupInformation.json ''
document products/Gold/policy.xml <<'X'
<outbound><base /><set-header name="X-Sold" exists-action="override"><value>@(string.Join(",", context.Product.Groups.Select(g => g.Id + "=" + g.Name)) + " " + context.Subscription.StartDate.Value.ToString("yyyy-MM-dd"))</value></set-header></outbound>
X
properties products/open/productInformation.json '"subscriptionRequired":false'
document products/open/apis.json <<<'[{"name":"free"}]'
document products/open/policy.xml <<'X'
<base /><set-header name="X-Product" exists-action="override"><value>@(context.Product.Id)</value></set-header>
X
sed -i '1s/^/<outbound>/; $s/$/<\/outbound>/' "$a/products/open/policy.xml" # a bare section

# Named values by display name, fragments, a backend with credentials, a user.
properties 'named values/62825/namedValueInformation.json' '"displayName":"Key-Of-Backend","secret":true'
properties 'named values/n/namedValueInformation.json' '"displayName":"wrapped","value":"@(context.Api.Id + \"!\")"'
document 'policy fragments/who/policy.xml' <<'X'
<fragment><set-header name="X-Who" exists-action="override"><value>@(context.User == null ? "nobody" : context.User.FirstName + "/" + context.User.Id + "/" + string.Join(",", context.User.Groups.Select(g => g.Id + "=" + g.Name)))</value></set-header></fragment>
X
document 'backends/guide/backend.xml' <<X
<!-- <backend id="other"/> --><backend id="guide"><service url="$backend/guide?a=1&amp;b=2" /></backend>
X
properties backends/keyed/backendInformation.json "\"url\":\"$backend/keyed\",\"credentials\":{\"header\":{\"X-Key\":[\"{{Key-Of-Backend}}\"]},\"query\":{\"code\":[\"q w\"]},\"authorization\":{\"scheme\":\"Basic\",\"parameter\":\"YTpi\"}}"
document policy.xml <<'X'
<policies>
  <backend><forward-request /></backend>
  <outbound><include-fragment fragment-id="who" /><set-header name="X-Certificate" exists-action="override"><value>@(context.Deployment.Certificates["mine"].Subject + context.Deployment.Certificates["mine"].HasPrivateKey)</value></set-header>
    <set-header name="X-Region" exists-action="override"><value>@(context.Deployment.Region)</value></set-header></outbound>
</policies>
X
document apis/kept/operations/get-x/policy.xml <<'X'
<policies><inbound><base /><set-backend-service backend-id="keyed" /></inbound><backend><base /></backend><outbound><base />
<set-header name="X-Wrapped" exists-action="override"><value>{{wrapped}}</value></set-header></outbound></policies>
X
api guided "$open,\"path\":\"guided\""
document apis/guided/policy.xml <<<'<inbound><base /><set-backend-service backend-id="guide" /></inbound>'

# Described responses, by the specification and by the operation itself.
properties apis/mock/apiInformation.json "\"protocols\":[\"http\"],\"path\":\"mock\",$open"
document apis/mock/specification.json <<'J'
{"swagger":"2.0","paths":{"/pet":{"get":{"operationId":"pet","produces":["application/json"],"responses":{"200":{"schema":{"$ref":"#/definitions/Pet"}}}}}},
 "definitions":{"Pet":{"allOf":[{"properties":{"id":{"type":"integer"}}},{"properties":{"name":{"type":"string","example":"Rex"}}}]}}}
J
properties apis/mock/operations/cat/operationInformation.json '"method":"get","urlTemplate":"/cat","responses":[{"statusCode":202,"representations":[{"contentType":"text/plain","sample":"meow"}]}]'
document apis/mock/policy.xml <<<'<inbound><mock-response status-code="200" content-type="application/json" /></inbound>'
document apis/mock/operations/cat/policy.xml <<<'<inbound><mock-response status-code="202" content-type="text/plain" /></inbound>'

# A certificate with its key, by path.
mkdir -p "$a/certificates/mine"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$work/mine.key" -out "$work/mine.crt" -subj /CN=mine 2> /dev/null
cat "$work/mine.key" "$work/mine.crt" > "$a/certificates/mine/mine.pem"
properties certificates/mine/certificateInformation.json '"data":"mine.pem"'

# Subscriptions of every scope; their keys come from an overrides file.
properties subscriptions/all/subscriptionInformation.json "\"scope\":\"$arm/apis\",\"ownerId\":\"$arm/users/u1\""
properties subscriptions/one/subscriptionInformation.json "\"scope\":\"$arm/APIs/kept\""
properties subscriptions/gold/subscriptionInformation.json "\"scope\":\"$arm/products/gold\",\"ownerId\":\"/users/ghost\""
properties subscriptions/off/subscriptionInformation.json '"scope":"/apis","state":"suspended"'
for api in seg0 seg1 seg2 qry1 qry2 hdr1 rev kept sold free guided mock; do properties "gateways/site/apis/$api/gatewayApiInformation.json" ''; done
properties gateways/site/gatewayInformation.json '"locationData":{"name":"Basement"}'
document gateways/bare/gatewayInformation.json <<<'{"properties":{}}'
printf 'key-from-a-file\r\n' > "$work/key.txt"
cat > "$work/o.yaml" <<'Y'
apimServiceName: elsewhere
namedValues: [{name: Key-Of-Backend, properties: {value: "@env:BACKEND_KEY"}}]
users: [{name: u1, properties: {firstName: Ann, email: ann@example.org, groups: [crew, {id: vip}]}}]
subscriptions:
  - {name: all, properties: {primaryKey: 11111111, secondaryKey: key-all-2}}
  - {name: one, properties: {primaryKey: "@file:key.txt"}}
  - {name: gold, properties: {primaryKey: key-gold, startDate: 2026-01-02}}
  - {name: off, properties: {primaryKey: key-off}}
Y
export BACKEND_KEY=backend-secret
publish_it() { "$HOLDFAST" publish "$a" --overrides "$work/o.yaml" --repo "$work/repo" --key "$work/site.key" "$@"; }
publish_it > "$work/publish.log" 2>&1 && die 'secrets are published in the clear without being asked for'
grep -q 'backend keyed: credentials' "$work/publish.log" && grep -q 'certificate mine: private key' "$work/publish.log" || die 'the secret is not named'
publish_it --allow-plain-secrets > "$work/publish.log" 2>&1 || die 'does not publish'
find "$work/repo" -type f | sort | xargs sha256sum > "$work/before"
publish_it --allow-plain-secrets --json 2> /dev/null | grep -q '"result":"unchanged"' || die 'the same again is a new generation'
find "$work/repo" -type f | sort | xargs sha256sum | cmp - "$work/before" || die 'an unchanged publish wrote something'

gateway --set config.service.endpoint="file://$work/repo" --set gateway.id=site
# No key stands anywhere; what is compressed is looked into.
python3 - "$work/repo" "$work/cache" <<'P' || die 'a subscription key is stored'
import os, re, sys, zlib
for folder, _, names in (w for top in sys.argv[1:] for w in os.walk(top)):
    for name in names:
        path = os.path.join(folder, name)
        if not os.path.isfile(path): continue
        data = open(path, "rb").read()
        texts = [data]
        for m in re.finditer(b"\x78[\x01\x5e\x9c\xda]", data):
            try: texts.append(zlib.decompressobj().decompress(data[m.start():]))
            except zlib.error: pass
        for key in b"11111111", b"key-all-2", b"key-from-a-file", b"key-gold", b"key-off":
            if any(re.search(b"(?<![0-9a-f])" + key + b"(?![0-9a-f])", t) for t in texts): sys.exit(f"{key} in {path}")
        seen = globals().setdefault("seen", set())
        seen.update(k for k in (b"primaryKeyHash", b"backend-secret") if any(k in t for t in texts))
sys.exit(len(seen) != 2) # it does find what is there
P

reaches() { status 200 "$1" "${@:3}"; body_has "\"uri\":\"$2\""; }
reaches "$url/seg/x" /seg0/x
reaches "$url/seg/v1/x" /seg1/x
reaches "$url/seg/v2/x" /seg2/x
status 404 "$url/seg/v3/x"
reaches "$url/qry/x?v=2" '/qry2/x?v=2'
status 404 "$url/qry/x"
reaches "$url/hdr/x" /hdr1/x -H 'X-V: 1'
status 404 "$url/hdr/x"
reaches "$url/rev/x" '/rev;rev=2/x' # it says that it is current
reaches "$url/rev;rev=1/x" /rev/x
head_has 'X-Region: Basement'
head_has 'X-Certificate: CN=mineTrue'

status 401 "$url/kept/x"
status 401 "$url/kept/x" -H 'Ocp-Apim-Subscription-Key: key-gold'
status 401 "$url/kept/x" -H 'Ocp-Apim-Subscription-Key: key-off'
for key in 11111111 key-all-2 key-from-a-file; do
    reaches "$url/kept/x" '/keyed/x?code=q%20w' -H "Ocp-Apim-Subscription-Key: $key"
    head_has 'X-Wrapped: kept!'
done
status 200 "$url/kept/x" -H 'Ocp-Apim-Subscription-Key: 11111111'
head_has 'X-Who: Ann/u1/crew=The crew,vip=vip'
status 200 "$url/sold/x" -H 'Ocp-Apim-Subscription-Key: key-gold'
head_has 'X-Who: /ghost/'
head_has 'X-Sold: crew=The crew 2026-01-02'
status 401 "$url/sold/x" -H 'Ocp-Apim-Subscription-Key: key-from-a-file'
status 200 "$url/free/x"
head_has 'X-Product: open'
head_has 'X-Who: nobody'
status 200 "$url/guided/x"
status 200 "$url/mock/pet"
body_has '{"id":0,"name":"Rex"}'
status 202 "$url/mock/cat"
body_has meow
stop_gateway

# Another gateway of the same repository: no list of APIs, none is served. One that is not there: refused.
rm -rf "$work/cache"
gateway --set config.service.endpoint="file://$work/repo" --set gateway.id=bare
status 404 "$url/free/x"
grep -q 'gateway bare: has no list of APIs' "$work/gateway.log" || die 'no warning'
stop_gateway
