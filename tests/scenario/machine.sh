#!/bin/bash
# What lies on the machine: /etc/holdfast/holdfast.conf, CA certificates of its administrator. Both are put into a mount namespace of
# this test; without the right to make one there is nothing to test.
if [ -z "${IN_NAMESPACE:-}" ]; then
    unshare -m true 2> /dev/null || { echo "skipped: no mount namespace"; exit 0; }
    IN_NAMESPACE=1 exec unshare -m "$0"
fi
. "$(dirname "$0")/../tools/scenario-lib.sh"

mount -t tmpfs tmpfs /usr/local/share || { echo "skipped: no mounts"; exit 0; }
mkdir -p "$work/etc" "$work/upper" /usr/local/share/ca-certificates
cp -a /etc/. "$work/etc/"
mount --bind "$work/etc" /etc

# The default file is read by every command, and --config replaces it.
mkdir /etc/holdfast
printf 'cache.path=%s/cache\nnet.server.http.port=%s\nnet.server.address=127.0.0.1\n' "$work" "$http" > /etc/holdfast/holdfast.conf
start_backends
copy_artifacts
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost -addext 'subjectAltName=DNS:localhost' \
    -keyout "$work/own.key" -out "$work/own.crt" 2> /dev/null
sed -e "s|@DIR@|$work|" -e "s|127.0.0.1:@ONPREM@;|127.0.0.1:$cloud ssl;|" -e "s|127.0.0.1:@CLOUD@;|127.0.0.1:$metrics;|" \
    -e "s|access_log off;|access_log off; ssl_certificate $work/own.crt; ssl_certificate_key $work/own.key;|" "$here/demo/nginx.conf.in" > "$work/tls.conf"
kill "${pids[0]}"
wait "${pids[0]}" || true
nginx -p "$work" -e "$work/nginx-error.log" -c "$work/tls.conf" > "$work/nginx.log" 2>&1 & pids+=($!)
find "$work/artifacts" -name '*.json' -exec sed -i "s|http://127.0.0.1:$onprem|https://localhost:$cloud|" {} +
make_key
publish > /dev/null
"$HOLDFAST" import "$work/repo" > /dev/null
"$HOLDFAST" inspect apis | grep -q '^echo' || die 'the default file is not read by inspect'
"$HOLDFAST" serve --help-settings | grep -A2 '^net.server.http.port = ' | grep -q 'from: file' || die 'the default file is not read'
"$HOLDFAST" serve --help-settings --config /dev/null | grep -A2 '^net.server.http.port = 8080' | grep -q 'from: default' || die '--config does not replace it'

# serve_with SETTING...: a gateway out of the default file
serve_with() {
    local sets=()
    for set in "$@"; do sets+=(--set "$set"); done
    "$HOLDFAST" serve --set net.server.https.port=0 --set telemetry.metrics.prometheus.port=0 --set admin.listen=none --set gateway.id=on-premises-gateway \
        "${sets[@]}" >> "$work/gateway.log" 2>&1 & gateway=$!
    pids+=($gateway)
    for _ in $(seq 100); do curl -fs -o /dev/null "$url/status-0123456789abcdef" && return; sleep 0.1; done
    die 'the gateway is not ready'
}
cp "$work/own.crt" /usr/local/share/ca-certificates/own.crt
key='Ocp-Apim-Subscription-Key: demo-key'
serve_with
status 500 "$url/echo/x" -H "$key"
stop_gateway
serve_with certificates.local.ca.enabled=true
status 200 "$url/echo/x" -H "$key"
stop_gateway
