#!/usr/bin/env python3
"""Authorization by subscription key (gateway model, 2.3): every combination of API requirement, open product, names of the key's
places, scope and state of the subscription, first or second key, header or query; the context that each gives; the challenge."""
import itertools
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tools"))
from gateway_lib import Backend, Site, Table, policies  # noqa: E402

WHO = '''<return-response><set-header name="X-Who" exists-action="override"><value>@(
  (context.Product == null ? "-" : context.Product.Id) + " " + context.Request.Headers.GetValueOrDefault("X-Product-Policy", "-") + " "
  + (context.Subscription == null ? "-" : context.Subscription.Id + " " + context.Subscription.Key + " " + context.Subscription.PrimaryKey
     + "/" + context.Subscription.SecondaryKey) + " " + (context.User == null ? "-" : context.User.Id))</value></set-header></return-response>'''
REFUSED = '''<set-header name="X-Refused" exists-action="override"><value>@(context.LastError.Source + " " + context.LastError.Reason + " "
  + context.LastError.Section + " " + context.Api.Id + " " + context.Operation.Id + " " + (context.Product == null) + " "
  + context.Response.StatusCode + " " + context.Response.Headers.ContainsKey("WWW-Authenticate") + ": " + context.LastError.Message)</value></set-header>'''
MISSING = ("SubscriptionKeyNotFound", "Access denied due to missing subscription key. Make sure to include subscription key when making "
           "requests to an API.", "requests to this API.", 152)
INVALID = ("SubscriptionKeyInvalid", "Access denied due to invalid subscription key. Make sure to provide a valid key for an active "
           "subscription.", "subscription.", 143)
STATES = ("active", "suspended", "submitted", "rejected", "cancelled", "expired")
ARM = "/subscriptions/0/resourceGroups/g/providers/Microsoft.ApiManagement/service/s"
PLACES = {"default": ("Ocp-Apim-Subscription-Key", "subscription-key"), "custom": ("X-My-Key", "my_key")}

site, table, backend = Site(), Table(), Backend()


def product(name, apis, **properties):
    # No key, no subscription to count: the open product's rate-limit stops nobody.
    limit = '<rate-limit calls="1" renewal-period="3600" />' if name == "open" else ""
    site.put(f"products/{name}/productInformation.json", {"displayName": name, "subscriptionRequired": name != "open", **properties})
    site.put(f"products/{name}/policy.xml", policies(
        inbound=f'<set-header name="X-Product-Policy" exists-action="append"><value>{name}</value></set-header>{limit}'))
    for api in apis:
        site.put(f"products/{name}/apis/{api}/productApiInformation.json", "{}")


def subscription(name, scope, state="active", **properties):
    site.put(f"subscriptions/{name}/subscriptionInformation.json",
             {"scope": scope, "state": state, "primaryKey": f"1-{name}", "secondaryKey": f"2-{name}", **properties})


APIS = {f"{required}-{opened}-{places}": (required == "required", opened == "open", places)
        for required, opened, places in itertools.product(("required", "free"), ("open", "closed"), PLACES)}
for api, (required, opened, places) in APIS.items():
    header, query = PLACES[places]
    names = {} if places == "default" else {"subscriptionKeyParameterNames": {"header": header, "query": query}}
    site.api(api, {"get": "GET /"}, policies(inbound=WHO, on_error=REFUSED), subscriptionRequired=required, **names)
site.api("other", {"get": "GET /"}, subscriptionRequired=True)
revisioned = dict(policy=policies(inbound=WHO, on_error=REFUSED), subscriptionRequired=True)
site.api("revisioned", {"get": "GET /"}, **revisioned)
site.api("revisioned;rev=2", {"get": "GET /"}, path="revisioned", apiRevision="2", isCurrent=False, **revisioned)
product("open", [api for api in APIS if APIS[api][1]] + ["revisioned"])
product("with", [*APIS, "revisioned"], state="notPublished")
product("without", ["other"])
# scope -> subscriptions that have it; {api} stands for the API under test
SCOPES = {"this API": "api-{api}", "this API, full id": "long-api-{api}", "another API": "api-other", "a product with the API": "with",
          "the same, full id": "long-with", "a product without it": "without", "all APIs": "all", "all APIs, full id": "long-all",
          "the service, as master has it": "service"}
