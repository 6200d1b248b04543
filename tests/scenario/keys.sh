#!/bin/bash
# Authorization by subscription key, every combination of API requirement, open product, key scope and key state
# (the rules of the gateway model, 2.3).
. "$(dirname "$0")/../tools/scenario-lib.sh"

python3 - "$work" <<'PY'
import json, os, sys
root = sys.argv[1] + "/artifacts"
def put(path, value):
    path = f"{root}/{path}"; os.makedirs(os.path.dirname(path), exist_ok=True)
    open(path, "w").write(value if isinstance(value, str) else json.dumps({"properties": value}))
policy = '''<policies><inbound><base /><return-response><set-header name="X-Who" exists-action="override"><value>@(
  (context.Product == null ? "none" : context.Product.Id) + " " + (context.Subscription == null ? "anonymous" : context.Subscription.Id)
)</value></set-header></return-response></inbound></policies>'''
product_policy = '<policies><inbound><base /></inbound></policies>'
for required in (True, False):
    for opened in (True, False):
        api = f"{'req' if required else 'free'}-{'open' if opened else 'closed'}"
        put(f"apis/{api}/apiInformation.json", {"path": api, "protocols": ["http"], "subscriptionRequired": required})
        put(f"apis/{api}/policy.xml", policy)
        put(f"apis/{api}/operations/get/operationInformation.json", {"method": "GET", "urlTemplate": "/"})
        if opened: put(f"products/open/apis/{api}/productApiInformation.json", "{}")
        put(f"products/mine/apis/{api}/productApiInformation.json", "{}")
put("apis/other/apiInformation.json", {"path": "other", "protocols": ["http"]})
put("apis/other/operations/get/operationInformation.json", {"method": "GET", "urlTemplate": "/"})
put("products/open/productInformation.json", {"subscriptionRequired": False})
put("products/mine/productInformation.json", {"subscriptionRequired": True})
put("products/mine/policy.xml", product_policy)
put("products/theirs/productInformation.json", {"subscriptionRequired": True})
put("products/theirs/apis/other/productApiInformation.json", "{}")
subscriptions = {"product-mine": "/products/mine", "product-theirs": "/products/theirs", "api-other": "/apis/other", "all": "/apis",
                 "long": "/subscriptions/0/resourceGroups/g/providers/Microsoft.ApiManagement/service/s/products/mine"}
for required in ("req", "free"):
    for opened in ("open", "closed"): subscriptions[f"api-{required}-{opened}"] = f"/apis/{required}-{opened}"
for name, scope in subscriptions.items():
    put(f"subscriptions/{name}/subscriptionInformation.json", {"scope": scope, "state": "active", "primaryKey": f"k-{name}", "secondaryKey": f"k2-{name}"})
for state in ("suspended", "submitted", "rejected", "cancelled", "expired"):
    put(f"subscriptions/{state}/subscriptionInformation.json", {"scope": "/apis", "state": state, "primaryKey": f"k-{state}"})
PY
make_key
"$HOLDFAST" publish "$work/artifacts" --repo "$work/repo" --key "$work/site.key" -q
gateway --set config.service.endpoint="file://$work/repo" --set telemetry.logs.std=none

python3 - "$url" <<'PY'
import http.client, sys
host = sys.argv[1][7:]
def call(path, headers):
    c = http.client.HTTPConnection(host, timeout=10); c.request("GET", path, headers=headers); r = c.getresponse(); r.read()
    return r.status, r.getheader("X-Who"), r.getheader("WWW-Authenticate")
bad = tried = 0
def check(what, got, wanted):
    global bad, tried
    tried += 1
    if got[:2] != wanted: bad += 1; print("FAILED", what, got, "wanted", wanted)
KEY = "Ocp-Apim-Subscription-Key"
for required in ("req", "free"):
    for opened in ("open", "closed"):
        api = f"{required}-{opened}"
        anonymous = (200, "open anonymous") if opened == "open" else (200, "none anonymous") if required == "free" else (401, None)
        check(f"{api} no key", call(f"/{api}/", {}), anonymous)
        for key, wanted in {"k-product-mine": (200, "mine product-mine"), "k2-product-mine": (200, "mine product-mine"),
                            "k-long": (200, "mine long"), "k-product-theirs": (401, None), "k-api-other": (401, None),
                            "k-all": (200, "none all"), f"k-api-{api}": (200, f"none api-{api}"), "wrong": (401, None), "K-ALL": (401, None),
                            "k-suspended": (401, None), "k-submitted": (401, None), "k-rejected": (401, None),
                            "k-cancelled": (401, None), "k-expired": (401, None)}.items():
            check(f"{api} header {key}", call(f"/{api}/", {KEY: key}), wanted)
            check(f"{api} query {key}", call(f"/{api}/?subscription-key={key}", {}), wanted)
        check(f"{api} header before query", call(f"/{api}/?subscription-key=k-all", {KEY: "wrong"}), (401, None))
status, _, challenge = call("/req-closed/", {})
assert challenge and challenge.startswith('AzureApiManagementKey realm="http://' + host + '/req-closed"'), challenge
print(tried, "combinations")
sys.exit(bad > 0 or tried < 100)
PY
stop_gateway
