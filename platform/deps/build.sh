#!/bin/bash
# build.sh SET OUTDIR: build every library of the lock for one set and link the result to OUTDIR.
#
#   host          glibc of this machine: unit tests, sanitizers
#   musl-amd64    what ships; static
#   musl-arm64    the same, cross built
#   musl-armhf    the same, cross built
#
# Each library is built apart and kept in the cache folder under a hash of all that it is made of:
# archive, recipe, compiler, flags, and the hashes of the libraries it uses. So a change of one
# recipe rebuilds one library (and its users), and a second checkout builds nothing.
# OUTDIR gets bin/cc (the compiler to use with the set), include/, lib/.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

set_name=${1:?set} out=${2:?output folder}

# lane: libraries in the order of their needs. The two lanes run side by side, because half of the
# time goes to configure scripts, which use one core.
lanes=("zlib mbedtls curl" "civetweb cacerts yyjson pcre2 libyaml sqlite libxml2")
needs_curl="mbedtls zlib"

case $set_name in
    host)       triplet=$(gcc -dumpmachine) ;;
    musl-amd64) triplet=x86_64-linux-gnu ;;
    musl-arm64) triplet=aarch64-linux-gnu ;;
    musl-armhf) triplet=arm-linux-gnueabihf ;;
    *)          die "unknown set '$set_name'" ;;
esac
# For AArch64 only lld packs relocations (a tenth of the binary); gcc finds it in bin/.
linker=
case $set_name in musl-arm64) linker=$(command -v ld.lld) || die "no ld.lld: platform/deps/packages.sh installs it" ;; esac
command -v "$triplet-gcc" >/dev/null || die "no $triplet-gcc: platform/deps/packages.sh installs it"

# Recipes see: CC AR RANLIB, CFLAGS, HOST (for configure), SRC, DST, and DEP_<library> of their needs.
# -O2 where requests pass through; a recipe may add -Os behind it.
export AR=$triplet-ar RANLIB=$triplet-ranlib HOST=$triplet
export CFLAGS="-O2 -g1 -w -ffunction-sections -fdata-sections -fPIE -fno-plt -fstack-protector-strong -fstack-clash-protection -U_FORTIFY_SOURCE"
jobs=${JOBS:-2}
case $set_name in
    host) CFLAGS+=" -fno-omit-frame-pointer" ;;                 # stack traces of the sanitizers
    *)    CFLAGS+=" -fno-unwind-tables -fno-asynchronous-unwind-tables" ;;         # nothing unwinds: a tenth of the binary
esac

hash_of() { sha256sum | cut -c1-16; }

# Debian's musl-dev, unpacked into the cache folder, with its specs file pointing there. Kernel
# headers (linux/, asm/), which musl has none of, come from the compiler's own glibc last.
musl_compiler() {
    local arch=${set_name#musl-} deb key dir specs kernel
    deb=$("$deps/fetch.sh" "musl-$arch")
    key=$( { declare -f musl_compiler; lock_stanza "musl-$arch"; } | hash_of)
    dir=$cache/musl/$arch-$key
    if [ ! -d "$dir" ]; then
        mkdir -p "$cache/musl"
        rm -rf "$dir.new"
        dpkg-deb -x "$deb" "$dir.new"
        specs=$(find "$dir.new" -name musl-gcc.specs)
        sed -i "s|/usr/|$dir/usr/|g" "$specs"
        # libgcc of ARM and libc need each other; gcc groups them by itself only with -static.
        printf '*link_gcc_c_sequence:\n--start-group %%G %%L --end-group\n\n' >>"$specs"
        mkdir "$dir.new/kernel"
        kernel=/usr/$triplet/include
        if [ -d "$kernel/linux" ]; then ln -s "$kernel/asm" "$dir.new/kernel/asm"
        else kernel=/usr/include; ln -s "/usr/include/$triplet/asm" "$dir.new/kernel/asm"; fi
        ln -s "$kernel/linux" "$kernel/asm-generic" "$dir.new/kernel/"
        printf '#!/bin/sh\nexec %s "$@" -specs %s -idirafter %s -U_FORTIFY_SOURCE\n' \
            "$triplet-gcc" "${specs/$dir.new/$dir}" "$dir/kernel" >"$dir.new/cc"
        chmod +x "$dir.new/cc"
        mv "$dir.new" "$dir"
    fi
    printf '%s/cc' "$dir"
}

# lib_dir LIBRARY: its folder in the cache, named by its hash.
lib_dir() {
    local lib=$1 needs="needs_$1" need
    printf '%s/lib/%s/%s-%s-%s' "$cache" "$set_name" "$lib" "$(lock_get "$lib" version)" "$( {
        lock_stanza "$lib"; lock_stanza "$lib-patches"
        cat "$deps/recipes/$lib".*
        printf '%s\n' "$compiler_id" "$CFLAGS"
        for need in ${!needs-}; do lib_dir "$need"; done
    } | hash_of)"
}

