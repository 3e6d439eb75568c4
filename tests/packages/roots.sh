# SPDX-License-Identifier: Apache-2.0
# Root folders of a Debian release: made by debootstrap, and entered. Sourced; as root.
# shellcheck shell=bash

# root_can_be : debootstrap is here and mounts can be made; else one line says what is missing
root_can_be() {
    local missing=
    if [ "$(id -u)" -ne 0 ]; then
        missing="needs root, for debootstrap and its mounts"
    elif ! command -v debootstrap >/dev/null; then
        missing="debootstrap is missing: apt-get install debootstrap"
    elif ! unshare --mount --pid --fork true 2>/dev/null; then
        missing="this root may not make namespaces of mounts and processes"
    fi
    [ -z "$missing" ] || { echo "$0: $missing" >&2 && return 1; }
}

# root_debootstrap SUITE FOLDER CACHE : a minimal Debian, unless FOLDER is there; what is fetched stays in CACHE. Made
# under another name first: what stands under its own is whole.
root_debootstrap() {
    local suite=$1 root=$2 cache=$3
    [ ! -d "$root" ] || return 0
    mkdir -p "$cache" "$(dirname "$root")" && rm -rf "$root.new" || return 1
    unshare --mount --pid --fork --kill-child --mount-proc debootstrap --variant=minbase \
        --cache-dir="$(realpath "$cache")" "$suite" "$root.new" http://deb.debian.org/debian >"$root.log" 2>&1 || {
        tail -n 3 "$root.log" >&2
        echo "$0: debootstrap failed (no network?); its log: $root.log" >&2
        return 1
    }
    mv "$root.new" "$root"
}

# root_prepare ROOT : this machine's network, no daemon that starts by itself, and a dpkg that does not wait for the disk
root_prepare() {
    echo force-unsafe-io >"$1/etc/dpkg/dpkg.cfg.d/unsafe-io"
    cp /etc/resolv.conf /etc/hosts "$1/etc/" 2>/dev/null
    printf '#!/bin/sh\nexit 101\n' >"$1/usr/sbin/policy-rc.d" && chmod +x "$1/usr/sbin/policy-rc.d"
}

# root_enter ROOT COMMAND... : there, with /proc, /sys, /dev and a /tmp and /dev/shm of its own; processes and mounts
# end with the command. ROOT is the root of its namespace, not only of its processes, so that they can make and enter
# namespaces as on a machine.
#   root_binds=(FROM:TO[:ro])        folders of this machine, and where they are there
#   root_variables=(NAME=VALUE)      its environment, besides PATH and HOME
#   root_folder=DIR                  where the command starts [/]
root_binds=() root_variables=() root_folder=/
root_enter() {
    local root=$1
    shift
    # shellcheck disable=SC2016
    unshare --mount --pid --fork --uts --kill-child bash -c '
        root=$1 binds=$2
        shift 2
        mount --make-rprivate / && mount --bind "$root" "$root" && mount -t proc proc "$root/proc" &&
            mount --rbind /sys "$root/sys" && mount --rbind /dev "$root/dev" &&
            mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm" &&
            mount -t tmpfs -o mode=1777 tmpfs "$root/tmp" || exit 1
        while IFS=: read -r from to options; do
            [ -n "$from" ] || continue
            mkdir -p "$root$to" && mount --bind ${options:+-o "$options"} "$from" "$root$to" || exit 1
        done <<<"$binds"
        cd "$root" && pivot_root . mnt && exec chroot . env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
            HOME=/root "$@"' bash "$root" "$(printf '%s\n' "${root_binds[@]}")" "${root_variables[@]}" \
        sh -c 'umount -l /mnt && cd "$0" && exec "$@"' "$root_folder" "$@"
}
