#!/bin/sh
# Nanoseconds of CPU time per evaluation of policy expressions, beside the C functions that some of them
# stand for, and QuickJS (qjs) and Lua 5.4 where they are installed.
# usage: expr.sh PROGRAM     (PROGRAM: tests/bench/expr/bench.c, linked)
set -eu
here=$(dirname "$0")/expr
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$1" > "$work/holdfast"
: > "$work/js"
: > "$work/lua"
if command -v qjs > /dev/null; then qjs "$here/bench.js" > "$work/js"; fi
if command -v lua5.4 > /dev/null; then lua5.4 "$here/bench.lua" > "$work/lua"; fi
printf '%-20s %10s %10s %10s %10s\n' 'ns per evaluation' holdfast C quickjs lua5.4
while IFS='	' read -r name ns c; do
    js=$(awk -F'\t' -v n="$name" '$1 == n { print $2 }' "$work/js")
    lua=$(awk -F'\t' -v n="$name" '$1 == n { print $2 }' "$work/lua")
    printf '%-20s %10s %10s %10s %10s\n' "$name" "$ns" "$c" "${js:--}" "${lua:--}"
done < "$work/holdfast"
