#!/bin/bash
# make bench: the same work through Holdfast, HAProxy and (plain proxying only) nginx, side by side on this machine.
#   work: check a key among 1,000, count a rate limit per key, set one request header, remove one response header, proxy
#   a GET with a 250-byte answer over 32 keep-alive connections.
# CPU per request is that of the gateway's processes, from /proc. Rounds alternate, so that what else the machine does
# falls on all of them.   ROUNDS=3 SECONDS_EACH=5
. "$(dirname "$0")/../tools/scenario-lib.sh"
rounds=${ROUNDS:-3} seconds=${SECONDS_EACH:-5} keys=1000
{ read -r backend; read -r haproxy_port; read -r nginx_port; } < <(free_ports 3)

# ---- backend: 250 bytes ----
body=$(printf 'x%.0s' $(seq 250))
cat > "$work/backend.conf" <<CONF
worker_processes 1; daemon off; pid $work/backend.pid; error_log $work/backend-error.log warn;
events { worker_connections 1024; }
http { access_log off; keepalive_requests 1000000000; default_type text/plain;
  client_body_temp_path $work/b1; proxy_temp_path $work/b2; fastcgi_temp_path $work/b3; uwsgi_temp_path $work/b4; scgi_temp_path $work/b5;
  server { listen 127.0.0.1:$backend; location / { return 200 '$body'; } } }
CONF
nginx -p "$work" -e "$work/backend-error.log" -c "$work/backend.conf" > "$work/backend.log" 2>&1 & pids+=($!)