for state in STATES:
    tail = "" if state == "active" else "-" + state
    for api in [*APIS, "other", "revisioned"]:
        subscription(f"api-{api}{tail}", f"/apis/{api}", state)
        subscription(f"long-api-{api}{tail}", f"{ARM}/apis/{api}", state)
    for name, scope in {"with": "/products/with", "long-with": f"{ARM}/Products/With", "without": "/products/without", "all": "/apis",
                        "long-all": f"{ARM}/apis", "service": ARM + "/"}.items():
        subscription(name + tail, scope, state)
subscription("master", "")
subscription("of-revision", "/apis/revisioned;rev=2")
subscription("owned", "/products/with", ownerId="/users/ann")
subscription("odd", "/apis", primaryKey="a+b&c=/ ä%", secondaryKey="")
opens = {"this API", "this API, full id", "a product with the API", "the same, full id", "all APIs", "all APIs, full id",
         "the service, as master has it"}


def who(answer):
    return answer.get("X-Who") if answer.status == 200 else f"{answer.status} {answer.reason} {(answer.get('X-Refused') or '').split(' ')[1]}"


def refused(fault):
    return f"401 Access Denied {fault[0]}"


def wanted_with(scope, state, name, number):
    """What rule 2.3 says of a key."""
    if state != "active" or scope not in opens:
        return refused(INVALID)
    key = f"{number}-{name}"
    context = "with with" if "product" in scope or "same" in scope else "- -"
    return f"{context} {name} {key} {key if number == 1 else ''}/{key if number == 2 else ''} -"


def wanted_without(required, opened):
    return "open open - -" if opened else refused(MISSING) if required else "- - - -"


def check_api(gateway, api):
    required, opened, places = APIS[api]
    header, query = PLACES[places]
    ask = lambda target="", *fields: who(gateway.get(f"/{api}/{target}", *fields))  # noqa: E731
    table.row(f"{api}: no key", ask(), wanted_without(required, opened))
    table.row(f"{api}: an empty header is no key", ask("", f"{header}:"), wanted_without(required, opened))
    table.row(f"{api}: an empty parameter is no key", ask(f"?{query}="), wanted_without(required, opened))
    table.row(f"{api}: a wrong key is not ignored", ask("", f"{header}: nonsense"), refused(INVALID))
    table.row(f"{api}: a key has a case", ask("", f"{header}: 1-ALL"), refused(INVALID))
    table.row(f"{api}: a key is whole", ask("", f"{header}: 1-al"), refused(INVALID))
    table.row(f"{api}: the header comes first, right", ask(f"?{query}=nonsense", f"{header}: 1-all"), "- - all 1-all 1-all/ -")
    table.row(f"{api}: the header comes first, wrong", ask(f"?{query}=1-all", f"{header}: nonsense"), refused(INVALID))
    table.row(f"{api}: even an empty one", ask(f"?{query}=1-all", f"{header}:"), wanted_without(required, opened))
    table.row(f"{api}: names in any case", ask(f"?x=1&{query.upper()}=1-all"), "- - all 1-all 1-all/ -")
    other = PLACES["custom" if places == "default" else "default"]
    table.row(f"{api}: the names of another API are none", ask(f"?{other[1]}=1-all", f"{other[0]}: 1-all"), wanted_without(required, opened))
    for (scope, pattern), state in itertools.product(SCOPES.items(), STATES):
        name = pattern.format(api=api) + ("" if state == "active" else "-" + state)
        for number, place in itertools.product((1, 2), ("header", "query")):
            got = ask("", f"{header}: {number}-{name}") if place == "header" else ask(f"?{query}={number}-{name}")
            table.row(f"{api}: {state} key {number} of {scope} in the {place}", got, wanted_with(scope, state, name, number))


def check_bytes(gateway, shows, answer, fault, challenge):
    """A refusal, byte for byte; LastError says "this API" where the body says "an API"."""
    reason, message, end, length = fault
    body = f'{{ "statusCode": 401, "message": "{message}" }}'
    table.row(f"{shows}: line", answer.raw.split(b"\r\n")[0], b"HTTP/1.1 401 Access Denied")
    table.row(f"{shows}: body", (answer.text, len(answer.body), answer.get("Content-Length")), (body, length, str(length)))
    table.row(f"{shows}: type", answer.get("Content-Type"), "application/json")
    table.row(f"{shows}: challenge", answer.get("WWW-Authenticate"), f'AzureApiManagementKey realm="{challenge[0]}",name="{challenge[1]}",type="header"')
    table.row(f"{shows}: LastError", (answer.get("X-Refused") or "").split(" ", 2)[:2] + [(answer.get("X-Refused") or "").endswith(end)],
              ["authorization", reason, True])


