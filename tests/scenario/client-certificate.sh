#!/bin/bash
# A backend that asks for a client certificate gets the one that `certificateIds` names, out of a PFX file; others are turned away.
. "$(dirname "$0")/../tools/scenario-lib.sh"
make_key
a=$work/artifacts

pair() { openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$work/$1.key" -out "$work/$1.crt" -subj "/CN=$1" "${@:2}" 2> /dev/null; }
pair server -addext subjectAltName=DNS:localhost
pair client
pair other
for name in client other; do openssl pkcs12 -export -inkey "$work/$name.key" -in "$work/$name.crt" -out "$work/$name.pfx" -passout pass:open; done
cat > "$work/nginx.conf" <<N
worker_processes 1; daemon off; pid $work/nginx.pid; error_log $work/nginx-error.log warn; events { worker_connections 64; }
http {
    access_log off; client_body_temp_path $work/b; proxy_temp_path $work/p; fastcgi_temp_path $work/f; uwsgi_temp_path $work/u; scgi_temp_path $work/s;
    server {
        listen 127.0.0.1:$onprem ssl; ssl_certificate $work/server.crt; ssl_certificate_key $work/server.key;
        ssl_client_certificate $work/client.crt; ssl_verify_client on; ssl_protocols TLSv1.2;
        location / { return 200 '\$ssl_protocol \$ssl_client_s_dn \$ssl_client_verify \$ssl_session_reused'; }
    }
    server {
        listen 127.0.0.1:$cloud ssl; ssl_certificate $work/server.crt; ssl_certificate_key $work/server.key;
        ssl_client_certificate $work/client.crt; ssl_verify_client on; ssl_protocols TLSv1.3;
        location / { return 200 '\$ssl_protocol \$ssl_client_s_dn \$ssl_client_verify \$ssl_session_reused'; }
    }
}
N
nginx -p "$work" -e "$work/nginx-error.log" -c "$work/nginx.conf" > "$work/nginx.log" 2>&1 & pids+=($!)

put() { mkdir -p "$(dirname "$a/$1")"; cat > "$a/$1"; }
backend() { # ID PORT credentials
    put "backends/$1/backendInformation.json" <<< "{\"properties\":{\"url\":\"https://localhost:$2\"$3}}"
    put "apis/$1/apiInformation.json" <<< "{\"properties\":{\"path\":\"$1\",\"protocols\":[\"http\"],\"subscriptionRequired\":false}}"
    put "apis/$1/operations/x/operationInformation.json" <<< '{"properties":{"method":"GET","urlTemplate":"/x"}}'
    put "apis/$1/policy.xml" <<< "<inbound><base /><set-backend-service backend-id=\"$1\" /></inbound>"
}
arm=/subscriptions/1/resourceGroups/g/providers/Microsoft.ApiManagement/service/s
backend old "$onprem" ",\"credentials\":{\"certificateIds\":[\"$arm/certificates/Mine\"]}"
backend new "$cloud" ",\"credentials\":{\"certificateIds\":[\"mine\"]}"
backend print "$cloud" ",\"credentials\":{\"certificate\":[\"$(openssl x509 -in "$work/client.crt" -noout -fingerprint -sha1 | sed 's/.*=//; s/://g')\"]}"
backend wrong "$cloud" ',"credentials":{"certificateIds":["theirs"]}'
backend none "$cloud" ''
cat > "$work/o.yaml" <<Y
certificates:
  - {name: mine, properties: {data: "@file:client.pfx", password: open}}
  - {name: theirs, properties: {data: "@file:$work/other.pfx", password: open}}
Y
"$HOLDFAST" publish "$a" --repo "$work/repo" --key "$work/site.key" > "$work/publish.log" 2>&1 && die 'publishes without the certificates'
grep -q 'no such certificate: theirs' "$work/publish.log" || die 'the missing certificate is not named'
"$HOLDFAST" publish "$a" --overrides "$work/o.yaml" --repo "$work/repo" --key "$work/site.key" --allow-plain-secrets > "$work/publish.log" 2>&1 ||
    die 'does not publish'
gateway --set config.service.endpoint="file://$work/repo" --set net.client.tls.ca.path="$work/server.crt"

status 200 "$url/old/x"
body_has 'TLSv1.2 CN=client SUCCESS'
for _ in 1 2 3; do
    status 200 "$url/new/x"
    body_has 'TLSv1.3 CN=client SUCCESS'
done
status 200 "$url/print/x"
body_has 'CN=client SUCCESS'
status 400 "$url/none/x"
body_has 'No required SSL certificate was sent'
status 400 "$url/wrong/x"
body_has 'The SSL certificate error'
status 200 "$url/new/x" # their connections are not shared
body_has 'CN=client SUCCESS'
stop_gateway

# Showing a certificate does not mean trusting the other side.
gateway --set config.service.endpoint="file://$work/repo" --set net.client.tls.ca.path="$work/other.crt"
status 500 "$url/old/x"
status 500 "$url/new/x"
sleep 0.3 # the log has a thread of its own
grep -q 'errorMessage: localhost:[0-9]*: TLS: certificate' "$work/gateway.log" || die 'the log does not say why'
stop_gateway
