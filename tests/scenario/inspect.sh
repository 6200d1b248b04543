#!/bin/bash
# inspect, rollback, verify, token, trust: what they print, for people and for programs, with and without a gateway.
. "$(dirname "$0")/../tools/scenario-lib.sh"

run() { "$HOLDFAST" "$@" --cache "$work/cache" 2> "$work/err"; }
# prints CODE EXPECTED-OUTPUT command...
prints() {
    local wanted=$1 text=$2 code=0 out
    shift 2
    out=$(run "$@") || code=$?
    [ "$code" = "$wanted" ] || { echo "$out"; cat "$work/err"; die "$*: exit $code, wanted $wanted"; }
    [ "$out" = "$text" ] || { diff <(echo "$text") <(echo "$out"); die "$*: other output"; }
}
# fails CODE TEXT command...: one line of error
fails() {
    local wanted=$1 text=$2 code=0
    shift 2
    run "$@" > "$work/out" || code=$?
    [ "$code" = "$wanted" ] || { cat "$work/out" "$work/err"; die "$*: exit $code, wanted $wanted"; }
    [ "$(cat "$work/err")" = "holdfast: $text" ] || { cat "$work/err"; die "$*: does not say: $text"; }
}
# json CONDITION command...: of the document d
json() {
    local condition=$1
    shift
    run "$@" --json > "$work/json" || true
    python3 -c 'import json,sys; d=json.load(open(sys.argv[1])); assert eval(sys.argv[2]), d' "$work/json" "$condition" || die "$*: not so: $condition"
}
tab=$'\t'

start_backends
copy_artifacts
make_key
cat >> "$work/site.yaml" <<YAML
namedValues:
  - name: pin
    properties: { displayName: pin, value: "s3cret", secret: true }
YAML
mkdir -p "$work/artifacts/backends/locked" "$work/artifacts/named values/pin"
echo '{"properties": {"displayName": "pin", "secret": true}}' > "$work/artifacts/named values/pin/namedValueInformation.json"
echo '{"properties": {"url": "http://127.0.0.1:9", "protocol": "http", "credentials": {"header": {"X-Key": ["s3cret"]}}}}' \
    > "$work/artifacts/backends/locked/backendInformation.json"
sed -i 's|<set-header name="X-Gateway"|<set-header name="X-Pin" exists-action="override"><value>{{pin}}</value></set-header>&|' "$work/artifacts/apis/echo/policy.xml"
pub() { publish --overrides "$work/site.yaml" --allow-plain-secrets > /dev/null; }
pub
run import "$work/repo" > /dev/null

prints 0 "echo${tab}echo${tab}Echo${tab}${tab}${tab}http://127.0.0.1:$onprem
hello${tab}hello${tab}Hello${tab}${tab}${tab}
routing${tab}routing${tab}On-premises or cloud${tab}${tab}${tab}http://127.0.0.1:$cloud" inspect apis
json '[a["id"] for a in d] == ["echo", "hello", "routing"] and d[0]["displayName"] == "Echo" and d[0]["protocols"] == ["http", "https"]' inspect apis
json 'd["id"] == "echo" and d["path"] == "echo"' inspect api echo
json '[o["id"] for o in d] == ["delete", "get", "head", "post", "put"] and d[1]["method"] == "GET" and d[1]["urlTemplate"] == "/*"' inspect operations echo
json 'd[0]["id"] == "starter" and d[0]["subscriptionRequired"] is True' inspect products
json 'd[0]["id"] == "demo" and d[0]["scope"] == "/products/starter" and d[0]["primaryKeyHash"] == "***"' inspect subscriptions
json '[b["id"] for b in d] == ["cloud-api", "locked", "on-prem-api"] and d[1]["credentials"] == "***"' inspect backends
json '[n["value"] for n in d] == ["Hello", "***"]' inspect named-values
json '[n["value"] for n in d] == ["Hello", "s3cret"]' inspect named-values --reveal
json 'd["credentials"]["header"]["X-Key"] == ["s3cret"]' inspect entity backend locked --reveal
json 'd == []' inspect fragments
json 'd == []' inspect certificates
json 'd[0]["id"] == "on-premises-gateway"' inspect gateways
json 'd["id"] == "demo"' inspect entity subscription demo
grep -r s3cret <(run inspect named-values; run inspect backends; run inspect entity backend locked) && die 'a secret is shown'
run inspect policy global | grep -q '<set-header name="X-Served-By"' || die 'the global policy'
json '"X-Served-By" in d["value"] and d["id"] == "global"' inspect policy global

