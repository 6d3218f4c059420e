# shellcheck shell=bash
# What `make vm-test` needs of the system: an emulator, and the tools that make disks of Debian's
# packages. Sourced by scripts/setup.sh.

# Older ones emulate some instructions of kernels from 6.12 on wrongly, which die of it.
MIN_QEMU=10.0

# Command and package of each.
VM_TOOLS="mmdebstrap:mmdebstrap mkfs.ext4:e2fsprogs cpio:cpio depmod:kmod xz:xz-utils zstd:zstd lz4:lz4"

# What cross-builds for aarch64 besides.
AARCH64_TOOLS="unzip:unzip aarch64-linux-gnu-gcc:gcc-aarch64-linux-gnu"

# has_qemu PROCESSOR
has_qemu() {
    local version
    version=$("qemu-system-$1" --version 2>/dev/null | sed -n '1s/.*version \([0-9.]*\).*/\1/p')
    [[ -n $version ]] && version_ge "$version" "$MIN_QEMU"
}

# A static one: it runs before any library is mounted.
has_static_busybox() { dpkg-query -W -f '${Status}' busybox-static 2>/dev/null | grep -q ' installed$'; }

# debian_release: the name of this release, as the archive has it.
debian_release() {
    local ID="" VERSION_CODENAME=""
    # shellcheck source=/dev/null
    [[ ! -r /etc/os-release ]] || source /etc/os-release
    [[ $ID == debian && -n $VERSION_CODENAME ]] ||
        die "the virtual machines are made of Debian's packages, and this is no release of Debian." \
            "Use a machine with Debian 12 or newer."
    printf '%s\n' "$VERSION_CODENAME"
}

# debian_mirror RELEASE: where apt gets it from.
debian_mirror() {
    local uri
    # shellcheck disable=SC2016
    uri=$(apt-get indextargets --format '$(REPO_URI)' "Codename: $1" | head -n 1)
    [[ -n $uri ]] || die "apt knows no archive of Debian $1." "Add one to apt's sources, then: apt-get update"
    printf '%s\n' "$uri"
}

cmd_debian() {
    local release
    release=$(debian_release)
    printf '%s %s\n' "$release" "$(debian_mirror "$release")"
}

# install_from_backports PACKAGE...: with the backports as one more source, for this call alone.
install_from_backports() {
    local release mirror suite list
    release=$(debian_release)
    mirror=$(debian_mirror "$release")
    suite=$release-backports
    list=$(mktemp)
    { cat /etc/apt/sources.list 2>/dev/null || true; } >"$list"
    printf 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s %s main\n' \
        "$mirror" "$suite" >>"$list"
    chmod 644 "$list"
    step "reading the list of $suite (apt-get)" "Is the network there?" \
        as_root apt-get update -qq -o "Dir::Etc::SourceList=$list" -o DPkg::Lock::Timeout=300
    step "installing $* from $suite (apt-get)" \
        "Install QEMU $MIN_QEMU or newer by hand and run the same command again." \
        as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        -o "Dir::Etc::SourceList=$list" -o DPkg::Lock::Timeout=300 -t "$suite" "$@"
    rm -f "$list"
}

# qemu PROCESSOR PACKAGE
qemu() {
    ! has_qemu "$1" || return 0
    install_from_backports "$2"
    has_qemu "$1" || die "QEMU is older than $MIN_QEMU." "Install a newer one by hand and run the same command again."
}

# cmd_vm_tools [aarch64]
cmd_vm_tools() {
    local pair
    local -a needed=()
    debian_release >/dev/null
    # shellcheck disable=SC2086
    for pair in $VM_TOOLS ${1:+$AARCH64_TOOLS}; do
        have "${pair%%:*}" || needed+=("${pair##*:}")
    done
    [[ -z ${1:-} || -d /usr/aarch64-linux-gnu/include ]] || needed+=(libc6-dev-arm64-cross)
    has_static_busybox || needed+=(busybox-static)
    if ((${#needed[@]})); then
        update_package_lists
        install_packages "${needed[@]}"
    fi
    qemu x86_64 qemu-system-x86
    [[ -z ${1:-} ]] || qemu aarch64 qemu-system-arm
}