# ---- nginx: plain proxy ----
cat > "$work/proxy.conf" <<CONF
worker_processes 2; daemon off; pid $work/proxy.pid; error_log $work/proxy-error.log warn;
events { worker_connections 1024; }
http { access_log off; keepalive_requests 1000000000;
  client_body_temp_path $work/p1; proxy_temp_path $work/p2; fastcgi_temp_path $work/p3; uwsgi_temp_path $work/p4; scgi_temp_path $work/p5;
  upstream b { server 127.0.0.1:$backend; keepalive 64; keepalive_requests 1000000000; }
  server { listen 127.0.0.1:$nginx_port; location / { proxy_pass http://b; proxy_http_version 1.1; proxy_set_header Connection ""; } } }
CONF
nginx -p "$work" -e "$work/proxy-error.log" -c "$work/proxy.conf" > "$work/proxy.log" 2>&1 & nginx_pid=$!; pids+=($nginx_pid)

# ---- HAProxy: the same work ----
for i in $(seq $keys); do echo "key-$i 1"; done > "$work/keys.map"
cat > "$work/haproxy.cfg" <<CONF
global
    nbthread 2
defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s
    timeout http-keep-alive 60s
frontend f
    bind 127.0.0.1:$haproxy_port
    stick-table type string len 32 size 100k expire 60s store http_req_rate(10s)
    http-request set-var(txn.key) req.hdr(Ocp-Apim-Subscription-Key)
    http-request deny deny_status 401 unless { var(txn.key),map_str($work/keys.map) -m found }
    http-request track-sc0 var(txn.key)
    http-request deny deny_status 429 if { sc_http_req_rate(0) gt 100000000 }
    http-request set-header X-Gateway bench
    http-response del-header Server
    default_backend b
backend b
    http-reuse always
    server s 127.0.0.1:$backend
CONF
haproxy -f "$work/haproxy.cfg" -db > "$work/haproxy.log" 2>&1 & haproxy_pid=$!; pids+=($haproxy_pid)

# ---- Holdfast ----
a=$work/artifacts
mkdir -p "$a/apis/bench/operations/get"
echo "{\"properties\":{\"path\":\"\",\"protocols\":[\"http\"],\"serviceUrl\":\"http://127.0.0.1:$backend\"}}" > "$a/apis/bench/apiInformation.json"
echo '{"properties":{"method":"GET","urlTemplate":"/*"}}' > "$a/apis/bench/operations/get/operationInformation.json"
cat > "$a/apis/bench/policy.xml" <<'XML'
<policies>
  <inbound><base />
    <rate-limit-by-key calls="100000000" renewal-period="10" counter-key="@(context.Subscription.Id)" />
    <set-header name="X-Gateway" exists-action="override"><value>bench</value></set-header>
  </inbound>
  <backend><base /></backend>
  <outbound><base /><set-header name="Server" exists-action="delete" /></outbound>
</policies>
XML
{ echo 'subscriptions:'; for i in $(seq $keys); do printf -- '- name: s%s\n  properties: { scope: /apis, primaryKey: key-%s }\n' "$i" "$i"; done; } > "$work/overrides.yaml"
make_key
"$HOLDFAST" publish "$a" --overrides "$work/overrides.yaml" --repo "$work/repo" --key "$work/site.key" -q 2> "$work/publish.log"
gateway --set config.service.endpoint="file://$work/repo" --set telemetry.logs.std=none --set config.service.refreshInterval=1h
holdfast_pid=$gateway

# ---- load ----
cat > "$work/keys.lua" <<'LUA'
local requests, at = {}, 0
function init() for i = 1, 1000 do
  requests[i] = wrk.format("GET", "/items/" .. i, { ["Host"] = "bench", ["User-Agent"] = "wrk", ["Accept"] = "*/*", ["Ocp-Apim-Subscription-Key"] = "key-" .. i })
end end
function request() at = at % 1000 + 1; return requests[at] end
LUA
ticks() { local t=0 p; for p in "$1" $(pgrep -P "$1" || true); do t=$((t + $(awk '{ sub(/.*\) /, ""); print $12 + $13 }' "/proc/$p/stat"))); done; echo $t; }
hz=$(getconf CLK_TCK)
measure() { # name pid port
    local before after out requests rate p99 bad
    before=$(ticks "$2")
    out=$(wrk -t1 -c32 -d"${seconds}s" --latency -s "$work/keys.lua" "http://127.0.0.1:$3/")
    after=$(ticks "$2")
    requests=$(awk '/requests in/ { print $1 }' <<< "$out"); rate=$(awk '/Requests\/sec/ { print $2 }' <<< "$out")
    p99=$(awk '/ 99%/ { print $2 }' <<< "$out"); bad=$(awk '/Non-2xx/ { print $NF }' <<< "$out")
    [ -z "$bad" ] || die "$1 answered $bad requests with other than 2xx"
    awk -v n="$1" -v t=$((after - before)) -v hz="$hz" -v r="$requests" -v q="$rate" -v p="$p99" \
        'BEGIN { printf "%-9s %7.2f us CPU/request %9.0f requests/s   p99 %s\n", n, t / hz * 1e6 / r, q, p }' | tee -a "$work/results"
}
curl -fs -o /dev/null -H 'Ocp-Apim-Subscription-Key: key-7' "http://127.0.0.1:$haproxy_port/" || die 'HAProxy does not answer'
curl -fs -o /dev/null "http://127.0.0.1:$nginx_port/" || die 'nginx does not answer'
status 200 "$url/" -H 'Ocp-Apim-Subscription-Key: key-7'
status 401 "$url/" -H 'Ocp-Apim-Subscription-Key: key-7x'
head_lacks 'Server:'
wrk -t1 -c32 -d1s -s "$work/keys.lua" "$url/" > /dev/null
for _ in $(seq "$rounds"); do
    measure holdfast "$holdfast_pid" "$http"
    measure haproxy "$haproxy_pid" "$haproxy_port"
    measure nginx "$nginx_pid" "$nginx_port"
done
python3 - "$work/results" <<'PY'
import statistics, sys
rows = [l.split() for l in open(sys.argv[1])]
med = {n: statistics.median(float(r[1]) for r in rows if r[0] == n) for n in ("holdfast", "haproxy", "nginx")}
print("\nmedian CPU per request: holdfast %.2f us, haproxy %.2f us (ratio %.2f), nginx plain %.2f us (ratio %.2f)"
      % (med["holdfast"], med["haproxy"], med["holdfast"] / med["haproxy"], med["nginx"], med["holdfast"] / med["nginx"]))
PY
