#!/bin/bash
# The first start: what is missing is said, with the setting, the value and what to do.
. "$(dirname "$0")/../tools/scenario-lib.sh"

# says CODE TEXT arguments...: serve must end with CODE and say TEXT; environment as the caller set it.
says() {
    local wanted=$1 text=$2 code=0
    shift 2
    timeout 20 "$HOLDFAST" serve --cache "$work/c" --set net.server.address=127.0.0.1 --set net.server.http.port="$http" \
        --set net.server.https.port="$https" --set telemetry.metrics.prometheus.port="$metrics" --set admin.listen=none "$@" \
        > "$work/out" 2>&1 || code=$?
    [ "$code" = "$wanted" ] || { cat "$work/out"; die "$*: exit $code, wanted $wanted"; }
    grep -qF -- "$text" "$work/out" || { cat "$work/out"; die "$*: does not say: $text"; }
}

# ---- settings -------------------------------------------------------------------------------------

none="file://$work/none"
says 2 'config.service.endpoint: not set: give https://host/repo, file:///dir, or load one with `holdfast import DIR`'
says 2 'config.trust.root: needed over plain http' --set config.service.endpoint=http://127.0.0.1:1/repo
azure='publish an apiops extract with `holdfast publish` and give the address of that repository'
for host in x.configuration.azure-api.net https://x.configuration.azure-api.cn/ x.configuration.azure-api.us:443; do
    says 2 "config.service.endpoint: $host: Azure's own service: $azure" --set config.service.endpoint="$host"
done
for auth in azureAdApp workloadIdentity; do
    says 2 "config.service.auth: $auth: only Azure's own service has it: $azure" --set config.service.auth=$auth --set config.service.endpoint="$none"
done
says 2 'config.service.auth: '"$work/none: " --set config.service.auth="@$work/none" --set config.service.endpoint="$none"
says 2 'config.service.endpoint: ftp://x: only https, http and file are possible' --set config.service.endpoint=ftp://x
says 2 '--set: net.server.htp.port: no such setting: did you mean net.server.http.port?' --set net.server.htp.port=1
says 2 '--set: net.server.http.port: "x": give a port, 0 to 65535' --set net.server.http.port=x
says 2 'limits.connections: "0": give more than 0' --set limits.connections=0
says 2 'observability.opentelemetry.histogram.buckets: "5,1": give at most 32 ascending milliseconds' \
    --set observability.opentelemetry.histogram.buckets=5,1
says 2 'admin.listen: 0.0.0.0:1: not loopback: set admin.token' --set admin.listen=0.0.0.0:1 --set config.service.endpoint="$none"
says 2 'admin.listen: "here": give ADDRESS:PORT, a path, or none' --set admin.listen=here --set config.service.endpoint="$none"
says 2 'net.server.address: "nonsense": give addresses in numbers' --set config.service.endpoint="$none" --set net.server.address=nonsense
says 2 'net.server.address: empty' --set config.service.endpoint="$none" --set net.server.address=
says 3 "net.client.tls.ca.path: CA certificates: $work/none.pem: cannot open" --set net.client.tls.ca.path="$work/none.pem"
says 2 'net.server.tls.ciphers.allowed-suites: "TLS_NO_SUCH": none of these suites is built in' --set net.server.tls.ciphers.allowed-suites=TLS_NO_SUCH
says 2 'Protocols.Tls12: false, as is Tls13' --set Microsoft.WindowsAzure.ApiManagement.Gateway.Security.Backend.Protocols.Tls12=false \
    --set Microsoft.WindowsAzure.ApiManagement.Gateway.Security.Backend.Protocols.Tls13=false
