#!/bin/bash
# Socket calls per proxied keep-alive request: receive, send, receive, send. architecture.md 1: at most 4.2 on average over
# 10,000 requests, 32 keep-alive connections, 250-byte answers.
# timeout: 200
. "$(dirname "$0")/../tools/forward-lib.sh"

command -v strace wrk > /dev/null && strace -o /dev/null true 2> /dev/null || { echo 'strace or wrk is missing'; exit 77; }
! nm -a "$HOLDFAST" 2> /dev/null | grep -q '__[at]san_init' || { echo 'a sanitizer makes calls of its own'; exit 77; }

# The demo's nginx as backend: 250 bytes, connections that stay.
start_plain_backend() {
    sed -e "s|@DIR@|$work|" -e "s|@ONPREM@|$onprem|" -e "s|@CLOUD@|$cloud|" \
        -e "s|return 200 '.*'|return 200 '$(printf 'x%.0s' $(seq 250))'|" -e 's|access_log off;|&keepalive_requests 1000000;|' \
        "$here/demo/nginx.conf.in" > "$work/nginx.conf"
    nginx -p "$work" -e "$work/nginx-error.log" -c "$work/nginx.conf" > "$work/nginx.log" 2>&1 & pids+=($!)
}

make_raw_api
make_key
publish > /dev/null
start_plain_backend
gateway --set config.service.endpoint="file://$work/repo"
status 200 "$url/raw/x"
[ "$(stat -c %s "$work/body")" = 250 ] || die 'the backend does not answer with 250 bytes'
wrk -t1 -c32 -d1 "$url/raw/x" > /dev/null

strace -c -f -qq -o "$work/strace.txt" -p "$gateway" 2> /dev/null & tracer=$!
sleep 1
wrk -t1 -c32 -d6 "$url/raw/x" > "$work/wrk.txt"
kill -INT "$tracer"
wait "$tracer" || true
requests=$(awk '/requests in/ { print $1 }' "$work/wrk.txt")
! grep -q 'Non-2xx' "$work/wrk.txt" || die "$(cat "$work/wrk.txt")"
# All that touches a socket; epoll_wait and the clock are the loop's, counted per turn and not per request.
calls=$(awk '$NF ~ /^(recvfrom|recvmsg|sendto|sendmsg|read|readv|write|writev|accept4|connect|socket|setsockopt|getsockopt|close|epoll_ctl|shutdown)$/ { n += $4 } END { print n + 0 }' "$work/strace.txt")
average=$(awk -v c="$calls" -v r="$requests" 'BEGIN { printf "%.3f", c / r }')
echo "$requests requests, $calls calls, $average each"
cat "$work/strace.txt"
[ "$requests" -ge 1000 ] || die 'too few requests to say anything'
awk -v a="$average" 'BEGIN { exit !(a <= 4.2) }' || die "$average socket calls per request"
stop_gateway
