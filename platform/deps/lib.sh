# Shared by the scripts of this folder: where things are, and how the lock is read.
# shellcheck shell=bash

deps=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${HOLDFAST_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/holdfast}

say() { printf 'deps: %s\n' "$*" >&2; }
die() { say "$@"; exit 1; }

# lock_stanza NAME: the stanza of NAME, as it stands in the lock.
lock_stanza() {
    awk -v want="$1" '/^#/ { next } /^$/ { on = 0 } $1 == "name:" { on = ($2 == want) } on' "$deps/lock"
}

# lock_get NAME FIELD: one value of it; empty if the stanza has no such field.
lock_get() { lock_stanza "$1" | sed -n "s/^$2: //p"; }

# The mirror that apt is set up with. The security archive has suites of other names: not that one.
mirror() {
    local uri
    uri=$(apt-get indextargets --no-release-info --format '$(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
          grep -v security | grep -m1 debian)
    printf '%s' "${uri:-http://deb.debian.org/debian/}"
}
