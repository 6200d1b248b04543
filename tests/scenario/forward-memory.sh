#!/bin/bash
# 1 GB up and 1 GB down, by length and by chunks, leave no trace in memory: at most 1 MB over idle, peak at most 12 MB.
# timeout: 600
. "$(dirname "$0")/../tools/forward-lib.sh"

# A sanitizer keeps what was freed, so that the numbers say nothing.
if [ -n "${ASAN_OPTIONS:-}${TSAN_OPTIONS:-}" ]; then exit 77; fi

bytes=${BYTES:-1073741824}
raw_gateway

# A round of small exchanges first, so that idle means "has worked".
head -c 100000 /dev/zero > "$work/small"
for _ in 1 2 3; do
    status 200 "$url/raw/count" -T "$work/small" -X POST
    status 200 "$url/raw/chunks/100000"
done
sleep 0.3
idle=$(kilobytes VmRSS)

check() {
    local now peak
    now=$(kilobytes VmRSS)
    peak=$(kilobytes VmHWM)
    echo "$1: idle $idle kB, now $now kB, peak $peak kB"
    [ -n "${ANY_MEMORY:-}" ] && return
    [ "$now" -le $((idle + 1024)) ] || die "$1: $((now - idle)) kB over idle"
    [ "$peak" -le 12288 ] || die "$1: peak $peak kB"
}

upload() { head -c "$bytes" /dev/zero | curl -s --max-time 300 -o "$work/body" -T - -X POST "$@"; }

got=$(curl -s --max-time 300 "$url/raw/big/$bytes" | wc -c)
[ "$got" = "$bytes" ] || die "download by length: $got bytes"
check 'download by length'
got=$(curl -s --max-time 300 "$url/raw/chunks/$bytes" | wc -c)
[ "$got" = "$bytes" ] || die "download by chunks: $got bytes"
check 'download by chunks'
upload "$url/raw/count" -H "Content-Length: $bytes" -H 'Transfer-Encoding:' -H 'Expect:'
grep -q "^$bytes .* length" "$work/body" || die "upload by length: $(cat "$work/body")"
check 'upload by length'
upload "$url/raw/count"
grep -q "^$bytes .* chunked" "$work/body" || die "upload by chunks: $(cat "$work/body")"
check 'upload by chunks'

# Slow clients: 20 of them hold a download each; what waits for them waits at the backend.
for _ in $(seq 20); do curl -s --max-time 300 --limit-rate 200k -o /dev/null "$url/raw/big/$bytes" & slow+=($!); done
sleep 2
idle=$((idle + 1024)) # a fiber, a room and a block each
check '20 slow clients'
kill "${slow[@]}"
wait "${slow[@]}" 2>/dev/null || true
stop_gateway
