#!/bin/bash
# fetch.sh NAME...: put the archives that the lock names into the cache folder; print their paths.
#
# Suites other than the machine's own are reached through a source list and apt folders that live in
# the cache folder, so nothing of the user's apt set-up is read but its mirror and its access rights,
# and nothing is written. An archive is looked up by itself in the suite's index: `apt-get source`
# would need the .dsc too, and mirrors have holes.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

archives=$cache/archives
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

has_sum() { [ -f "$1" ] && [ "$(sha256sum "$1" | cut -d' ' -f1)" = "$2" ]; }

# private_apt KIND COMMAND...: run an apt command with folders of our own. KIND, say "sid-source" or
# "sid-arm64", has one folder: indexes that do not load (mirrors are sometimes half synchronised)
# must not take others down with them. How old an index is does not matter, as mirrors do lag: the
# lock's SHA-256 says what is taken.
private_apt() {
    local dir=$cache/apt/$1
    shift
    "$@" -o Dir::Etc::sourcelist="$dir/sources.list" -o Dir::Etc::sourceparts=/dev/null \
         -o Dir::Etc::preferences=/dev/null -o Dir::Etc::preferencesparts=/dev/null \
         -o Dir::State::lists="$dir/lists" -o Dir::State::status="$dir/status" -o Dir::Cache="$dir/cache" \
         -o Acquire::Languages=none \
         -o Acquire::Check-Valid-Until=false -o APT::Sandbox::User="$(id -un)" -o Acquire::Retries=2
}

# index KIND: load the index of a suite, at most once an hour; print the names of its files.
index() {
    local kind=$1 suite=${1%-*} arch=${1##*-} dir=$cache/apt/$1 line
    [ ! -e "$run/$kind.failed" ] || return 1
    mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial"
    : >>"$dir/status"
    if [ "$arch" = source ]; then line="deb-src [signed-by=$keyring]"
    else line="deb [signed-by=$keyring arch=$arch]"; fi
    if [ -z "$(find "$dir/loaded" -mmin -60 2>/dev/null)" ]; then
        say "loading the $kind index"
        printf '%s %s %s main\n' "$line" "$(mirror)" "$suite" >"$dir/sources.list"
        if ! private_apt "$kind" apt-get -qq update >"$dir/log" 2>&1; then
            say "$kind: $(tail -n1 "$dir/log")"
            touch "$run/$kind.failed"
            return 1
        fi
        touch "$dir/loaded"
    fi
    private_apt "$kind" apt-get indextargets --format '$(FILENAME)'
}

# pool_path KIND ARCHIVE SHA256: where in the pool that index has the archive.
pool_path() {
    local files
    files=$(index "$1") || return 1
    # shellcheck disable=SC2086 # one index is one or two file names
    /usr/lib/apt/apt-helper cat-file $files | awk -v archive="$2" -v sum="$3" '
        /^Directory:/ { dir = $2 "/" }
        /^Filename:/  { file = $2 }
        /^SHA256:/ && $2 == sum { path = file }
        $1 == sum && $3 == archive { here = 1 }
        /^$/ { if (here) path = dir archive; here = 0 }
        END  { if (here) path = dir archive; if (path == "") exit 1; print path }'
}

# newer_in KIND NAME: for the failure message: what the suite carries in place of the pinned archive.
newer_in() {
    local files
    files=$(index "$1") || return 0
    # shellcheck disable=SC2086
    /usr/lib/apt/apt-helper cat-file $files |
        awk -v want="$2" '/^Package:/ { on = ($2 == want) } on && /^Version:/ { printf " %s", $2 }'
}

download() {
    local url=$1 sum=$2 to=$3
    /usr/lib/apt/apt-helper -o APT::Sandbox::User="$(id -un)" -o Acquire::Retries=2 \
        download-file "$url" "$to.part" "SHA256:$sum" >"$to.log" 2>&1 || {
        say "  $url: $(sed -n 's/^E: //p' "$to.log" | head -n1)"
        rm -f "$to.part" "$to.log"
        return 1
    }
    rm -f "$to.log"
    mv "$to.part" "$to"
}

give_up() {
    local name=$1 archive=$2 sum=$3 suite
    say ""
    say "cannot get $archive ($name $(lock_get "$name" version))."
    for suite in $(lock_get "$name" suites); do
        say "  $suite carries:$(newer_in "$suite-$(kind_of "$name")" "${archive%%_*}")"
    done
    say "What helps, any one of these:"
    say "  - put the file with SHA-256 $sum into $archives/"
    say "    (from another machine's cache folder, or $(lock_get "$name" fallback))"
    say "  - try again later: mirrors are incomplete while they synchronise"
    say "  - move the pin: set version, archive, sha256 of '$name' in platform/deps/lock to what a suite carries"
    exit 1
}

kind_of() { local arch; arch=$(lock_get "$1" arch); printf '%s' "${arch:-source}"; }

fetch() {
    local name=$1 archive sum to suite path
    archive=$(lock_get "$name" archive)
    sum=$(lock_get "$name" sha256)
    [ -n "$archive" ] || die "the lock has no stanza '$name'"
    to=$archives/$archive
    if ! has_sum "$to" "$sum"; then
        say "getting $archive"
        for suite in $(lock_get "$name" suites); do
            path=$(pool_path "$suite-$(kind_of "$name")" "$archive" "$sum") || continue
            download "$(mirror)$path" "$sum" "$to" && break
        done
        has_sum "$to" "$sum" || download "$(lock_get "$name" fallback)" "$sum" "$to" ||
            give_up "$name" "$archive" "$sum"
    fi
    printf '%s\n' "$to"
}

run=$(mktemp -d)
trap 'rm -rf "$run"' EXIT
mkdir -p "$archives"
exec 9>"$archives/.lock"
flock 9
for name in "$@"; do fetch "$name"; done