OWN = policies(on_error='<choose><when condition="@(context.LastError.Source == &quot;authorization&quot;)"><return-response><set-status '
               'code="403" reason="Mine" /><set-body>no</set-body></return-response></when></choose>')
site.put("version sets/v/versionSetInformation.json", {"displayName": "v", "versioningScheme": "Segment"})
site.api("realm", {"get": "GET /deep"}, policies(on_error=REFUSED), path="a/realm", subscriptionRequired=True, protocols=["http", "https"],
         apiVersion="v1", apiVersionSetId="/apiVersionSets/v")
site.api("bare", {"get": "GET /bare"}, policies(on_error=REFUSED), path="", subscriptionRequired=True)
site.api("own", {"get": "GET /"}, OWN, subscriptionRequired=True)
site.api("unset", {"get": "GET /"}, policies(on_error='<set-header name="WWW-Authenticate" exists-action="delete" />'), subscriptionRequired=True)
site.api("forwards", {"get": "GET /"}, serviceUrl=backend.url, subscriptionRequired=True)
KEY = "Ocp-Apim-Subscription-Key"

with site.serve("telemetry.logs.std=none") as gateway:
    for api in APIS:
        check_api(gateway, api)
    check_bytes(gateway, "no key", gateway.get("/a/realm/v1/deep?x=1"), MISSING, ("http://gw.example/a/realm/v1", KEY))
    check_bytes(gateway, "Host as sent", gateway.get("/A/Realm/V1/deep", host="GW.example:8080"), MISSING, ("http://GW.example:8080/a/realm/v1", KEY))
    check_bytes(gateway, "by TLS", gateway.get("/a/realm/v1/deep", f"{KEY}: x", tls=True), INVALID, ("https://gw.example/a/realm/v1", KEY))
    check_bytes(gateway, "an API with the path \"\"", gateway.get("/bare"), MISSING, ("http://gw.example/", KEY))
    check_bytes(gateway, "a revision", gateway.get("/a/realm/v1;rev=1/deep"), MISSING, ("http://gw.example/a/realm/v1", KEY))
    check_bytes(gateway, "names of its own", gateway.get("/required-closed-custom/", "X-My-Key: x"), INVALID,
                ("http://gw.example/required-closed-custom", "X-My-Key"))
    answer = gateway.get("/required-closed-default/")
    table.row("on-error of the API runs after a refusal, with operation and answer, without product", answer.get("X-Refused"),
              "authorization SubscriptionKeyNotFound inbound required-closed-default get True 401 True: " + MISSING[1].replace("an API", "this API"))
    answer = gateway.get("/own/")
    table.row("return-response of on-error leaves no challenge", (answer.status, answer.reason, answer.text, answer.get("WWW-Authenticate")),
              (403, "Mine", "no", None))
    table.row("on-error can delete the challenge", (gateway.get("/unset/").status, gateway.get("/unset/").get("WWW-Authenticate")), (401, None))
    table.row("master has all APIs", who(gateway.get("/required-closed-default/", f"{KEY}: 1-master")), "- - master 1-master 1-master/ -")
    table.row("an owner is the user", who(gateway.get("/required-closed-default/", f"{KEY}: 2-owned")), "with with owned 2-owned /2-owned ann")
    table.row("a key of odd characters in the query", gateway.get("/required-closed-default/?subscription-key=a%2bb%26c%3d/+%C3%A4%25").status, 200)
    for revision in ("", ";rev=2"):
        table.row(f"revision '{revision}': the open product takes it in", who(gateway.get(f"/revisioned{revision}/")), "open open - -")
        for key in ("api-revisioned", "of-revision"):
            table.row(f"revision '{revision}': a key of the API {key}", who(gateway.get(f"/revisioned{revision}/", f"{KEY}: 1-{key}")),
                      f"- - {key} 1-{key} 1-{key}/ -")
        table.row(f"revision '{revision}': a key of a product", who(gateway.get(f"/revisioned{revision}/", f"{KEY}: 1-with")),
                  "with with with 1-with 1-with/ -")
    gateway.get("/forwards/?a=1&subscription-key=ignored", f"{KEY}: 1-all")
    table.row("the backend gets the key, header and parameter", (b"subscription-key=ignored" in backend.seen[-1], b"1-all" in backend.seen[-1]),
              (True, True))
    table.row("a refused call does not reach the backend", (gateway.get("/forwards/").status, len(backend.seen)), (401, 1))
table.end(at_least=1800)
