# Shared by the scenarios of policies: one API "p" at /p, its operations made of policies, a gateway over them.
# Not a test itself. Use: . "$(dirname "$0")/../tools/policy-lib.sh"
. "$(dirname "${BASH_SOURCE[0]}")/scenario-lib.sh"

api=$work/artifacts/apis/p
backend_log=$work/requests.txt

# make_api [PROPERTIES...]: members added to the API's properties
make_api() {
    mkdir -p "$api/operations"
    cat > "$api/apiInformation.json" <<JSON
{ "properties": { "displayName": "P", "path": "p", "protocols": ["http"], "serviceUrl": "http://127.0.0.1:$onprem/base",
  "subscriptionRequired": false ${1:+, $1} } }
JSON
}

# operation ID METHOD TEMPLATE: its inbound section's statements from stdin
operation() {
    mkdir -p "$api/operations/$1"
    echo "{ \"properties\": { \"displayName\": \"$1\", \"method\": \"$2\", \"urlTemplate\": \"$3\" } }" \
        > "$api/operations/$1/operationInformation.json"
    printf '<policies><inbound><base />%s</inbound></policies>' "$(cat)" > "$api/operations/$1/policy.xml"
}

serve_policies() {
    make_key
    "$HOLDFAST" publish "$work/artifacts" --repo "$work/repo" --key "$work/site.key" -q
    : > "$backend_log"
    python3 "$here/tools/backend.py" "$onprem" "$backend_log" > "$work/backend.log" 2>&1 & pids+=($!)
    await_port "$onprem"
    gateway --set config.service.endpoint="file://$work/repo" "$@"
}

body_is() { [ "$(cat "$work/body")" = "$1" ] || { cat "$work/body"; die "body is not: $1"; }; }
backend_calls() { grep -vc '^closed' "$backend_log" || true; }
