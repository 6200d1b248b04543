#!/usr/bin/env python3
"""From URL to operation (gateway model, 2.1 and 2.2): what is found, what the policies see of it, what the backend gets.

Each row: what it shows, the request, and "OPERATION PARAMETERS > TARGET AT THE BACKEND", or the reason of its 404."""
import os
import re
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tools"))
from gateway_lib import Backend, Site, Table, policies  # noqa: E402

PARAMETERS = 'string.Join(";", context.Request.MatchedParameters.Select(p => p.Key + "=" + p.Value))'
WHO = f'''<set-header name="X-Who" exists-action="override"><value>@(
  (context.Api.Id + (context.Api.IsCurrentRevision ? "" : ";" + context.Api.Revision) + "/" + context.Operation.Id + " " + {PARAMETERS}).Trim()
)</value></set-header>'''
LOST = '''<set-header name="X-Lost" exists-action="override"><value>@(
  (context.Api == null ? "null" : context.Api.Id) + " " + (context.Operation == null ? "null" : context.Operation.Id) + " "
  + context.LastError.Source + " " + context.LastError.Reason + " " + context.LastError.Section + " " + context.Response.StatusCode
  + " " + (context.Request.Url.ToString() == context.Request.OriginalUrl.ToString()) + ": " + context.LastError.Message)</value></set-header>'''
NOT_FOUND = '{ "statusCode": 404, "message": "Resource not found" }'

site, backend, table = Site(), Backend(), Table()


def api(name, operations, **properties):
    site.api(name, operations, serviceUrl=properties.pop("serviceUrl", backend.url), **properties)


site.put("policy.xml", policies(backend="<forward-request />", outbound=WHO, on_error=LOST, base=False))
api("shop", {
    "list": "GET /items", "create": "POST /items", "item": "GET /items/{id}", "special": "GET /items/special",
    "drop": "DELETE /items/special", "user": "GET /Users('{id}')", "dotted": "GET /d/{a}.{b}", "range": "GET /r/{x}-{y}",
    "mixed": "GET /m/v{n}", "plain": "GET /m/{n}", "files": "GET /files/*", "tree": "GET /tree/{*path}",
    "search": "GET /search", "search-q": "GET /search?q={q}", "search-qp": "GET /search?q={q}&page={page}",
    "act-list": "GET /act?action=list", "act-drop": "GET /act?action=drop", "any": "* /any", "put-any": "PUT /any",
    "options": "OPTIONS /o", "slash": "GET /slash/", "lower": "get /lower", "rest": "PATCH /*", "guarded": "PATCH /guard",
    "spelled": "GET /grün weiß/{x}", "rewritten": "GET /rewritten?my%20key={k}",
}, serviceUrl=backend.url + "/base/", policies_of={"rewritten": policies(inbound='<rewrite-uri template="/new?k={k}" />')})
api("shop-admin", {"get": "GET /x"}, path="shop/admin")
api("root", {"home": "GET /", "about": "GET /about", "any": "GET /any/*"}, path="")
api("root;rev=2", {"home": "GET /"}, path="", apiRevision="2", isCurrent=False, serviceUrl=backend.url + "/rev2")
api("shop;rev=5", {"list": "GET /items"}, path="shop", apiRevision="5", isCurrent=False, isOnline=False)
api("secure", {"get": "GET /"}, protocols=["https"])
api("both", {"get": "GET /"}, protocols=["http", "https"])
api("locked", {"get": "GET /"}, protocols=["https"], subscriptionRequired=True)
for name, scheme in (("segment", "Segment"), ("query", "Query"), ("header", "Header"), ("original", "Segment")):
    site.put(f"version sets/{name}/versionSetInformation.json",
             {"displayName": name, "versioningScheme": scheme, "versionQueryName": "api-version", "versionHeaderName": "X-Version"})
    for version in ["v1", "2024-01 beta"] + ([""] if name == "original" else []):
        identity = f"{name}-{version.replace(' ', '-') or 'none'}"
        api(identity, {"get": "GET /x"}, path=f"ver/{name}", apiVersionSetId=f"/apiVersionSets/{name}", apiVersion=version)
