#!/usr/bin/env bash
# disks.sh [x86_64] [aarch64]: makes build/vm/root.ext4, this Debian release with what tracer and the
# jobs need (once; as root), and build/vm/clone.ext4, the clone as it is now with what was built in it.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
[[ " $* " != *" aarch64 "* ]] || "$here/aarch64.sh"
[[ " $* " == *" x86_64 "* ]] || exit 0
clone=$(cd "$here/../.." && pwd -P)
mkdir -p "$clone/build/vm"
cd "$clone/build/vm"
PATH=$PATH:/usr/sbin:/sbin
packages=python3,python3-bpfcc,procps,iproute2,util-linux,sudo,strace,numactl
work=$(mktemp -d "$PWD/disk.XXXXXX")
trap 'rm -rf "$work"' EXIT

key=$(echo "$packages" | cat - "$here/guest-init.sh" | sha256sum)
if [[ ! -s root.ext4 || $(cat root.key 2>/dev/null) != "$key" ]]; then
    echo "vm: making the root disk (3 minutes)"
    debian=$("$clone/scripts/setup.sh" debian)
    nice -n 10 mmdebstrap --mode=root --variant=minbase --quiet --include="$packages" \
        "${debian% *}" "$work/root" "${debian#* }"
    cp "$here/guest-init.sh" "$work/root/guest-init"
    chmod +x "$work/root/guest-init"
    echo '127.0.0.1 localhost vm' >"$work/root/etc/hosts"
    chroot "$work/root" useradd -m -u 1000 -s /bin/bash user
    echo 'user ALL=(ALL) NOPASSWD: ALL' >"$work/root/etc/sudoers.d/user"
    chmod 440 "$work/root/etc/sudoers.d/user"
    rm -rf "$work"/root/usr/share/{doc,man,locale} "$work"/root/var/cache/apt "$work"/root/var/lib/apt/lists
    "$here/disk.sh" "$work/root" root.ext4 3G
    echo "$key" >root.key
fi

mkdir "$work/clone"
# of the checks and of tests that do not run in there
unneeded=(mypy mypyc '*__mypyc*' playwright matplotlib fontTools pillow.libs PIL)
tar cf - -C "$clone" --exclude=./.git --exclude=./build --exclude=__pycache__ \
    "${unneeded[@]/#/--exclude=./.venv/lib/*/site-packages/}" --exclude=./.venv/bin/ruff \
    --exclude='./workloads/native/target/*/*/deps' --exclude='./workloads/native/target/*/deps' \
    --exclude='./workloads/native/target/*/build' --exclude='./workloads/native/target/*/.fingerprint' \
    --exclude='./workloads/native/target/*/incremental' . | tar xf - -C "$work/clone"
"$here/disk.sh" "$work/clone" clone.ext4 2G
