#!/usr/bin/env bash
# kernel.sh NAME: downloads a kernel from Debian's archive, installs nothing, and makes
# build/vm/kernels/NAME/{vmlinuz,initrd}: an initramfs with busybox and the modules that the root
# disk needs. What is there already is kept. NAME: a version, 6.1 or 7.3 (the last one of it that a
# release has), or newest; with -rt PREEMPT_RT, with -arm64 for aarch64.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
cd "$here/../../build/vm"
PATH=$PATH:/usr/sbin:/sbin
name=$1 kernel=kernels/$1
[[ ! -s $kernel/initrd ]] || exit 0

lists=$PWD/lists
debian=$("$here/../../scripts/setup.sh" debian)
version=${name%-arm64} arch=amd64 flavour=cloud suite="" image=""
[[ $name == "$version" ]] || arch=arm64
[[ $version != *-rt ]] || flavour=rt
version=${version%-rt}

# apt_of SUITE COMMAND...: apt with that suite's lists alone, apart from this machine's packages
apt_of() {
    local dir=$lists/$1-$arch command=$2
    shift 2
    "$command" -qq -o "Dir::Etc::SourceList=$dir/sources.list" -o Dir::Etc::SourceParts=- \
        -o "Dir::State::Lists=$dir/lists" -o Dir::State::status=/dev/null -o "Dir::Cache=$dir/cache" \
        -o "APT::Architecture=$arch" -o "APT::Architectures=$arch" -o APT::Sandbox::User=root "$@"
}

update() {
    local dir=$lists/$1-$arch
    [[ -z $(find "$dir/lists" -name '*Packages*' -mmin -600 2>/dev/null) ]] || return 0
    mkdir -p "$dir"/{lists/partial,cache}
    echo "deb [arch=$arch signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]" \
        "${debian#* } $1 main" >"$dir/sources.list"
    apt_of "$1" apt-get update
}

# image_of SUITE: the newest kernel there of that name
image_of() {
    update "$1"
    apt_of "$1" apt-cache pkgnames linux-image- | grep -E "^linux-image-$version.*-$flavour-$arch$" |
        sort -V | tail -n 1 || true
}

if [[ $version == newest ]]; then
    version="[0-9]"
    for one in trixie-backports sid experimental; do
        found=$(image_of "$one")
        if [[ $(printf '%s\n' "$image" "$found" | sort -V | tail -n 1) != "$image" ]]; then
            suite=$one image=$found
        fi
    done
else
    version="${version//./\\.}[.-]"
    for suite in bookworm trixie trixie-backports sid experimental bullseye; do
        image=$(image_of "$suite")
        [[ -z $image ]] || break
    done
fi
[[ -n $image ]] || { echo "vm: Debian's archive has no kernel $name" >&2; exit 2; }

# newer ones come in three packages
parts=$(apt_of "$suite" apt-cache depends "$image" |
    awk '$1 == "Depends:" && $2 ~ /^linux-(binary|modules|base)-[0-9]/ {print $2}')
work=$(mktemp -d "$PWD/kernel.XXXXXX")
trap 'rm -rf "$work"' EXIT
# shellcheck disable=SC2086
(cd "$work" && apt_of "$suite" apt-get download "$image" $parts)
busybox=/usr/bin/busybox
if [[ $arch != amd64 ]]; then
    update "${debian% *}"
    (cd "$work" && apt_of "${debian% *}" apt-get download busybox-static)
    dpkg-deb -x "$work"/busybox-static_*.deb "$work/busybox"
    rm "$work"/busybox-static_*.deb
    busybox=$(compgen -G "$work/busybox/*bin/busybox" || echo "$work/busybox/usr/bin/busybox")
fi
for deb in "$work"/*.deb; do dpkg-deb -x "$deb" "$work/root"; done

version=${image#linux-image-}
if [[ ! -d $work/root/usr/lib/modules ]]; then
    mkdir -p "$work/root/usr/lib"
    mv "$work/root/lib/modules" "$work/root/usr/lib/"
fi
rm -rf "$work/root/lib"
ln -s usr/lib "$work/root/lib"
depmod -b "$work/root" "$version"
ram=$work/initramfs
mkdir -p "$ram"/{bin,proc,sys,dev,new,modules} "$kernel"
number=100
for wanted in virtio_pci virtio_mmio virtio_blk ext4 crc32c_generic crc32c; do
    while read -r verb file _; do
        [[ $verb == insmod ]] || continue
        base=$(basename "$file")
        base=${base%%.ko*}
        compgen -G "$ram/modules/*-$base.ko" >/dev/null && continue
        number=$((number + 1)) to=$ram/modules/$number-$base.ko
        case $file in
        *.xz) xz -dc "$file" >"$to" ;;
        *.zst) zstd -qdc "$file" >"$to" ;;
        *) cp "$file" "$to" ;;
        esac
    done < <(modprobe -d "$work/root" -S "$version" --show-depends "$wanted" 2>/dev/null || true)
done
cp -L "$busybox" "$ram/bin/busybox"
cat >"$ram/init" <<'INIT'
#!/bin/busybox sh
b=/bin/busybox
$b mount -t proc proc /proc
$b mount -t sysfs sysfs /sys
$b mount -t devtmpfs dev /dev
for module in /modules/*.ko; do $b insmod $module || $b echo "insmod $module failed"; done
tries=0
while [ ! -b /dev/vdc ] && [ $tries -lt 100 ]; do $b sleep 0.1; tries=$((tries + 1)); done
$b mount -t ext4 /dev/vda /new || { $b echo "no root disk"; $b poweroff -f; }
$b umount /proc
$b umount /sys
$b mount -o move /dev /new/dev
exec $b switch_root /new /guest-init
INIT
chmod +x "$ram/init"
for file in "$work/root/boot/vmlinuz-$version" "$work/root/usr/lib/modules/$version/vmlinuz"; do
    [[ ! -f $file ]] || cp "$file" "$kernel/vmlinuz"
done
(cd "$ram" && find . | cpio -o -H newc --quiet | gzip -1) >"$kernel/initrd.new"
mv "$kernel/initrd.new" "$kernel/initrd"
echo "vm: kernel $name is $image ($suite)"
