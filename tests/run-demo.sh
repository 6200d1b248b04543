#!/bin/bash
# make run: publish the demo configuration, start two backends and the gateway, say what to try; Ctrl-C ends all of it.
#   HOLDFAST=build/holdfast    the binary
#   DEMO_DIR=DIR               where repository, keys and cache live (default: a folder that is removed at the end)
set -euo pipefail
cd "$(dirname "$0")/.."
: "${HOLDFAST:=build/holdfast}"

command -v nginx >/dev/null || platform/deps/packages.sh test

work=${DEMO_DIR:-$(mktemp -d)}
mkdir -p "$work"
pids=()
finish() {
    trap - EXIT INT TERM
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    wait 2>/dev/null || true
    [ -n "${DEMO_DIR:-}" ] || rm -rf "$work"
}
trap finish EXIT
trap 'exit 0' INT TERM

sed -e "s|@DIR@|$work|" -e 's|@ONPREM@|18080|' -e 's|@CLOUD@|18081|' tests/demo/nginx.conf.in > "$work/nginx.conf"
nginx -p "$work" -e "$work/nginx-error.log" -c "$work/nginx.conf" & pids+=($!)

[ -e "$work/site.key" ] || "$HOLDFAST" keygen --out "$work/site.key" >/dev/null
"$HOLDFAST" publish tests/demo/artifacts --overrides tests/demo/overrides.yaml --repo "$work/repo" --key "$work/site.key"

"$HOLDFAST" serve --cache "$work/cache" --set config.service.endpoint="file://$work/repo" \
    --set gateway.id=on-premises-gateway --set config.service.refreshInterval=2s & pids+=($!)
for _ in $(seq 100); do
    curl -fsS -o /dev/null http://127.0.0.1:8080/status-0123456789abcdef 2>/dev/null && break
    kill -0 "${pids[1]}" 2>/dev/null || exit 1
    sleep 0.1
done

cat <<TEXT

Holdfast is running. In another terminal, try:

  curl -i http://127.0.0.1:8080/hello/you                                    # answered by a policy, no backend
  curl -i http://127.0.0.1:8080/routing/get                                  # routed to the on-premises backend
  curl -i http://127.0.0.1:8080/echo/items                                   # 401: a subscription key is needed
  curl -i http://127.0.0.1:8080/echo/items -H 'Ocp-Apim-Subscription-Key: demo-key'
  curl -ki https://127.0.0.1:8081/echo/items -H 'Ocp-Apim-Subscription-Key: demo-key'
  curl http://127.0.0.1:4290/metrics
  $HOLDFAST inspect --cache $work/cache
  rm -r $work/repo                                                           # cut the cloud: it goes on serving

Ctrl-C ends it.

TEXT
wait "${pids[1]}"