says 2 'config.channel: ../x: only letters' --set config.service.endpoint="$none" --set config.channel=../x
says 2 'config.trust.root: sha256:zz: sha256: and 64 hex digits' --set config.service.endpoint="$none" --set config.trust.root=sha256:zz
{ printf x; head -c 3000 /dev/urandom | tr -d '\n'; } > "$work/conf"
says 2 "$work/conf:1: " --config "$work/conf"
[ "$(grep -c . "$work/out")" = 1 ] || die 'a wrong file makes more than one line of error'
says 2 'gateway.key.path: not built yet' --set gateway.key.path=/x
printf '# ours\nlimits.arena = 2m\n\nlimits.arna = 1\n' > "$work/conf"
says 2 "$work/conf:4: limits.arna: no such setting: did you mean limits.arena?" --config "$work/conf"
says 2 "$work/none.conf: cannot open" --config "$work/none.conf"
says 3 'net.server.tls.certificate.path' --set config.service.endpoint="$none" \
    --set net.server.tls.certificate.path="$work/none.crt" --set net.server.tls.privateKey.path="$work/none.key"

# The environment: dotted, upper case, what Kubernetes injects; later sources win.
setting() { grep -A2 "^$1 = " "$work/help" | tr '\n' ' ' | grep -q "^$1 = $2 .*from: $3" || { grep -A2 "^$1 = " "$work/help"; die "$1 is not $2 from $3"; }; }
printf 'net.server.http.port=1\nconfig.channel=blue\nlimits.requests=5\ntimeout.head=00:00:30\nconfig.service.refreshInterval=P30D\nlimits.arena=2m\n' > "$work/conf"
env config.channel=green CONFIG_CHANNEL=red LIMITS_REQUESTS=6 CONFIG_SERVICE_REFRESHINTERVAL=5m 'telemetry.logs.std=true' telemetry.metrics.local=false \
    telemetry.logs.local=false CONFIG_SERVICE_HOST=10.0.0.1 CONFIG_SERVICE_PORT=tcp://10.0.0.1:443 CONFIG_SERVICE_PORT_443_TCP=tcp://10.0.0.1:443 \
    NET_SERVER_HTTPS_PORT=tcp://10.0.0.2:80 config.sevice.auth=x \
    "$HOLDFAST" serve --help-settings --config "$work/conf" --set limits.requests=7 --set admin.token=hidden > "$work/help" 2> "$work/err"
[ "$(cat "$work/err")" = 'holdfast: warning: environment: config.sevice.auth: no such setting: did you mean config.service.auth?' ] ||
    { cat "$work/err"; die 'warnings of the environment'; }
setting net.server.http.port 1 file
setting config.channel green environment
setting limits.requests 7 --set
setting config.service.refreshInterval 5m environment
setting timeout.head 00:00:30 file
setting net.server.https.port 8081 default
setting admin.token '\*\*\*' --set
setting telemetry.logs.std true environment
grep -q hidden "$work/help" && die 'a secret is shown'

# All settings of the original are taken; what means nothing here with one warning each.
grep -v '^#' > "$work/conf" <<CONF
config.service.endpoint=$none
config.service.auth=GatewayKey on-premises-gateway&203112312359&c2lnbmF0dXJl
config.service.refreshInterval=30s
config.service.endpoint.disableCertificateValidation=false
config.service.integration.timeout=00:01:40
config.service.auth.azureAd.tenantId=t
config.service.auth.azureAd.authority=https://login.microsoftonline.com
config.service.auth.tokenAudience=https://azure-api.net/configuration
telemetry.logs.std=text
telemetry.logs.std.level=info
telemetry.logs.std.color=true
telemetry.logs.local=auto
telemetry.metrics.local=none
telemetry.metrics.cloud=true
net.server.http.forwarded.proto.enabled=true
neighborhood.host=apim-headless
neighborhood.heartbeat.port=4291
policy.rate-limit.sync.port=4290
k8s.ingress.enabled=false
observability.opentelemetry.enabled=false
certificates.local.ca.enabled=true
net.client.tls.ciphers.allowed-suites=TLS_AES_128_GCM_SHA256
Microsoft.WindowsAzure.ApiManagement.Gateway.Security.Backend.Protocols.Tls12=true
runtime.deployment.mechanism=Helm
CONF
WAIT=live gateway --config "$work/conf" --set telemetry.logs.std=none
[ "$(grep -c 'accepted, but it has no effect here' "$work/gateway.log")" = 11 ] || { cat "$work/gateway.log"; die 'not one warning each'; }
stop_gateway
: > "$work/gateway.log"

