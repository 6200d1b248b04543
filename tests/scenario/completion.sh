#!/bin/bash
# Shell completion knows commands, options, words and settings; what is not built yet says so.
. "$(dirname "$0")/../tools/scenario-lib.sh"

# complete_line WORDS...: what bash offers for the last word.
complete_line() {
    bash -c 'source <("$HOLDFAST" completion bash); COMP_WORDS=(holdfast "$@"); COMP_CWORD=$#; COMPREPLY=(); _holdfast; printf "%s\n" "${COMPREPLY[@]}"' \
        bash "$@"
}
offers() { local wanted=$1; shift; grep -qx -- "$wanted" < <(complete_line "$@") || { complete_line "$@"; die "holdfast $*: does not offer $wanted"; }; }
lacks() { local wanted=$1; shift; grep -qx -- "$wanted" < <(complete_line "$@") && die "holdfast $*: offers $wanted"; return 0; }

export HOLDFAST
offers inspect in
offers verify help ve
lacks trace tr
offers --reveal inspect --re
offers api inspect a
offers apis inspect a
offers pin trust p
offers net.server.http.port= serve --set net.server.http.p
touch "$work/policy.xml"
offers "$work/policy.xml" check "$work/pol"
for shell in zsh fish; do grep -q inspect < <("$HOLDFAST" completion $shell) || die "$shell"; done

# code CODE command...
code() {
    local wanted=$1 got=0
    shift
    "$HOLDFAST" "$@" > "$work/out" 2> "$work/err" || got=$?
    [ "$got" = "$wanted" ] || { cat "$work/out" "$work/err"; die "$*: exit $got, wanted $wanted"; }
}
code 2 completion tcsh
for command in 'trace GET /x' origin 'dev .' doctor 'token trace --api a --expiry 1h'; do
    # shellcheck disable=SC2086
    code 2 $command
    grep -q 'not built yet' "$work/err" || die "$command: does not say that it is not built"
done
for command in $(complete_line ''); do
    [ "$command" = help ] && continue
    code 0 help "$command"
    grep -q '^examples:' "$work/out" || die "$command: no examples"
    code 0 "$command" --help
done
code 2 inspct
grep -qx 'holdfast: inspct: no such command: did you mean inspect?' "$work/err" || { cat "$work/err"; die 'the nearest command'; }
code 2 verify --depe
[ "$(wc -l < "$work/err")" = 1 ] || die 'more than one line of error'
# What is wrong with the command line is said before a cache or a file is looked for, once.
for command in 'inspect frob' 'inspect api' 'inspect effective a' 'inspect diff 1 2 3' 'publish a --frob' 'publish a --repo r --key'; do
    # shellcheck disable=SC2086
    code 2 $command --set cache.path="$work/none"
    [ "$(wc -l < "$work/err")" = 1 ] || { cat "$work/err"; die "$command: more than one line of error"; }
done
if strace -o /dev/null true 2> /dev/null; then
    # a leak checker that is built in cannot work under strace, and says so
    ASAN_OPTIONS=detect_leaks=0 strace -o "$work/trace" -e trace=write,writev "$HOLDFAST" frob 2> /dev/null || true
    [ "$(grep -Ec '^writev?\(2' "$work/trace")" = 1 ] || { cat "$work/trace"; die 'an error is not one write'; }
fi

code 3 publish "$here/demo/artifacts" --repo "$work/none" --key "$work/none.key"
"$HOLDFAST" keygen --out "$work/site.key" > /dev/null
code 3 publish "$here/demo/artifacts" --repo "$work/none" --key "$work/site.key" --overrides "$work/none.yaml"
grep -qxF "holdfast: publish: $work/none.yaml: cannot open: No such file or directory" "$work/err" || { cat "$work/err"; die 'a file that is not there, named once'; }

# Forms for machines.
printf '<policies><inbound><frob /></inbound></policies>' > "$work/wrong.xml"
printf '<policies><inbound><base /></inbound></policies>' > "$work/right.xml"
code 1 check --json "$work/wrong.xml" "$work/wrong.xml"
python3 - "$work" <<'PY' || die 'check --json'
import json, sys
first, second = json.load(open(sys.argv[1] + "/out"))
name = sys.argv[1] + "/wrong.xml"
assert first == second and first["id"] == f"{name}:1:20" and first["file"] == name and (first["line"], first["column"]) == (1, 20), first
assert first["severity"] == "error" and "frob" in first["message"], first
PY
code 0 check --json "$work/right.xml"
[ "$(cat "$work/out")" = '[]' ] || die 'check --json without problems'
code 0 keygen --use token --out "$work/token.key"
code 0 token create --gateway 'a"b' --key "$work/token.key" --expiry 2031-12-31T23:59:59Z --json
python3 -c 'import json,sys; t=json.load(sys.stdin); assert t["gateway"] == "a\"b" and t["expires"] == "2031-12-31T23:59:00Z", t; print(t["token"])' \
    < "$work/out" > "$work/token" || die 'token create --json'
code 0 token verify @"$work/token" --key "$work/token.key" --json
grep -qx '{"ok":true,"gateway":"a\\"b","expires":"2031-12-31T23:59:00Z"}' "$work/out" || { cat "$work/out"; die 'token verify --json'; }

code 0 --version
grep -q '^holdfast [0-9]' "$work/out" || die 'version'
code 0 version --json
python3 -c 'import json,sys; d=json.load(open(sys.argv[1])); assert d["version"] and d["target"] and d["commit"] is not None and d["libraries"]["mbedtls"]' "$work/out"
