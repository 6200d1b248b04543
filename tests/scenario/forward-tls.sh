#!/bin/bash
# Backends over TLS: trust, names, and the switches that a backend entity has for both; connections are used again.
. "$(dirname "$0")/../tools/forward-lib.sh"

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=backend \
    -addext 'subjectAltName=DNS:localhost' -keyout "$work/backend.key" -out "$work/backend.pem" 2> /dev/null

# api NAME SERVICE-URL
api() {
    raw=$work/artifacts/apis/$1
    mkdir -p "$raw" "$work/artifacts/gateways/on-premises-gateway/apis/$1"
    echo '{}' > "$work/artifacts/gateways/on-premises-gateway/apis/$1/gatewayApiInformation.json"
    cat > "$raw/apiInformation.json" <<JSON
{ "properties": { "displayName": "$1", "path": "$1", "protocols": ["http"], "serviceUrl": "$2", "subscriptionRequired": false } }
JSON
    operation get GET '/*'
}

# backend NAME CHAIN NAME-CHECK: an entity at 127.0.0.1, and an API that uses it
backend() {
    mkdir -p "$work/artifacts/backends/$1"
    cat > "$work/artifacts/backends/$1/backendInformation.json" <<JSON
{ "properties": { "url": "https://127.0.0.1:$cloud", "protocol": "http",
  "tls": { "validateCertificateChain": $2, "validateCertificateName": $3 } } }
JSON
    api "$1" "https://127.0.0.1:$cloud"
    cat > "$raw/policy.xml" <<XML
<policies><inbound><base /><set-backend-service backend-id="$1" /></inbound><backend><base /></backend><outbound><base /></outbound></policies>
XML
}

copy_artifacts
api by-name "https://localhost:$onprem"
api by-address "https://127.0.0.1:$onprem"
backend no-name-check true false
backend no-checks false false
make_key
publish > /dev/null

sed -e "s|@DIR@|$work|" -e "s|127.0.0.1:@ONPREM@;|127.0.0.1:$onprem ssl;|" -e "s|127.0.0.1:@CLOUD@;|127.0.0.1:$cloud ssl;|" \
    -e "s|access_log off;|log_format c '\$connection \$uri'; access_log $work/connections.txt c; ssl_certificate $work/backend.pem; ssl_certificate_key $work/backend.key;|" \
    "$here/demo/nginx.conf.in" > "$work/nginx.conf"
nginx -p "$work" -e "$work/nginx-error.log" -c "$work/nginx.conf" > "$work/nginx.log" 2>&1 & pids+=($!)

gateway --set config.service.endpoint="file://$work/repo" --set net.client.tls.ca.path="$work/backend.pem"
for i in 1 2 3 4 5; do status 200 "$url/by-name/$i"; done
body_has '"uri":"/5"'
[ "$(awk '{ print $1 }' "$work/connections.txt" | sort -u | wc -l)" = 1 ] || die "not one connection: $(cat "$work/connections.txt")"
status 500 "$url/by-address/1"
grep -q "errorReason: BackendConnectionFailure, errorMessage: 127.0.0.1:$onprem: TLS: .*name" "$work/gateway.log" || die 'the log does not name the certificate'
status 200 "$url/no-name-check/1"
status 200 "$url/no-checks/1"
stop_gateway

# The same backend, its certificate unknown.
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=other -keyout /dev/null -out "$work/other.pem" 2> /dev/null
gateway --set config.service.endpoint="file://$work/repo" --set net.client.tls.ca.path="$work/other.pem"
status 500 "$url/by-name/1"
status 500 "$url/no-name-check/1"
status 200 "$url/no-checks/1"
stop_gateway

# Suites and versions that settings allow, on both sides.
protocols=Microsoft.WindowsAzure.ApiManagement.Gateway.Security.Backend.Protocols
suite_of() { openssl s_client -connect "127.0.0.1:$https" "$@" < /dev/null 2> /dev/null | sed -n 's/^New, .*Cipher is //p'; }
sed -i 's|log_format c .*access_log|log_format c "$ssl_protocol $ssl_cipher"; access_log|' "$work/nginx.conf"
kill "${pids[0]}"
wait "${pids[0]}" || true
: > "$work/connections.txt"
nginx -p "$work" -e "$work/nginx-error.log" -c "$work/nginx.conf" > "$work/nginx.log" 2>&1 & pids+=($!)
gateway --set config.service.endpoint="file://$work/repo" --set net.client.tls.ca.path="$work/backend.pem" --set $protocols.Tls13=false \
    --set net.client.tls.ciphers.allowed-suites=TLS_AES_128_GCM_SHA256,TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,TLS_DHE_RSA_WITH_AES_128_GCM_SHA256 \
    --set net.server.tls.ciphers.allowed-suites=TLS_AES_256_GCM_SHA384,TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
status 200 "$url/by-name/1"
for _ in $(seq 50); do [ -s "$work/connections.txt" ] && break; sleep 0.1; done # nginx logs after it has answered
grep -q '^TLSv1.2 ECDHE-ECDSA-AES256-GCM-SHA384' "$work/connections.txt" || { cat "$work/connections.txt"; die 'versions or suites to a backend'; }
[ "$(suite_of -tls1_3)" = TLS_AES_256_GCM_SHA384 ] || die "TLS 1.3 suite $(suite_of -tls1_3)"
[ "$(suite_of -tls1_2)" = ECDHE-ECDSA-AES128-GCM-SHA256 ] || die "TLS 1.2 suite $(suite_of -tls1_2)"
[ "$(suite_of -tls1_2 -cipher ECDHE-ECDSA-CHACHA20-POLY1305)" = '(NONE)' ] || die 'a suite that is not allowed'
stop_gateway