# ---- nothing cached, no link -------------------------------------------------------------------------

start_backends
copy_artifacts
make_key
WAIT=live gateway --set config.service.endpoint="file://$work/repo"
tls=https://127.0.0.1:$https
probe=/status-0123456789abcdef
for base in "$url" "$tls"; do
    status 503 -k "$base/hello/you"
    [ "$(cat "$work/body")" = '{ "statusCode": 503, "message": "Service unavailable" }' ] || die 'the body of a 503'
    head_has 'Retry-After:'
    head_has 'Content-Type: application/json'
    status 503 -k "$base$probe"
    [ "$(cat "$work/body")" = '{ "status": "unavailable", "reason": "no configuration yet" }' ] || { cat "$work/body"; die 'the reason'; }
    status 503 -k -I "$base$probe"
    status 503 -k "$base$probe?ready=1"
    status 200 -k "$base$probe?live=1"
    [ "$(cat "$work/body")" = '{ "status": "ok" }' ] || die 'the body of a probe'
    status 200 -k -I "$base$probe?live=1"
done
health() { "$HOLDFAST" health "$@" --set net.server.http.port="$http" --set net.server.address=127.0.0.1 > /dev/null 2>&1; }
health --live || die 'health --live'
health && die 'health before a configuration'
"$HOLDFAST" inspect --cache "$work/cache" > "$work/status"
grep -q '^generation.none: .*no configuration here yet' "$work/status" || die 'inspect does not say that nothing is cached'
grep -q '^gateway.sync.*"reason":"connect".*repo' "$work/status" || { cat "$work/status"; die 'inspect does not say what is missing'; }
grep -q 'ConfigurationOffline.*connect: .*repo' "$work/gateway.log" || die 'the log does not say what is missing'

# A second gateway on the same cache; other commands hand their work over or say who has it.
code=0
timeout 20 "$HOLDFAST" serve --cache "$work/cache" --set net.server.address=127.0.0.1 --set net.server.http.port=0 --set net.server.https.port=0 \
    --set telemetry.metrics.prometheus.port=0 --set config.service.endpoint="file://$work/repo" > "$work/out" 2>&1 || code=$?
