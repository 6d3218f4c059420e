#!/usr/bin/env bash
# aarch64.sh: makes build/vm/root-aarch64.ext4 and clone-aarch64.ext4 on a machine of x86_64 without
# emulation: Debian's packages are only unpacked (so sudo, which needs PAM, does not work in there), the
# Rust programs are cross-built, the Python packages are wheels. Called by disks.sh as root.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
clone=$(cd "$here/../.." && pwd -P)
cd "$clone/build/vm"
PATH=$PATH:/usr/sbin:/sbin
read -r suite mirror < <("$clone/scripts/setup.sh" debian)
target=aarch64-unknown-linux-gnu
packages=bash,coreutils,grep,sed,gawk,findutils,tar,gzip,util-linux,mount,procps,kmod,iproute2,passwd,hostname
packages+=,python3,python3-bpfcc,strace,libc-bin,login,base-files,base-passwd,numactl
work=$(mktemp -d "$PWD/aarch64.XXXXXX")
trap 'rm -rf "$work"' EXIT

# A Rust compiler with the standard libraries of both machines: Debian's of one version, unpacked.
rust() {
    [[ ! -x rust/rustc ]] || return 0
    local dir=$PWD/rust version minor llvm apt deb
    mkdir -p "$dir"/{debs,root,lists/partial,cache}
    echo "deb [arch=arm64 signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" \
        >"$dir/sources.list"
    apt=(-qq -o APT::Architecture=arm64 -o APT::Architectures=arm64 -o "Dir::Etc::SourceList=$dir/sources.list"
        -o Dir::Etc::SourceParts=- -o "Dir::State::Lists=$dir/lists" -o Dir::State::status=/dev/null
        -o "Dir::Cache=$dir/cache" -o APT::Sandbox::User=root)
    apt-get "${apt[@]}" update
    version=$(apt-cache "${apt[@]}" show libstd-rust-web-dev | awk '/^Version:/ {print $2}' | sort -V | tail -n 1)
    minor=${version%%+*} minor=${minor%.*}
    llvm=$(apt-cache show "libstd-rust-web-$minor=$version" | grep -o 'libllvm[0-9]*' | sort -u | tail -n 1)
    (cd "$dir/debs" && apt-get -qq download "rustc-web=$version" "libstd-rust-web-dev=$version" \
        "libstd-rust-web-$minor=$version" "$llvm" &&
        apt-get "${apt[@]}" download "libstd-rust-web-dev=$version")
    for deb in "$dir"/debs/*.deb; do dpkg-deb -x "$deb" "$dir/root"; done
    cat >"$dir/rustc" <<R
#!/bin/sh
r=$dir/root/usr
LD_LIBRARY_PATH=\$r/lib/x86_64-linux-gnu:\$(echo \$r/lib/llvm-*/lib):\$r/lib exec \$r/bin/rustc "\$@"
R
    chmod +x "$dir/rustc"
}

programs() {
    local cargo
    cargo=$(type -P cargo || echo "$HOME/.cargo/bin/cargo")
    cp -a "$clone/workloads/native" "$work/native"
    rm -rf "$work/native/target"
    (cd "$work/native" && RUSTC=$clone/build/vm/rust/rustc CARGO_TARGET_DIR=$clone/build/vm/target-aarch64 \
        CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc \
        nice -n 10 "$cargo" build --quiet --release --locked --target "$target" --bins --examples)
}

root() {
    nice -n 10 mmdebstrap --mode=root --variant=extract --quiet --arch=arm64 \
        --hook-dir=/usr/share/mmdebstrap/hooks/merged-usr --include="$packages" "$suite" "$work/root" "$mirror"
    cp /etc/passwd /etc/group "$work/root/etc/"
    grep -q ^user: "$work/root/etc/passwd" ||
        echo 'user:x:1000:1000::/home/user:/bin/bash' >>"$work/root/etc/passwd"
    mkdir -p "$work/root/home/user"
    chown 1000:1000 "$work/root/home/user"
    ln -sf bash "$work/root/usr/bin/sh"
    ln -sf gawk "$work/root/usr/bin/awk"
    echo '127.0.0.1 localhost vm' >"$work/root/etc/hosts"
    cp "$here/guest-init.sh" "$work/root/guest-init"
    chmod +x "$work/root/guest-init"
    rm -rf "$work"/root/usr/share/{doc,man,locale} "$work"/root/var/cache/apt
}

# The clone with programs and Python packages of that machine.
files() {
    local to=$work/clone from=$clone/.venv/lib built=target-aarch64/$target/release python site wheel
    python=$(basename "$(echo "$from"/python3.*)")
    site=$to/.venv/lib/$python/site-packages
    mkdir -p "$to" "$work/wheels"
    tar cf - -C "$clone" --exclude=./.git --exclude=./build --exclude=./.venv --exclude=__pycache__ \
        --exclude=./workloads/native/target . | tar xf - -C "$to"
    mkdir -p "$to/workloads/native/target/release/examples" "$to/.venv/bin" "$site"
    cp "$built"/*-brigade "$built"/*-creation "$to/workloads/native/target/release/"
    cp "$built"/examples/{planted,uring-ops} "$to/workloads/native/target/release/examples/"
    cp "$clone/.venv/pyvenv.cfg" "$to/.venv/"
    for name in python python3 "$python"; do ln -sf /usr/bin/python3 "$to/.venv/bin/$name"; done
    "$clone/.venv/bin/python" -m pip freeze --exclude-editable | grep -i -E \
        '^(numpy|click|tabulate|py-spy|pytest|pytest-rerunfailures|jsonschema|prometheus[_-]client)==' >"$work/wanted"
    "$clone/.venv/bin/python" -m pip download -q --platform manylinux_2_28_aarch64 \
        --platform manylinux2014_aarch64 --only-binary=:all: --python-version "${python#python}" \
        -d "$work/wheels" -r "$work/wanted"
    for wheel in "$work"/wheels/*.whl; do unzip -q -o "$wheel" -d "$site"; done
    cp -a "$from/$python"/site-packages/{__editable__*,tracer-*.dist-info} "$site/"
    cp -a "$from/$python"/site-packages/*.pth "$site/" 2>/dev/null || true
    rm -f "$site"/distutils-precedence.pth
    cp -a "$clone/.venv/bin/tracer" "$to/.venv/bin/"
    cp "$site"/py_spy*.data/scripts/py-spy "$to/.venv/bin/"
    chmod +x "$to/.venv/bin/py-spy"
}

echo "vm: making the disks for aarch64 (5 minutes)"
rust
programs
files
"$here/disk.sh" "$work/clone" clone-aarch64.ext4 1G
key=$(echo "$packages" | cat - "$here/guest-init.sh" "$here/aarch64.sh" | sha256sum)
if [[ ! -s root-aarch64.ext4 || $(cat root-aarch64.key 2>/dev/null) != "$key" ]]; then
    root
    "$here/disk.sh" "$work/root" root-aarch64.ext4 2G
    echo "$key" >root-aarch64.key
fi
