#!/usr/bin/env bash
# disk.sh DIRECTORY FILE SIZE: makes FILE, a disk of that size with what is in DIRECTORY. Called by
# disks.sh and aarch64.sh as root.
set -euo pipefail
PATH=$PATH:/usr/sbin:/sbin
rm -f "$2.new"
truncate -s "$3" "$2.new"
nice -n 10 mkfs.ext4 -q -F -O '^has_journal,^metadata_csum' -E lazy_itable_init=1 -d "$1" "$2.new"
mv "$2.new" "$2"
