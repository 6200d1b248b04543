#!/bin/bash
# import and export: a cache becomes a repository that other gateways take, byte for byte; --dry-run changes nothing.
. "$(dirname "$0")/../tools/scenario-lib.sh"

run() { "$HOLDFAST" "$@" 2> "$work/err"; }
# fails CODE TEXT command...
fails() {
    local wanted=$1 text=$2 code=0
    shift 2
    run "$@" > "$work/out" || code=$?
    [ "$code" = "$wanted" ] || { cat "$work/out" "$work/err"; die "$*: exit $code, wanted $wanted"; }
    grep -qF -- "$text" "$work/out" "$work/err" || { cat "$work/out" "$work/err"; die "$*: does not say: $text"; }
}
set_greeting() { sed -i "s/\"value\": .*/\"value\": \"$1\"/" "$work/artifacts/named values/greeting/namedValueInformation.json"; }

start_backends
copy_artifacts
make_key
publish > /dev/null
cd "$work"
fails 3 'no cache here' export stick --cache empty
fails 3 'import: nowhere: No such file' import nowhere --cache n

# A dry run says what would happen, and nothing happens.
run import repo --dry-run --cache a | grep -q '"result":"updated","from":0,"to":1' || die 'dry run of a first import'
[ ! -e a ] || die 'a dry run makes a cache'
run import repo --cache a | grep -q '"result":"updated"' || die 'a relative path'
set_greeting Second
publish > /dev/null
run import repo --dry-run --cache a | grep -q '"result":"updated","from":1,"to":2' || die 'dry run of the second'
run inspect generations --cache a --json | grep -q '"id":"2"' && die 'a dry run keeps what it saw'
run import repo --cache a > /dev/null

# Keys have changed since: the chain of roots goes with it.
"$HOLDFAST" keygen --out next.key > /dev/null
publish --spare "$work/next.key.pub" > /dev/null
run import repo --cache a > /dev/null
set_greeting Third
"$HOLDFAST" publish artifacts --overrides "$here/demo/overrides.yaml" --repo repo --key next.key > /dev/null
run import repo --cache a | grep -q '"result":"updated"' || die 'new keys'
[ -e repo/root/3 ] || die 'the keys did not change'

run export stick --cache a > out || { cat err; die 'export'; }
grep -q '^exported publish 4: ' out || die "export says: $(cat out)"
[ -e stick/default/latest ] || die 'no latest'
for file in $(cd stick && find . -type f ! -name lock); do cmp -s "stick/$file" "repo/$file" || die "$file differs"; done
for file in root/1 root/2 root/3 default/latest default/m/4 default/p/4; do [ -s "stick/$file" ] || die "$file is missing"; done
find stick -name '*.tmp' | grep -q . && die 'temporary files are left'
run export stick --cache a --json | grep -q '{"result":"unchanged","seq":4,"entities":30,"bytes":0,"files":0}' || die 'a second export writes'

# Only the first key is known elsewhere: the signatures still lead there.
run import stick --cache b --set config.trust.root=site.key.pub | grep -q '"result":"updated","from":0,"to":4' || { cat err; die 'import of the export'; }
run verify --cache b | grep -qx 'ok generation 4' || die 'verify of the import'
WAIT=ready gateway --set config.service.endpoint="file://$work/stick" --cache "$work/b"
status 200 "$url/hello/you"
body_has 'Third, you'

# Beside a running gateway; and a damaged file is written again.
printf x > "$(find stick/o -type f | head -n 1)"
run export stick --cache b --json | grep -q '"files":[1-9]' || die 'damage is not mended'
cmp -s stick/default/latest repo/default/latest || die 'latest'
run verify --cache b > /dev/null || die 'verify beside a gateway'

# An import is handed to the gateway, which has another working directory.
set_greeting Fourth
"$HOLDFAST" publish artifacts --overrides "$here/demo/overrides.yaml" --repo repo --key next.key > /dev/null
run import repo --dry-run --cache b | grep -q '"result":"updated","from":4,"to":5' || die 'dry run beside a gateway'
status 200 "$url/hello/you"
body_has 'Third, you'
run import repo --cache b | grep -q '"result":"updated","from":4,"to":5' || { cat err; die 'import into a running gateway'; }
status 200 "$url/hello/you"
body_has 'Fourth, you'
stop_gateway

# What would do harm is refused.
run rollback 1 --cache a > /dev/null
fails 3 'publish 4 is here, this cache has 1: it is not replaced' export stick --cache a
"$HOLDFAST" publish artifacts --overrides "$here/demo/overrides.yaml" --repo other --key next.key > /dev/null
fails 3 'another repository is here' export other --cache a
python3 - a/cfg.db <<'PY'
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
for h, z in db.execute("SELECT hash, z FROM leaf").fetchall():
    z = bytearray(z); z[len(z) // 2] ^= 1
    db.execute("UPDATE leaf SET z=? WHERE hash=?", (bytes(z), h))
db.commit()
PY
fails 3 'digest' export fresh --cache a
[ ! -e fresh ] || die 'a damaged cache is exported'
