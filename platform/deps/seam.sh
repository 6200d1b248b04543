#!/bin/bash
# seam.sh SET-FOLDER TABLE OUT: civetweb.o with its calls of the operating system renamed to ours.
#
# TABLE (platform/civetweb.def) says of every symbol that civetweb leaves undefined what it is:
# `ours` and `unreachable` become seam_NAME, `pure` stays. A symbol that it does not list, say after a
# new version or for a new target, is an error: it might block a carrier.
set -euo pipefail
set_folder=$1 table=$2 out=$3
object=$set_folder/lib/civetweb.o

awk '{ sub(/#.*/, "") } NF == 0 { next }
     NF != 2 || $2 !~ /^(ours|pure|unreachable)$/ { print FILENAME ":" FNR ": want: NAME ours|pure|unreachable"; bad = 1 }
     END { exit bad }' "$table" >&2

unlisted=$("$set_folder/bin/nm" -u "$object" | awk '{ print $NF }' |
           awk 'NR == FNR { sub(/#.*/, ""); if (NF) known[$1] = 1; next } !($1 in known)' "$table" -)
if [ -n "$unlisted" ]; then
    echo "$table does not say what these symbols of civetweb are:" $unlisted >&2
    exit 1
fi
awk '{ sub(/#.*/, "") } $2 == "ours" || $2 == "unreachable" { print $1, "seam_" $1 }' "$table" >"$out.symbols"
"$set_folder/bin/objcopy" --redefine-syms="$out.symbols" "$object" "$out"
