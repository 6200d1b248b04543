#!/bin/bash
# A tampered byte in repository or cache is refused with the name of what failed; what was live stays live.
. "$(dirname "$0")/../tools/scenario-lib.sh"

start_backends
copy_artifacts
make_key
publish > /dev/null
gateway --set config.service.endpoint="file://$work/repo"
status 200 "$url/hello/you"

# A new generation whose files are damaged, one after the other; each time the good one stays.
sed -i 's/"Hello"/"Good day"/' "$work/artifacts/named values/greeting/namedValueInformation.json"
cp -r "$work/repo" "$work/before"
publish > /dev/null
cp -r "$work/repo" "$work/good"
rejected=0
while read -r file; do
    rm -rf "$work/repo"
    cp -r "$work/good" "$work/bad"
    python3 - "$work/bad/$file" <<'PY'
import sys
p = sys.argv[1]; b = bytearray(open(p, "rb").read()); b[len(b) // 2] ^= 1; open(p, "wb").write(b)
PY
    mv "$work/bad" "$work/repo"
    "$HOLDFAST" sync --once --cache "$work/cache" --set config.service.endpoint="file://$work/repo" > "$work/sync.json" 2>&1 || true
    grep -q '"result":"rejected"' "$work/sync.json" && rejected=$((rejected + 1))
    curl -s "$url/hello/you" | grep -Eq '^(Hello|Good day), you' || die "$file damaged: not served"
done < <(cd "$work/good" && find . -type f -size +0 -newer "$work/before/default/latest" -o -size +0 -name latest | sort | head -n 12)
[ "$rejected" -gt 0 ] || die 'no damage was noticed'
rm -rf "$work/repo"
cp -r "$work/good" "$work/repo"
for _ in $(seq 100); do curl -s "$url/hello/you" | grep -q '^Good day' && break; sleep 0.2; done
status 200 "$url/hello/you"
body_has 'Good day'
stop_gateway

# Whatever is damaged, verify says it in lines of text that name the file.
faults=0
for page in 1 2 4 6 8; do
    rm -rf "$work/damaged"
    mkdir "$work/damaged"
    cp "$work/cache/cfg.lkg" "$work/damaged/cfg.db"     # a whole database, nothing of it in a log beside it
    python3 - "$work/damaged/cfg.db" $page <<'PY'
import sys
p = sys.argv[1]; b = bytearray(open(p, "rb").read()); at = 4096 * int(sys.argv[2]); assert at < len(b)
b[at:at + 700] = bytes((i * 37) % 256 for i in range(700)); open(p, "wb").write(b)
PY
    code=0
    "$HOLDFAST" verify --cache "$work/damaged" > "$work/verify" || code=$?
    [ "$code" -le 1 ] || die "verify of damage in page $page: exit $code"
    iconv -f UTF-8 -t UTF-8 "$work/verify" > /dev/null || die "verify of damage in page $page: not text"
    ! grep -Ev '^ok generation [0-9]+$|^generation [0-9]+|cfg\.db' "$work/verify" || die "verify of damage in page $page: a line without its file"
    faults=$((faults + code))
done
[ "$faults" -ge 2 ] || die "$faults of 5 damages found"

# A byte flipped in the cache: found by verify and at the next start, served from what is good.
rm -rf "$work/repo"
python3 - "$work/cache/cfg.db" <<'PY'
import sys
p = sys.argv[1]; b = bytearray(open(p, "rb").read())
b[len(b) * 3 // 4] ^= 0x40; open(p, "wb").write(b)
PY
"$HOLDFAST" verify --cache "$work/cache" > "$work/verify" 2>&1 && grep -vq '^ok' "$work/verify" && die 'verify found nothing and said something'
WAIT=live gateway --set config.service.endpoint="file://$work/repo"
code=$(curl -s -o /dev/null -w '%{http_code}' "$url/hello/you")
[ "$code" = 200 ] || [ "$code" = 503 ] || die "after damage: $code"
stop_gateway