# Each scope stands where its <base/> was.
run inspect effective echo get > "$work/effective"
python3 - "$work/effective" <<'PY' || { cat "$work/effective"; die 'the effective policy'; }
import sys
t = open(sys.argv[1]).read()
inbound = t[t.index("<inbound>"):t.index("</inbound>")]
assert inbound.index("Begin API scope") < inbound.index("Begin Global scope") < inbound.index("End Global scope") < inbound.index("rate-limit-by-key")
outbound = t[t.index("<outbound>"):t.index("</outbound>")]
assert outbound.index("X-Served-By") < outbound.index('name="Server"')
assert "<forward-request" in t and "<base" not in t
PY
run inspect effective echo get --product starter > /dev/null || die 'effective in a product'
fails 1 'inspect: product starter: does not contain api hello' inspect effective hello hello --product starter
fails 1 'inspect: startr: no such product: nearest: starter' inspect effective echo get --product startr
fails 1 'inspect: echo/gett: no such operation: nearest: echo/get, echo/head, echo/post' inspect effective echo gett
fails 1 'inspect: ehco: no such api: nearest: echo, hello, routing' inspect api ehco
fails 1 'inspect: ehco: no such api: nearest: echo, hello, routing' inspect operations ehco
fails 1 'inspect: x: no such fragment: there are none' inspect policy fragment/x
fails 1 'inspect: api/echoo: no such policy: nearest: api/echo, api/routing, global' inspect policy api/echoo
fails 2 'inspect: apiss: no such subject, or not so many arguments: see `holdfast help inspect`' inspect apiss
fails 2 'inspect: api: no such subject, or not so many arguments: see `holdfast help inspect`' inspect api

# Generations, their names and differences.
fails 1 'inspect diff: generation previous: not in this cache: it has 1' inspect diff
prints 0 '' inspect diff 1 active
sed -i 's/"value": .*/"value": "Second"/' "$work/artifacts/named values/greeting/namedValueInformation.json"
rm -r "$work/artifacts/backends/locked"
mkdir "$work/artifacts/backends/extra"
echo '{"properties": {"url": "http://127.0.0.1:9", "protocol": "http"}}' > "$work/artifacts/backends/extra/backendInformation.json"
pub
run import "$work/repo" > /dev/null
difference="+ backend${tab}extra
- backend${tab}locked
~ named-value${tab}greeting${tab}value"
prints 1 "$difference" inspect diff
prints 1 "$difference" inspect diff -1
prints 1 "$difference" inspect diff 1 2
prints 0 '' inspect diff active lkg
json '[(x["id"], x["kind"], x["change"], x["properties"]) for x in d] == [("extra", "backend", "added", []), ("locked", "backend", "removed", []), ("greeting", "named-value", "changed", ["value"])]' inspect diff
json '[(g["id"], g["state"], g["active"], g["previous"], g["lkg"], g["pinned"]) for g in d] == [("2", "confirmed", True, False, True, False), ("1", "confirmed", False, True, False, False)]' inspect generations
fails 1 'inspect diff: generation 9: not in this cache: it has 2, 1' inspect diff 9

# rollback, with and without a gateway.
prints 0 'generation 1 is active and pinned: `holdfast rollback --release` lets sync go on' rollback
json 'd["generation"] == 1 and d["pinned"] is True and d["gateway"] is None' inspect
fails 1 'generation 9: not in this cache: it has 2, 1' rollback 9
prints 0 'released: sync goes on' rollback --release
gateway --set config.service.endpoint="file://$work/repo" --set config.service.refreshInterval=1h
for _ in $(seq 50); do curl -s "$url/hello/you" | grep -q ^Second && break; sleep 0.1; done
prints 0 'generation 1 is active and pinned: `holdfast rollback --release` lets sync go on' rollback -1
status 200 "$url/hello/you"
body_has 'Hello, you'
json 'd["gateway"]["generation"] == 1 and d["gateway"]["state"] == "serving" and d["apis"] == 3' inspect status
run verify | grep -qx 'ok generation 1' || die 'verify beside a gateway'
prints 0 'released: sync goes on' rollback --release
json 'd["result"] == "updated" and d["from"] == 1 and d["to"] == 2 and d["reason"] is None and set(d) >= {"requests", "bytes", "resumed"}' sync --once
status 200 "$url/hello/you"
body_has 'Second, you'
json 'd == []' inspect usage
stop_gateway

