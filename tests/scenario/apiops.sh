#!/bin/bash
# Two real artifact directories from the field, published with an overrides file for what they leave out, synced and called over TLS.
# They lie beside the checkout; without them there is nothing to test.
real=$(cd "$(dirname "$0")/../.." && pwd)/../shared/artifacts
[ -d "$real" ] || { echo "no $real"; exit 77; }
. "$(dirname "$0")/../tools/scenario-lib.sh"
start_backends
make_key
tls=https://127.0.0.1:$https

serve_directory() { # NAME OVERRIDES
    rm -rf "$work/cache" "$work/repo"
    "$HOLDFAST" publish "$real/$1" --overrides "$2" --repo "$work/repo" --key "$work/site.key" --allow-plain-secrets > "$work/publish.log" 2>&1 ||
        { cat "$work/publish.log"; die "$1 does not publish"; }
    gateway --set config.service.endpoint="file://$work/repo" --set gateway.id=edge
}

cat > "$work/o26.yaml" <<YAML
namedValues:
  - name: allowed-ip-address
    properties: { value: 127.0.0.1 }
  - name: intranet-proxy-url
    properties: { value: "http://127.0.0.1:$cloud" }
subscriptions:
  - name: subscription1
    properties: { primaryKey: key-one }
  - name: subscription2
    properties: { primaryKey: key-two }
backends:
  - name: backend1
    properties: { url: "http://127.0.0.1:$onprem" }
apis:
  - name: basic-api # the operation's policy has no base, so the API's set-backend-service does not run
    properties: { serviceUrl: "http://127.0.0.1:$onprem" }
  - name: revisioned-api
    properties: { serviceUrl: "http://127.0.0.1:$onprem" }
  - name: revisioned-api;rev=2
    properties: { serviceUrl: "http://127.0.0.1:$cloud" }
YAML
serve_directory apiops-2026 "$work/o26.yaml"
grep -q 'skipped: api graphql-api' "$work/publish.log" || die 'the skipped GraphQL API is not named'

# https only: 404 on the plain port, and why.
status 404 "$url/basic-api/items" -H 'Ocp-Apim-Subscription-Key: key-one'
sleep 0.3 # the log has a thread of its own
grep -q "api basic-api: called by http, listens to https only: use port $https" "$work/gateway.log" || die 'the log does not say why'

status 401 -k "$tls/basic-api/items"
status 200 -k "$tls/basic-api/items" -H 'Ocp-Apim-Subscription-Key: key-one'
body_has '"uri":"/items?source=get-items"'
status 200 -k "$tls/basic-api/items" -H 'Ocp-Apim-Subscription-Key: key-two'
status 404 -k "$tls/basic-api/items" -X PUT -H 'Ocp-Apim-Subscription-Key: key-one'
status 401 -k "$tls/revisioned-api/revision" -H 'Ocp-Apim-Subscription-Key: key-two'
status 200 -k "$tls/revisioned-api/revision" -H 'Ocp-Apim-Subscription-Key: key-one'
body_has '"backend":"on-prem-api"'
status 200 -k "$tls/revisioned-api;rev=2/revision" -H 'Ocp-Apim-Subscription-Key: key-one'
body_has '"backend":"cloud-api"'
status 404 -k "$tls/revisioned-api;rev=3/revision" -H 'Ocp-Apim-Subscription-Key: key-one'
# An open product: no key is needed, its ip-filter decides.
status 403 -k "$tls/versioned-api/v2/version"
body_has '{ "statusCode": 403, "message": "Forbidden" }'
status 404 -k "$tls/versioned-api/version" -H 'Ocp-Apim-Subscription-Key: key-one'
stop_gateway

cat > "$work/o22.yaml" <<YAML
namedValues:
  - name: helloworldfromlogicapp_manual-invoke_634e022983908257b35630b0
    properties: { value: signature }
  - name: helloworldfromfuncapp-key
    properties: { value: function-key }
backends:
  - name: LogicApp_helloworldfromlogicapp_rg-apim-lab_77fadbdc74f14ce88962b34400a1f170
    properties: { url: "http://127.0.0.1:$onprem" }
  - name: helloworldfromfuncapp
    properties: { url: "http://127.0.0.1:$onprem/api" }
apis:
  - name: demo-conference-api
    properties: { serviceUrl: "http://127.0.0.1:$cloud" }
  - name: testapi
    properties: { serviceUrl: "http://127.0.0.1:$cloud/test" }
  - name: testapi;rev=2
    properties: { serviceUrl: "http://127.0.0.1:$cloud/two" }
subscriptions:
  - name: everything
    properties: { scope: /apis, primaryKey: key-all }
YAML
serve_directory apiops-2022 "$work/o22.yaml"
key='Ocp-Apim-Subscription-Key: key-all'
status 200 -k "$tls/sessions?dayno=1" -H "$key"
body_has '"uri":"/sessions?dayno=1"'
status 200 -k "$tls/session/7/topics" -H "$key"
status 200 -k "$tls/helloworldfromfuncapp/HttpTrigger1" -H "$key"
body_has '"uri":"/api/HttpTrigger1"'
status 200 -k "$tls/helloworldfromlogicapp/manual/paths/invoke" -H "$key"
body_has 'api-version=2016-06-01&sp=/triggers/manual/run&sv=1.0&sig=signature'
body_has '"key":""'
# The fragment of this API reads context.User, which a key without an owner has not: 500, as in the original.
status 500 -k "$tls/test/earth" -H "$key"
body_has '"message": "Internal server error"'
status 200 -k "$tls/test;rev=2/sun" -H "$key"
stop_gateway
