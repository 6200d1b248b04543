#!/bin/bash
# An expression that never ends, or would fill the memory, is ended: its request gets 500 with
# ExpressionValueEvaluationFailure, the gateway and its other requests go on.
. "$(dirname "$0")/../tools/scenario-lib.sh"

api=$work/artifacts/apis/a
names=()

# hostile NAME STATEMENTS: an operation /NAME whose policy runs them.
hostile() {
    local at=$api/operations/$1
    mkdir -p "$at"
    echo "{\"properties\":{\"method\":\"POST\",\"urlTemplate\":\"/$1\"}}" > "$at/operationInformation.json"
    cat > "$at/policy.xml" <<XML
<policies><inbound><base /><set-variable name="v" value="@{ $2 }" /></inbound><backend /><outbound /><on-error><base /></on-error></policies>
XML
    names+=("$1")
}

mkdir -p "$api"
echo '{"properties":{"path":"a","protocols":["http"],"subscriptionRequired":false}}' > "$api/apiInformation.json"
cat > "$api/policy.xml" <<'XML'
<policies><inbound><base /></inbound><backend /><outbound /><on-error>
  <set-header name="X-Reason" exists-action="override"><value>@(context.LastError.Reason + " " + context.LastError.Source)</value></set-header>
</on-error></policies>
XML
hostile loop 'while (true) { } return 1;'
hostile caught 'while (true) { try { int.Parse("x"); } catch (Exception) { } } return 1;'
hostile recursion 'int f(int x) { return f(x + 1) + 1; } return f(0);'
hostile lambda 'Func<int,int> f = null; f = x => new[] {1}.Sum(y => f(x)); return f(0);'
hostile range 'return Enumerable.Range(0, int.MaxValue).OrderBy(x => -x).First();'
hostile nested 'return Enumerable.Range(0, 9999999).SelectMany(x => Enumerable.Range(0, 9999999)).Count();'
hostile doubling 'string s = "x"; while (true) { s += s; } return s;'
hostile giant 'return new string((char)120, 1 << 30);'
hostile pad 'return "".PadLeft(2000000000);'
hostile list 'var l = new List<object>(); while (true) { l.Add(l); } return l;'
hostile regex 'return Enumerable.Range(0, 1000).Count(x => { try { return Regex.IsMatch(new string((char)97, 40) + "!", "^(a+)+$"); } catch (Exception) { return false; } });'
hostile deep 'object o = 1; for (int i = 0; i < 100000; i++) { o = Tuple.Create(o); } return o.ToString();'
hostile json 'JToken t = new JArray(1); for (int i = 0; i < 60; i++) { t = new JArray(t, t); } return t.ToString();'
hostile body 'var s = context.Request.Body.As<string>(true); int n = 0; while (true) { n += s.GetHashCode(); } return n;'
hostile index 'var s = context.Request.Body.As<string>(true); int n = 0; for (int i = 0; i < s.Length; i++) { n += s[i]; } return n;'

make_key
"$HOLDFAST" publish "$work/artifacts" --repo "$work/repo" --key "$work/site.key" -q
gateway --set config.service.endpoint="file://$work/repo"
python3 -c 'print("\u00e9" * 1000000)' > "$work/large"
for name in "${names[@]}"; do
    status 500 -X POST --data-binary "@$work/large" "$url/a/$name"
    head_has 'X-Reason: ExpressionValueEvaluationFailure set-variable'
    status 200 "$url/status-0123456789abcdef"
done
[ "$(awk '/^VmHWM/ { print $2 }' "/proc/$gateway/status")" -lt 200000 ] || die "the gateway grew to $(grep VmHWM "/proc/$gateway/status")"
stop_gateway