# Tables for people only on a terminal.
if command -v script > /dev/null; then
    script -qec "$HOLDFAST inspect apis --cache $work/cache" /dev/null < /dev/null | tr -d '\r' > "$work/table"
    grep -q '^ID  *PATH  *NAME' "$work/table" || { cat "$work/table"; die 'no head of a table'; }
    grep -q "$tab" "$work/table" && die 'tabs on a terminal'
fi

# Tokens.
"$HOLDFAST" keygen --use token --out "$work/token.key" > /dev/null
token=$("$HOLDFAST" token create --gateway shed --key "$work/token.key" --expiry 2031-01-02T03:04:05Z)
python3 - "$token" "$work/token.key" <<'PY' || die "token: $token"
import base64, hashlib, hmac, sys
word, rest = sys.argv[1].split(" ")
id, expiry, signature = rest.split("&")
assert (word, id, expiry) == ("GatewayKey", "shed", "203101020304"), rest
key = base64.b64decode(open(sys.argv[2]).read())
assert signature == base64.b64encode(hmac.new(key, f"{id}\n{expiry}".encode(), hashlib.sha512).digest()).decode()
PY
prints 0 'ok shed until 203101020304' token verify "$token" --key "$work/token.key"
echo "${token#GatewayKey }" > "$work/token"
prints 0 'ok shed until 203101020304' token verify "@$work/token" --key "$work/token.key"
[ "$("$HOLDFAST" token verify - --key "$work/token.key" < "$work/token")" = 'ok shed until 203101020304' ] || die 'a token on stdin'
"$HOLDFAST" keygen --use token --out "$work/other.key" > /dev/null
fails 1 'token verify: the signature is not of this key' token verify "$token" --key "$work/other.key"
old=$("$HOLDFAST" token create --gateway shed --key "$work/token.key" --expiry 2020-01-01T00:00:00Z)
fails 1 'token verify: expired at 202001010000 (yyyyMMddHHmm, UTC)' token verify "$old" --key "$work/token.key"
fails 1 'token verify: not of the form GatewayKey ID&EXPIRY&SIGNATURE' token verify nonsense --key "$work/token.key"
fails 2 'token create: --expiry: "soon": give 2026-12-31T23:59:00Z or a duration like 30d' token create --gateway shed --key "$work/token.key" --expiry soon
"$HOLDFAST" token create --gateway shed --key "$work/token.key" --expiry P30D | grep -Eq '^GatewayKey shed&[0-9]{12}&[A-Za-z0-9+/]{86}==$' || die 'P30D'

# Trust.
fingerprint=$("$HOLDFAST" keygen --out "$work/new.key")
json 'd["version"] == 1 and d["keys"][0]["root"]' trust
(cd "$work" && prints 0 "pinned $fingerprint" trust pin new.key.pub)
json "d['pinned'] == '$fingerprint'" trust show
run import "$work/repo" > "$work/out" && die 'an unknown key is taken'
grep -q "signature: key sha256:.*: not in the pinned root" "$work/out" || { cat "$work/out"; die 'an unknown key is not named'; }
prints 0 'forgotten: the next root seen will be trusted' trust forget
run import "$work/repo" | grep -Eq '"result":"(current|updated)"' || die 'after trust forget'

# verify names what is damaged; a database that is none is a finding, too.
prints 0 "$(run inspect generations | sed 's/^\([0-9]*\).*/ok generation \1/')" verify
json 'd["ok"] is True and d["faults"] == [] and 2 in d["generations"]' verify
python3 - "$work/cache/cfg.db" <<'PY'
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
h, z = db.execute("SELECT hash, z FROM leaf LIMIT 1").fetchone()
z = bytearray(z); z[-3] ^= 1
db.execute("UPDATE leaf SET z=? WHERE hash=?", (bytes(z), h)); db.commit()
PY
json 'd["ok"] is False and any("leaf" in f and "digest" in f for f in d["faults"])' verify
run verify > "$work/out" && die 'damage is not found'
grep -q '^cfg.db: generation [0-9]*: leaf [0-9]*: digest: ' "$work/out" || { cat "$work/out"; die 'the damage is not named'; }
head -c 9000 /dev/urandom > "$work/cache/cfg.db"
code=0
run verify > "$work/out" || code=$?
[ "$code" = 1 ] && grep -q 'cfg.db: file is not a database' "$work/out" || { cat "$work/out"; die "no database: exit $code"; }
rm -r "$work/cache"
fails 3 "verify: cache.path: $work/cache: no cache here: give --cache DIR" verify