api("segment-v1;rev=2", {"two": "GET /two"}, path="ver/segment", apiVersionSetId="/apiVersionSets/segment", apiVersion="v1",
    apiRevision="2", isCurrent=False, serviceUrl=backend.url + "/two")
site.put("version sets/held/versionSetInformation.json", {"displayName": "held", "versioningScheme": "Segment"})
api("held-v1", {"get": "GET /x"}, path="held/v1", apiVersionSetId="/apiVersionSets/held", apiVersion="v1")

NO_API, NO_VERSION, NO_REVISION = "no API has this path", "the API has no such version", "the API has no such revision"
NO_OPERATION, NO_SCHEME = "the API has no such operation", "the API does not list this scheme"
ROWS = [
    # ---- which API
    ("an operation of an API", "GET /shop/items", "shop/list > /base/items"),
    ("the longest path wins", "GET /shop/admin/x", "shop-admin/get > /x"),
    ("no fall-back to the shorter path when the longer has no such operation", "GET /shop/admin/items", NO_OPERATION),
    ("paths end on segments: /shop2 is not /shop", "GET /shop2/items", NO_OPERATION),
    ("the path of an API in any case", "GET /SHOP/Admin/x", "shop-admin/get > /x"),
    ("the path of an API as escapes", "GET /s%68op/%61dmin/x", "shop-admin/get > /x"),
    ("an escaped slash is none", "GET /shop%2Fadmin/x", NO_OPERATION),
    ("the empty path takes the rest", "GET /about", "root/about > /about"),
    ("the empty path, its root", "GET /", "root/home > /"),
    ("the empty path, no such operation", "GET /nothing", NO_OPERATION),
    ("an API by http that lists https only", "GET /secure/", NO_SCHEME),
    ("an API that lists both", "GET /both/", "both/get > /"),
    ("a target in absolute form", "GET http://elsewhere.example/shop/items?x=1", "shop/list > /base/items?x=1"),
    ("OPTIONS * is no path", "OPTIONS *", NO_API),
    # ---- revisions
    ("the current revision by its number", "GET /shop;rev=1/items", "shop/list > /base/items"),
    ("another revision", "GET /;rev=2/", "root;2/home > /rev2/"),
    ("a revision without a slash behind it", "GET /;rev=2", "root;2/home > /rev2/"),
    ("each revision has operations of its own", "GET /;rev=2/about", NO_OPERATION),
    ("an unknown revision", "GET /shop;rev=7/items", NO_REVISION),
    ("an offline revision", "GET /shop;rev=5/items", NO_REVISION),
    (";rev stands behind the version", "GET /ver/segment/v1;rev=2/two", "segment-v1;2/two > /two/two"),
    (";rev does not stand before it", "GET /ver/segment;rev=2/v1/two", NO_VERSION),
    (";rev in an operation's path means nothing", "GET /shop/items/7;rev=2", "shop/item id=7;rev=2 > /base/items/7;rev=2"),
    (";REV in any case", "GET /shop;REV=1/items", "shop/list > /base/items"),
    # ---- versions
    ("a segment version", "GET /ver/segment/v1/x", "segment-v1/get > /x"),
    ("a segment version in another case", "GET /ver/segment/V1/x", "segment-v1/get > /x"),
    ("a segment version with a blank", "GET /ver/segment/2024-01%20beta/x", "segment-2024-01-beta/get > /x"),
    ("an unknown segment version", "GET /ver/segment/v9/x", NO_VERSION),
    ("no segment version, and no Original", "GET /ver/segment/x", NO_VERSION),
    ("no API with a shorter path gets it", "GET /ver/segment", NO_VERSION),
    ("the Original, without a version", "GET /ver/original/x", "original-none/get > /x"),
    ("the Original does not keep the others from being found", "GET /ver/original/v1/x", "original-v1/get > /x"),
    ("a version that stands in the path property already", "GET /held/v1/x", "held-v1/get > /x"),
    ("its siblings are not found", "GET /held/v2/x", NO_VERSION),
    ("a query version", "GET /ver/query/x?api-version=v1", "query-v1/get > /x?api-version=v1"),
    ("a query version: name and value in another case", "GET /ver/query/x?API-Version=V1", "query-v1/get > /x?API-Version=V1"),
    ("a query version, escaped", "GET /ver/query/x?a=1&api-version=2024-01+be%74a", "query-2024-01-beta/get > /x?a=1&api-version=2024-01+be%74a"),
    ("an unknown query version", "GET /ver/query/x?api-version=v9", NO_VERSION),
    ("no query version", "GET /ver/query/x", NO_VERSION),
    ("a header version", "GET /ver/header/x|X-Version: v1", "header-v1/get > /x"),
    ("a header version in another case", "GET /ver/header/x|x-version: V1", "header-v1/get > /x"),
    ("an unknown header version", "GET /ver/header/x|X-Version: v9", NO_VERSION),
    ("no header version", "GET /ver/header/x", NO_VERSION),
    # ---- templates
    ("static text in any case, forwarded as written", "GET /shop/ITEMS", "shop/list > /base/ITEMS"),
    ("a trailing slash makes no difference", "GET /shop/items/", "shop/list > /base/items/"),
    ("nor do two", "GET /shop/items//", "shop/list > /base/items//"),
    ("nor its absence", "GET /shop/slash", "shop/slash > /base/slash"),
    ("not even beside an operation that takes the rest", "PATCH /shop/guard/", "shop/guarded > /base/guard/"),
    ("a parameter takes a segment", "GET /shop/items/7", "shop/item id=7 > /base/items/7"),
    ("and not an empty one", "GET /shop/items//x", NO_OPERATION),
    ("literal text before a parameter", "GET /shop/items/special", "shop/special > /base/items/special"),
    ("the other operation when the method is not there", "DELETE /shop/items/special/", "shop/drop > /base/items/special/"),
    ("quotes and brackets around a parameter", "GET /shop/Users('me')", "shop/user id=me > /base/Users('me')"),
    ("the same, as browsers escape them", "GET /shop/Users(%27m%27e%27)", "shop/user id=m'e > /base/Users(%27m%27e%27)"),
    ("two parameters in a segment: the first takes the least", "GET /shop/d/x.tar.gz", "shop/dotted a=x;b=tar.gz > /base/d/x.tar.gz"),
    ("neither may be empty", "GET /shop/d/x.", NO_OPERATION),
    ("with a hyphen between", "GET /shop/r/1-2-3", "shop/range x=1;y=2-3 > /base/r/1-2-3"),
    ("text with a parameter before a parameter alone", "GET /shop/m/v2", "shop/mixed n=2 > /base/m/v2"),
    ("and the other one", "GET /shop/m/w2", "shop/plain n=w2 > /base/m/w2"),
    ("* takes the rest", "GET /shop/files/a/b%20c", "shop/files *=a/b c > /base/files/a/b%20c"),
    ("* takes nothing", "GET /shop/files", "shop/files *= > /base/files"),
    ("* takes nothing behind a slash", "GET /shop/files/", "shop/files *= > /base/files/"),
    ("* keeps empty segments", "GET /shop/files//a//", "shop/files *=/a// > /base/files//a//"),
    ("a wildcard with a name", "GET /shop/tree/a/b", "shop/tree path=a/b > /base/tree/a/b"),
    # ---- queries
    ("fewer query parameters", "GET /shop/search", "shop/search > /base/search"),
    ("a required one", "GET /shop/search?q=1+2%2B", "shop/search-q q=1 2+ > /base/search?q=1+2%2B"),
    ("two, in any order, names in any case", "GET /shop/search?z=0&PAGE=2&Q=x", "shop/search-qp q=x;page=2 > /base/search?z=0&PAGE=2&Q=x"),
    ("a name of the template is matched for rewrite-uri, however it is written", "GET /shop/rewritten?b=2&MY+k%65y=%31",
     "shop/rewritten k=1 > /base/new?k=%31&b=2"),
    ("a name that is escaped", "GET /shop/search?%71=x", "shop/search-q q=x > /base/search?%71=x"),
    ("a required one may be empty", "GET /shop/search?q=", "shop/search-q q= > /base/search?q="),
    ("a literal value", "GET /shop/act?action=drop", "shop/act-drop > /base/act?action=drop"),
    ("a literal value, escaped", "GET /shop/act?action=l%69st", "shop/act-list > /base/act?action=l%69st"),
    ("another value", "GET /shop/act?action=other", NO_OPERATION),
    ("none", "GET /shop/act", NO_OPERATION),
    # ---- methods
    ("the method wildcard", "BREW /shop/any", "shop/any > /base/any"),
    ("the exact method before it", "PUT /shop/any", "shop/put-any > /base/any"),
    ("a method that is not there: 404, never 405", "PUT /shop/items", NO_OPERATION),
    ("HEAD is not made out of GET", "HEAD /shop/items", NO_OPERATION),
    ("OPTIONS needs an operation", "OPTIONS /shop/items", NO_OPERATION),
    ("and has one", "OPTIONS /shop/o", "shop/options > /base/o"),
    ("methods have a case", "get /shop/items", NO_OPERATION),
    ("but for that in an artifact", "GET /shop/lower", "shop/lower > /base/lower"),
    # ---- what could get past the policies of an operation
    ("an operation as escapes, beside one that takes the rest", "PATCH /shop/g%75ard", "shop/guarded > /base/g%75ard"),
    ("what is not that operation", "PATCH /shop/guard2", "shop/rest *=guard2 > /base/guard2"),
    ("a segment as escapes", "GET /shop/%69tems/%73pecial", "shop/special > /base/%69tems/%73pecial"),
    ("UTF-8 as escapes", "GET /shop/gr%C3%BCn%20wei%c3%9f/%C3%A4", "shop/spelled x=ä > /base/gr%C3%BCn%20wei%c3%9f/%C3%A4"),
    ("an escaped slash in a parameter", "GET /shop/items/a%2Fb", "shop/item id=a/b > /base/items/a%2Fb"),
    ("what is no escape", "GET /shop/items/%zz%4", "shop/item id=%zz%4 > /base/items/%zz%4"),
    ("two leading slashes are not one", "GET //shop/items", NO_OPERATION),
    (". segments", "GET /shop/./items/.", "shop/list > /base/items/"),
    (".. leads into another API", "GET /shop/items/../admin/x", "shop-admin/get > /x"),
    (".. does not leave the backend's folder", "GET /shop/files/../../../etc", NO_OPERATION),
    (".. as escapes", "GET /shop/files/%2e%2E/items", "shop/list > /base/items"),
    (".. by halves", "GET /shop/files/.%2e/items/7", "shop/item id=7 > /base/items/7"),
    ("dots that are names", "GET /shop/files/.../..a/a..", "shop/files *=.../..a/a.. > /base/files/.../..a/a.."),
]