unpack() { # into the current folder, without the archive's top folder
    tar -xf "$1" --strip-components=1 --no-same-owner
}
export -f unpack say

build_library() {
    local lib=$1 needs="needs_$1" dir work need log start=$SECONDS
    dir=$(lib_dir "$lib")
    [ -d "$dir" ] && return
    work=$cache/work/$set_name/$lib log=$cache/work/$set_name/$lib.log
    rm -rf "$work"
    mkdir -p "$work/src" "$work/dst/lib" "$work/dst/include"
    for need in ${!needs-}; do export "DEP_$need=$(lib_dir "$need")"; done
    SRC=$("$deps/fetch.sh" "$lib") || return
    PATCHES=$( [ -z "$(lock_get "$lib-patches" archive)" ] || "$deps/fetch.sh" "$lib-patches") || return
    export SRC PATCHES DST=$work/dst RECIPES=$deps/recipes MAKEFLAGS=-j$jobs
    if ! (cd "$work/src" && unset MAKELEVEL MFLAGS MAKEOVERRIDES && nice bash -euo pipefail "$deps/recipes/$lib.sh") >"$log" 2>&1
    then
        tail -n 25 "$log" >&2
        say "$set_name: $lib failed; all of its output: $log"
        return 1
    fi
    mkdir -p "$(dirname "$dir")"
    mv "$work/dst" "$dir"
    rm -rf "$work"
    say "$set_name: $lib $(lock_get "$lib" version) built in $((SECONDS - start)) s"
}

build_lane() { local lib; for lib in $1; do build_library "$lib" || return; done; }

# The file OUTDIR/set lists the libraries by hash. If it would not change, nothing is touched.
link_set() {
    local lib tool
    rm -rf "$out.new"
    mkdir -p "$out.new/bin" "$out.new/include" "$out.new/lib"
    { echo "$CC"; echo "$linker"; for lib in ${lanes[*]}; do lib_dir "$lib"; echo; done; } >"$out.new/set"
    if cmp -s "$out.new/set" "$out/set"; then rm -rf "$out.new"; return; fi
    ln -s "$CC" "$out.new/bin/cc"
    for tool in ar ranlib nm objcopy strip; do ln -s "$(command -v "$triplet-$tool")" "$out.new/bin/$tool"; done
    [ -z "$linker" ] || ln -s "$linker" "$out.new/bin/ld.lld"
    for lib in ${lanes[*]}; do cp -as "$(lib_dir "$lib")/." "$out.new/"; done
    rm -rf "$out"
    mv "$out.new" "$out"
    say "$set_name: ready in $out"
}

mkdir -p "$cache/work/$set_name" "$(dirname "$out")"
exec 8>"$cache/work/.lock"
flock 8                                          # one set at a time: its lanes fill the machine

if [ "$set_name" = host ]; then CC=$(command -v "$triplet-gcc")
else CC=$(musl_compiler); fi
export CC
compiler_id=$("$triplet-gcc" --version | head -n1; basename "$(dirname "$CC")")

pids=()
for lane in "${lanes[@]}"; do build_lane "$lane" & pids+=($!); done
for pid in "${pids[@]}"; do wait "$pid" || failed=1; done
[ -z "${failed-}" ] || exit 1
link_set
