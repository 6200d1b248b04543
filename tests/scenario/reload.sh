#!/bin/bash
# Certificates are followed through swapped links, as Kubernetes does it; SIGHUP reads settings and certificates anew.
. "$(dirname "$0")/../tools/scenario-lib.sh"

# pair NAME [days]: $work/NAME.crt and NAME.key of CN=NAME.
pair() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$work/$1.key" -out "$work/$1.crt" -days 30 \
        -subj "/CN=$1" "${@:2}" 2> /dev/null
}
# mount N CRT KEY: the volume now shows version N, in one step.
mount() {
    mkdir "$work/volume/..$1"
    cp "$work/$2" "$work/volume/..$1/tls.crt"
    cp "$work/$3" "$work/volume/..$1/tls.key"
    ln -sfn "..$1" "$work/volume/..data_tmp"
    mv -T "$work/volume/..data_tmp" "$work/volume/..data"
}
shown() { openssl s_client -connect "127.0.0.1:$https" < /dev/null 2> /dev/null | openssl x509 -noout -subject | tr -d ' '; }
# shows CN: within the time that a look takes.
shows() {
    for _ in $(seq 120); do [ "$(shown)" = "subject=CN=$1" ] && return; sleep 0.1; done
    die "the certificate is $(shown), not $1"
}
says() { for _ in $(seq 100); do grep -q -- "$1" "$work/gateway.log" && return; sleep 0.1; done; die "the log does not say: $1"; }
metric() { status 200 "http://127.0.0.1:$metrics/metrics"; grep -qx "$1" "$work/body" || die "no metric $1"; }

start_backends
copy_artifacts
make_key
publish > /dev/null
pair first
pair second
pair third
openssl req -new -key "$work/first.key" -subj /CN=old -out "$work/old.csr" 2> /dev/null
openssl x509 -req -in "$work/old.csr" -signkey "$work/first.key" -days -1 -out "$work/old.crt" 2> /dev/null

# At the start: exit 3 with path and uid.
refuses() {
    local wanted=$1 code=0 text
    shift
    timeout 20 "$HOLDFAST" serve --cache "$work/c" --set net.server.address=127.0.0.1 --set net.server.http.port=0 --set net.server.https.port="$https" \
        --set telemetry.metrics.prometheus.port=0 --set admin.listen=none --set config.service.endpoint="file://$work/repo" \
        --set net.server.tls.certificate.path="$1" --set net.server.tls.privateKey.path="$2" > "$work/out" 2>&1 || code=$?
    [ "$code" = "$wanted" ] || { cat "$work/out"; die "$1 $2: exit $code"; }
    for text in "${@:3}"; do grep -qF -- "$text" "$work/out" || { cat "$work/out"; die "$1 $2: does not say: $text"; }; done
}
refuses 3 "$work/none.crt" "$work/first.key" "net.server.tls.certificate.path (uid $(id -u))" "$work/none.crt: cannot open: No such file"
refuses 3 "$work/first.crt" "$work/second.key" "net.server.tls.certificate.path (uid $(id -u))" 'does not fit the certificate of CN=first'
refuses 3 "$work/old.crt" "$work/first.key" "$work/old.crt" 'expired on'
refuses 3 "$work/first.key" "$work/first.key" "$work/first.key" 'certificate: cannot be read'
refuses 2 "$work/first.crt" '' 'net.server.tls.privateKey.path: not set, though net.server.tls.certificate.path is: give both'

# Without settings a certificate is made: for the host's name and its addresses, and kept.
gateway --set config.service.endpoint="file://$work/repo"
names() { openssl s_client -connect "127.0.0.1:$https" < /dev/null 2> /dev/null | openssl x509 -noout -ext subjectAltName -fingerprint; }
names > "$work/names"
for name in "DNS:$(hostname)" DNS:localhost 'IP Address:127.0.0.1' 'IP Address:0:0:0:0:0:0:0:1'; do
    grep -qF "$name" "$work/names" || { cat "$work/names"; die "the certificate lacks $name"; }
done
for address in $(hostname -I 2> /dev/null | tr ' ' '\n' | grep -v : || true); do
    grep -qF "IP Address:$address" "$work/names" || { cat "$work/names"; die "the certificate lacks $address"; }
done
stop_gateway
gateway --set config.service.endpoint="file://$work/repo"
names | cmp -s - "$work/names" || die 'another certificate after a restart'
stop_gateway

# While it runs: new pairs are taken, wrong ones leave the old pair, with a warning and a metric.
mkdir "$work/volume"
mount 1 first.crt first.key
ln -s ..data/tls.crt "$work/volume/tls.crt"
ln -s ..data/tls.key "$work/volume/tls.key"
cat > "$work/settings" <<EOF
net.server.tls.certificate.path = $work/volume/tls.crt
net.server.tls.privateKey.path = $work/volume/tls.key
config.service.endpoint = file://$work/repo
telemetry.logs.std.level = info
EOF
gateway --config "$work/settings"
shows first
metric 'holdfast_certificate_errors_total 0'
mount 2 second.crt second.key
shows second
mount 3 third.crt first.key
says 'CertificateKept.*does not fit.*the old one stays'
shows second
metric 'holdfast_certificate_errors_total 1'
mount 4 third.crt third.key
shows third

# SIGHUP: at once, also for settings.
sed -i "s|$work/volume/tls|$work/first|; s|level = info|level = error|" "$work/settings"
echo 'limits.requests = 7' >> "$work/settings"
kill -HUP "$gateway"
shows first
says 'limits.requests: changed: it takes effect at the next start'
status 200 "$url/hello/you"
sed -i 's/"value": .*/"value": "Moved"/' "$work/artifacts/named values/greeting/namedValueInformation.json"
cp -r "$work/repo" "$work/repo3"
"$HOLDFAST" publish "$work/artifacts" --overrides "$here/demo/overrides.yaml" --repo "$work/repo3" --key "$work/site.key" > /dev/null
sed -i "s|$work/repo|$work/repo3|" "$work/settings"
kill -HUP "$gateway"
for _ in $(seq 100); do curl -s "$url/hello/you" | grep -q '^Moved' && break; sleep 0.1; done
status 200 "$url/hello/you"
body_has 'Moved, you'
sleep 0.3
grep -q GatewayLogs "$work/gateway.log" && die 'the level of the log did not change'

# What is wrong changes nothing.
echo 'net.server.htp.port = 1' >> "$work/settings"
sed -i 's|level = error|level = warn|' "$work/settings"
kill -HUP "$gateway"
sleep 0.5
status 200 "$url/hello/you"
grep -q SettingsKept "$work/gateway.log" && die 'a warning in spite of level error'
stop_gateway