def split(row):
    line, *fields = row.split("|")
    method, target = line.split(" ", 1)
    return method, target, fields


def found(answer):
    who = (answer.get("X-Who") or "").encode("latin-1").decode()
    return f"{who} > {answer.text.split()[1]}" if who else f"{answer.status} {answer.reason}"


def lost(log, target):
    """The reason in the last line of the request log for this target."""
    lines = [line for line in log.splitlines() if re.search(r", url: (https?://[^/, ]+)?" + re.escape(target) + ", ", line)]
    return lines[-1].partition("errorDetail: ")[2] if lines else "not logged"


site.api("twins", {"first": "GET /a/{x}", "second": "GET /A/{y}/"}, path="twins")
for name in ("open-1", "open-2"):
    site.put(f"products/{name}/productInformation.json", {"displayName": name, "subscriptionRequired": False})
    site.put(f"products/{name}/apis/twins/productApiInformation.json", "{}")
said = site.publish()
table.row("publish names an operation that is never called",
          "operation twins/second: is never called: first has the same method and template" in said, True)
table.row("and an API in two open products", "api twins: is in two open products: calls without a key are in open-1, not in open-2" in said, True)

with site.serve() as gateway:
    for shows, request, wanted in ROWS:
        method, target, fields = split(request)
        answer = gateway.send(method, target, *fields)
        if " > " in wanted:
            table.row(shows, found(answer), wanted)
            continue
        known = wanted == NO_OPERATION
        expected = f"{'null' if not known else answer.get('X-Lost').split()[0]} null configuration OperationNotFound backend 404 True: " \
                   "Unable to match incoming request to an operation."
        table.row(shows, (answer.status, answer.reason, answer.get("X-Lost"), answer.get("Content-Type"), answer.get("Content-Length")),
                  (404, "Resource Not Found", expected, "application/json", "54"))
        table.row(shows + ", body", answer.text, "" if method == "HEAD" else NOT_FOUND)
        table.row(shows + ", known API", answer.get("X-Lost").split()[0] != "null", known)
    gateway.get("/shop/files/a%00b")
    table.row("an escaped NUL stays one", backend.seen[-1].split()[1], b"/base/files/a%00b")
    time.sleep(0.3)  # the log has a thread of its own
    log = gateway.log()
    for shows, request, wanted in ROWS:
        if " > " not in wanted:
            table.row(shows + ", the reason in the log", lost(log, split(request)[1]), wanted)
    note = f"api secure: called by http, listens to https only: use port {gateway.https}, or set " \
           "net.server.http.forwarded.proto.enabled=true behind a proxy that ends TLS"
    gateway.get("/secure/")
    table.row("the note about the scheme, once a minute", gateway.log().count(note), 1)
    table.row("an https API by TLS", found(gateway.get("/secure/", tls=True)), "secure/get > /")
    table.row("an http API by TLS", gateway.get("/shop/items", tls=True).status, 404)
    table.row("X-Forwarded-Proto means nothing by default", gateway.get("/secure/", "X-Forwarded-Proto: https").status, 404)

