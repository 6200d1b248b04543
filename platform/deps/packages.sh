#!/bin/bash
# packages.sh GROUP...: install what is missing of these groups of Debian packages; nothing else
# needs to be installed by hand.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

packages_build="gcc libc6-dev make binutils patch xz-utils bzip2 linux-libc-dev libcmocka-dev python3
                util-linux debian-archive-keyring ca-certificates"
packages_amd64="gcc-x86-64-linux-gnu libc6-dev-amd64-cross"
packages_arm64="gcc-aarch64-linux-gnu libc6-dev-arm64-cross lld"
packages_armhf="gcc-arm-linux-gnueabihf libc6-dev-armhf-cross"
packages_test="varnish nginx-light haproxy wrk curl openssl procps iproute2 strace"
packages_qemu="qemu-user-static"
packages_tidy="clang-tidy"
packages_fuzz="clang libclang-rt-dev"

find_missing() {
    local group package list
    missing=()
    for group in "$@"; do
        [ "$group" = "$(dpkg --print-architecture)" ] && continue      # the native compiler does it
        list=packages_$group
        for package in ${!list}; do
            dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
        done
    done
    [ ${#missing[@]} -gt 0 ]
}

find_missing "$@" || exit 0
mkdir -p "$cache"
exec 9>"$cache/.packages.lock"
flock 9                                          # apt-get update does not wait for another one
find_missing "$@" || exit 0

as_root=
[ "$(id -u)" -eq 0 ] || as_root=sudo
say "installing: ${missing[*]}"

# Servers are tools of the tests here: their packages must not start them. A policy that a machine
# already has is left in place.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
    printf '#!/bin/sh\nexit 101\n' | $as_root install -m 755 /dev/stdin $policy
    trap '$as_root rm -f $policy' EXIT
fi
install_missing() {
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends \
        -o DPkg::Lock::Timeout=300 "${missing[@]}" >&2
}
install_missing 2>/dev/null || { $as_root apt-get update -qq >&2 && install_missing; } ||
    die "apt-get could not install: ${missing[*]}"