[ "$code" = 3 ] && grep -q "cache.path: $work/cache: held by process $gateway" "$work/out" || { cat "$work/out"; die "a held cache: exit $code"; }
code=0
"$HOLDFAST" sync --cache "$work/cache" --set config.service.endpoint="file://$work/repo" > "$work/out" 2>&1 || code=$?
[ "$code" = 3 ] && grep -q "held by process $gateway" "$work/out" || { cat "$work/out"; die "sync on a held cache: exit $code"; }
"$HOLDFAST" sync --once --cache "$work/cache" > "$work/out" && die 'sync --once without a source'
[ "$?" = 3 ] && grep -q '"result":"offline"' "$work/out" || { cat "$work/out"; die 'sync --once is not handed over'; }
# One that does not answer is named by its pid.
kill -STOP "$gateway"
for _ in $(seq 100); do grep -hq '^State:.[^tT]' /proc/"$gateway"/task/*/status || break; sleep 0.02; done # every thread of it
code=0
"$HOLDFAST" rollback --cache "$work/cache" > "$work/out" 2>&1 || code=$?
kill -CONT "$gateway"
[ "$code" = 3 ] && grep -q "held by process $gateway, which does not answer" "$work/out" || { cat "$work/out"; die "a stopped gateway: exit $code"; }

# Ports that are taken, each named by its setting; the admin port only with a warning.
taken() {
    local setting=$1 code=0
    shift
    timeout 20 "$HOLDFAST" serve --cache "$work/c2" --set net.server.address=127.0.0.1 --set net.server.http.port=0 --set net.server.https.port=0 \
        --set telemetry.metrics.prometheus.port=0 --set admin.listen=none --set config.service.endpoint="file://$work/repo" \
        --set "$setting=$http" > "$work/out" 2>&1 || code=$?
    [ "$code" = 3 ] && grep -q "$setting.*$http" "$work/out" || { cat "$work/out"; die "$setting is taken: exit $code"; }
}
taken net.server.http.port
taken net.server.https.port
taken telemetry.metrics.prometheus.port
first=$gateway
read -r other < <(free_ports 1)
"$HOLDFAST" serve --cache "$work/c2" --set net.server.address=127.0.0.1 --set net.server.http.port="$other" --set net.server.https.port=0 \
    --set telemetry.metrics.prometheus.port=0 --set admin.listen="127.0.0.1:$http" --set config.service.endpoint="file://$work/repo" > "$work/out" 2>&1 & gateway=$!
pids+=($gateway)
for _ in $(seq 100); do curl -s -o /dev/null "http://127.0.0.1:$other$probe?live=1" && break; sleep 0.1; done
status 200 "http://127.0.0.1:$other$probe?live=1"
grep -q "warning: admin.listen.*$http" "$work/out" || { cat "$work/out"; die 'a taken admin port'; }
stop_gateway
gateway=$first

# The repository appears: served without a restart.
publish > /dev/null
for _ in $(seq 100); do curl -fs -o /dev/null "$url/hello/you" && break; sleep 0.2; done
status 200 "$url/hello/you"
status 200 "$url$probe"
grep -q 'TrustPinned.*sha256:' "$work/gateway.log" || die 'the first root is not told'
stop_gateway

# ---- who may have it -------------------------------------------------------------------------------------

python3 "$here/tools/origin.py" "$work" --port-file "$work/port" > "$work/origin.log" 2>&1 & pids+=($!)
for _ in $(seq 100); do [ -s "$work/port" ] && break; sleep 0.1; done
origin=http://127.0.0.1:$(cat "$work/port")
curl -s "$origin/_control?token=good" > /dev/null
says_log() { for _ in $(seq 100); do grep -qF -- "$1" "$work/gateway.log" && return; sleep 0.1; done; die "the log does not say: $1"; }
: > "$work/gateway.log"
WAIT=live gateway --set config.service.endpoint="$origin/repo" --set config.trust.root="$work/site.key.pub" --cache "$work/c3"
says_log "auth: 401 from ${origin#http://}: set config.service.auth"
status 503 "$url/hello/you"
stop_gateway
# A token in a file is read anew before every cycle, so that it can be renewed; with a cache it serves on when it has expired.
echo 'GatewayKey bad' > "$work/token"
WAIT=live gateway --set config.service.endpoint="$origin/repo" --set config.trust.root="$work/site.key.pub" --cache "$work/c3" --set config.service.auth="@$work/token"
echo 'GatewayKey good' > "$work/token"
for _ in $(seq 100); do curl -fs -o /dev/null "$url/hello/you" && break; sleep 0.2; done
status 200 "$url/hello/you"
curl -s "$origin/_control?token=other" > /dev/null
code=0
"$HOLDFAST" sync --once --cache "$work/c3" > "$work/out" || code=$?
[ "$code" = 3 ] && grep -q '"result":"offline".*"reason":"auth"' "$work/out" || { cat "$work/out"; die 'an expired token'; }
status 200 "$url/hello/you"
status 200 "http://127.0.0.1:$metrics/metrics"
grep -q '^configuration_sync_errors_total{reason="auth"} [1-9]' "$work/body" || die 'auth is not counted'
stop_gateway
curl -s "$origin/_control?reset=1" > /dev/null

# A service that says nothing is given up after config.service.integration.timeout.
curl -s "$origin/_control?stall=10" > /dev/null
began=$(date +%s)
code=0
"$HOLDFAST" sync --once --cache "$work/c6" --set config.service.endpoint="$origin/repo" --set config.trust.root="$work/site.key.pub" \
    --set config.service.integration.timeout=1s > "$work/out" || code=$?
[ "$code" = 3 ] && grep -q '"reason":"connect"' "$work/out" && [ $(($(date +%s) - began)) -le 5 ] || { cat "$work/out"; die 'config.service.integration.timeout'; }
curl -s "$origin/_control?reset=1" > /dev/null

# Signed by an unknown key.
"$HOLDFAST" keygen --out "$work/lost.key" > "$work/fingerprint"
: > "$work/gateway.log"
WAIT=live gateway --set config.service.endpoint="file://$work/repo" --set config.trust.root="$work/lost.key.pub" --cache "$work/c4"
says_log "not in the pinned root"
grep -Eq 'signature: key sha256:[0-9a-f]+…: not in the pinned root \(sha256:[0-9a-f]+…\): if the key was lost, `holdfast trust pin FILE.pub`' "$work/gateway.log" ||
    { cat "$work/gateway.log"; die 'the words for an unknown key'; }
status 503 "$url/hello/you"
stop_gateway

# With a cache an address of Azure is only a warning.
: > "$work/gateway.log"
gateway --set config.service.endpoint=x.configuration.azure-api.net
grep -q "warning: config.service.endpoint: x.configuration.azure-api.net: Azure's own service: this gateway serves what it has" "$work/gateway.log" || die 'no warning'
status 200 "$url/hello/you"
stop_gateway

# An id that the repository does not know.
: > "$work/gateway.log"
WAIT=live gateway --set config.service.endpoint="file://$work/repo" --set gateway.id=pod-7f9 --cache "$work/c5"
says_log 'gateway.id: pod-7f9: not in this repository (known: on-premises-gateway)'
status 503 "$url/hello/you"
stop_gateway

# ---- a cache that cannot be used ----------------------------------------------------------------------------

# Not writable: served from memory (as root only a place where nothing can be made will do).
: > "$work/gateway.log"
gateway --set config.service.endpoint="file://$work/repo" --cache /proc/holdfast
status 200 "$url/hello/you"
grep -q "StoreDegraded.*/proc/holdfast: .*: make the directory writable for uid $(id -u), or set cache.path" "$work/gateway.log" || die 'path, uid and remedy'
status 200 "http://127.0.0.1:$metrics/metrics"
grep -qx 'holdfast_store_degraded 1' "$work/body" || die 'the metric'
stop_gateway

# Unreadable: the last known good copy; without one as if there were none; nothing is deleted.
rm -rf "$work/away"
mv "$work/repo" "$work/away"
[ -s "$work/cache/cfg.lkg" ] || die 'no copy'
head -c 20000 /dev/urandom > "$work/cache/cfg.db"
: > "$work/gateway.log"
gateway --set config.service.endpoint="file://$work/repo"
status 200 "$url/hello/you"
grep -q StoreFault "$work/gateway.log" || die 'the damage is not told'
stop_gateway
ls "$work/cache" | grep -q 'cfg.db.bad-' || die 'the damaged file is gone'
head -c 20000 /dev/urandom > "$work/cache/cfg.db"
head -c 20000 /dev/urandom > "$work/cache/cfg.lkg"
WAIT=live gateway --set config.service.endpoint="file://$work/repo"
status 503 "$url/hello/you"
mv "$work/away" "$work/repo"
for _ in $(seq 100); do curl -fs -o /dev/null "$url/hello/you" && break; sleep 0.2; done
status 200 "$url/hello/you"
stop_gateway