with site.serve("net.server.http.forwarded.proto.enabled=true") as gateway:
    for shows, tls, field, wanted in [
            ("X-Forwarded-Proto: https makes a plain call one by https", False, "X-Forwarded-Proto: https", 200),
            ("in any case", False, "x-forwarded-proto: HTTPS", 200),
            ("the first value counts", False, "X-Forwarded-Proto: https, http", 200),
            ("the second does not", False, "X-Forwarded-Proto: http, https", 404),
            ("http makes a call by TLS a plain one", True, "X-Forwarded-Proto: http", 404),
            ("what is no scheme means nothing", False, "X-Forwarded-Proto: ftp", 404),
            ("what is no scheme means nothing, TLS", True, "X-Forwarded-Proto:", 200),
            ("without the field the connection decides", False, "X-Other: https", 404),
            ("without the field the connection decides, TLS", True, "X-Other: http", 200)]:
        table.row(shows, gateway.get("/secure/", field, tls=tls).status, wanted)
    table.row("the challenge has that scheme", gateway.get("/locked/", "X-Forwarded-Proto: https").get("WWW-Authenticate"),
              'AzureApiManagementKey realm="https://gw.example/locked",name="Ocp-Apim-Subscription-Key",type="header"')
    table.row("an http API called by https", gateway.get("/shop/items", "X-Forwarded-Proto: https").status, 404)
    time.sleep(0.3)
    table.row("and the note about it", "api shop: called by https, listens to http only" in gateway.log(), True)

with site.serve("net.server.https.port=0") as gateway:
    gateway.get("/secure/")
    time.sleep(0.3)
    table.row("the note when there is no https port", "api secure: called by http, listens to https only: set net.server.https.port, or "
              "net.server.http.forwarded.proto.enabled=true behind a proxy that ends TLS" in gateway.log(), True)

with site.serve("net.server.protocols.enforce=false") as gateway:
    table.row("protocols that are not enforced: https API by http", gateway.get("/secure/").status, 200)
    table.row("protocols that are not enforced: http API by https", gateway.get("/shop/items", tls=True).status, 200)
table.end(at_least=len(ROWS))
