#!/bin/bash
# What expressions see of a real request: repeated fields, parts of the URL, template parameters, forms, credentials, and
# a body that is read once or kept.
. "$(dirname "$0")/../tools/scenario-lib.sh"

api=$work/artifacts/apis/echo
mkdir -p "$api"
echo '{"properties":{"path":"v/echo","displayName":"Echo","protocols":["http"],"subscriptionRequired":false,"serviceUrl":"http://backend.example:81/base"}}' > "$api/apiInformation.json"
names=()

# says NAME EXPRESSION: an operation POST /NAME/{id} that answers with its result.
says() {
    local at=$api/operations/$1
    mkdir -p "$at"
    echo "{\"properties\":{\"displayName\":\"Op $1\",\"method\":\"POST\",\"urlTemplate\":\"/$1/{id}\"}}" > "$at/operationInformation.json"
    cat > "$at/policy.xml" <<XML
<policies><inbound><base /><set-variable name="n" value="@(41 + 1)" /><return-response><set-body>$2</set-body></return-response></inbound>
<backend /><outbound /><on-error><base /></on-error></policies>
XML
}

says names '@(context.Api.Id + "|" + context.Api.Name + "|" + context.Api.Path + "|" + context.Api.ServiceUrl + "|" + context.Operation.Id + "|" + context.Operation.Name + "|" + context.Operation.Method + "|" + context.Operation.UrlTemplate)'
says parameter '@(context.Request.MatchedParameters["id"] + "|" + ((IRequest)context.Request).MatchedParameters.GetValueOrDefault("ID", "none") + "|" + context.Request.MatchedParameters.GetValueOrDefault("x", "none") + "|" + context.Request.MatchedParameters.Count)'
says fields '@(context.Request.Headers.GetValueOrDefault("x-twice") + "|" + context.Request.Headers["X-TWICE"].Length + "|" + context.Request.Headers.GetValueOrDefault("x-none", "none") + "|" + context.Request.Headers.Where(h => h.Key.StartsWith("X-")).Select(h => h.Key + "=" + string.Join("+", h.Value)).OrderBy(s => s).First() + "|" + (context.Request.Headers.TryGetValue("X-Twice", out var v) ? v[1] : ""))'
says url '@(context.Request.OriginalUrl.Path + "|" + context.Request.OriginalUrl.QueryString + "|" + context.Request.OriginalUrl.Scheme + "|" + context.Request.Url.Path + "|" + context.Request.Url.Query.GetValueOrDefault("a") + "|" + context.Request.Url.Query["b"][0] + "|" + context.Request.Url.Query.Count + "|" + context.Request.OriginalUrl.ToUri().Query)'
says once '@{ var first = context.Request.Body.As<string>(); try { return first + context.Request.Body.As<string>(); } catch (Exception e) { return first + " " + e.GetType().Name; } }'
says kept '@(context.Request.Body.As<string>(preserveContent: true) + context.Request.Body.As<JObject>(preserveContent: true)["a"] + context.Request.Body.As<byte[]>(true).Length + context.Request.Body.AsJToken(true)["a"] + context.Request.Body.As<string>())'
says form '@{ var f = context.Request.Body.AsFormUrlEncodedContent(preserveContent: true); return f["a"].Count + f["a"][1] + f["b"].Single() + f.ToFormUrlEncodedContent() + f.ToQueryString(); }'
says xml '@(context.Request.Body.As<XElement>(true).Element("b").Value + context.Request.Body.As<XDocument>().Root.Name)'
says none '@((context.Request.Body == null) + "|" + (context.Request.Body?.As<string>() ?? "null"))'
says badjson '@{ try { return context.Request.Body.As<JObject>(true); } catch (Exception e) { return e.GetType().FullName + context.Request.Body.As<string>(); } }'
says basic '@(context.Request.Headers.GetValueOrDefault("Authorization", "").AsBasic()?.UserId + "|" + (context.Request.Headers.GetValueOrDefault("Authorization", "").TryParseBasic(out var c) ? c.Password : "none"))'
says jwt '@{ Jwt t; return context.Request.Headers.GetValueOrDefault("Authorization", "").TryParseJwt(out t) ? t.Subject + t.Claims.GetValueOrDefault("roles") + t.Claims["roles"].Length + t.Claims.GetValueOrDefault("x", "d") + t.Audiences.First() : "none"; }'
says variables '@((int)context.Variables["n"] + context.Variables.GetValueOrDefault<int>("n") + context.Variables.GetValueOrDefault("x", 1) + "|" + context.Variables.ContainsKey("x") + "|" + (context.User == null) + (context.Subscription == null) + (context.Product == null) + (context.LastError == null) + "|" + context.Deployment.Gateway.IsManaged + context.Deployment.GatewayId + "|" + (context.Elapsed.TotalSeconds &lt; 60) + (DateTime.UtcNow - context.Timestamp &lt; TimeSpan.FromMinutes(1)) + (context.RequestId != Guid.Empty))'

make_key
"$HOLDFAST" publish "$work/artifacts" --repo "$work/repo" --key "$work/site.key" -q
gateway --set config.service.endpoint="file://$work/repo"
at=$url/v/echo

# is WANTED curl-arguments...: the body of a 200.
is() {
    local wanted=$1
    shift
    status 200 "$@"
    [ "$(cat "$work/body")" = "$wanted" ] || die "$* gave $(cat "$work/body"), wanted $wanted"
}

is 'echo|Echo|v/echo|http://backend.example:81/base|names|Op names|POST|/names/{id}' -X POST "$at/names/1"
is 'a b|a b|none|1' -X POST "$at/parameter/a%20b"
is '1,2|2|none|X-Twice=1+2|2' -X POST -H 'X-Twice: 1' -H 'x-twice: 2' "$at/fields/1"
is '/v/echo/url/1|?a=1&b=x%20y&a=2|http|/base/url/1|1,2|x y|2|?a=1&b=x%20y&a=2' -X POST "$at/url/1?a=1&b=x%20y&a=2"
is 'text InvalidOperationException' -X POST -d text "$at/once/1"
is '{"a":5}575{"a":5}' -X POST -d '{"a":5}' "$at/kept/1"
is '2y zwa=1&a=y%20z&b=w?a=1&a=y%20z&b=w' -X POST -d 'a=1&a=y+z&b=w' "$at/form/1"
is 'tr' -X POST -d '<r><b>t</b></r>' "$at/xml/1"
is 'True|null' -X POST -H 'Content-Length:' "$at/none/1"
is 'Newtonsoft.Json.JsonReaderException{"a"' -X POST -d '{"a"' "$at/badjson/1"
is 'u:p|q' -X POST -H 'Authorization: Basic dTpwOnE=' "$at/basic/1"
is '|none' -X POST -H 'Authorization: basic dTpwOnE=' "$at/basic/1"
is 'mer1,r22dx' -X POST -H 'Authorization: Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJtZSIsInJvbGVzIjpbInIxIiwicjIiXSwiYXVkIjoieCJ9.' "$at/jwt/1"
is 'none' -X POST -H 'Authorization: Bearer a.b' "$at/jwt/1"
is '85|False|TrueTrueTrueTrue|Falseon-premises-gateway|TrueTrueTrue' -X POST "$at/variables/1"
stop_gateway
