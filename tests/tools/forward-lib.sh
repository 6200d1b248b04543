# Shared by the scenarios of forwarding: a gateway with one open API "raw" whose backend is tests/tools/backend.py.
# Not a test itself. Use: . "$(dirname "$0")/../tools/forward-lib.sh"
. "$(dirname "${BASH_SOURCE[0]}")/scenario-lib.sh"

raw=$work/artifacts/apis/raw
backend_log=$work/requests.txt

operation() {
    mkdir -p "$raw/operations/$1"
    cat > "$raw/operations/$1/operationInformation.json" <<JSON
{ "properties": { "displayName": "$1", "method": "$2", "urlTemplate": "$3" } }
JSON
}

# operation_policy NAME: the backend section's statement from stdin
operation_policy() {
    printf '<policies><inbound><base /></inbound><backend>%s</backend><outbound><base /></outbound></policies>' "$(cat)" \
        > "$raw/operations/$1/policy.xml"
}

make_raw_api() {
    copy_artifacts
    mkdir -p "$raw" "$work/artifacts/gateways/on-premises-gateway/apis/raw"
    echo '{}' > "$work/artifacts/gateways/on-premises-gateway/apis/raw/gatewayApiInformation.json"
    cat > "$raw/apiInformation.json" <<JSON
{ "properties": { "displayName": "Raw", "path": "raw", "protocols": ["http", "https", "ws"],
  "serviceUrl": "http://127.0.0.1:$onprem/base", "subscriptionRequired": false } }
JSON
    for method in GET HEAD POST PUT DELETE; do operation "any-${method,,}" $method '/*'; done
    operation quick GET '/quick/*'
    echo '<forward-request timeout-ms="300" />' | operation_policy quick
    operation flow GET '/flow/*'
    echo '<forward-request buffer-response="false" />' | operation_policy flow
}

start_raw_backend() {
    : > "$backend_log"
    python3 "$here/tools/backend.py" "$onprem" "$backend_log" > "$work/backend.log" 2>&1 & pids+=($!)
    await_port "$onprem"
    for _ in $(seq 100); do
        (exec 3<> "/dev/tcp/127.0.0.1/$onprem") 2>/dev/null && return
        sleep 0.05
    done
    die "the backend does not listen"
}

# raw_gateway [settings...]
raw_gateway() {
    make_raw_api
    make_key
    publish > /dev/null
    start_raw_backend
    gateway --set config.service.endpoint="file://$work/repo" "$@"
}

# kilobytes of a line of the gateway's /proc/PID/status: VmRSS, VmHWM
kilobytes() { awk -v name="$1:" '$1 == name { print $2 }' "/proc/$gateway/status"; }
