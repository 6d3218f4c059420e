#!/usr/bin/env bash
# run.sh [KERNEL:JOB...]: virtual machines with other kernels, one after the other; without arguments
# those in the first line of code. Kernels: kernel.sh; jobs: tests/vm/jobs. What a job wrote is in
# build/vm/results/KERNEL-JOB. Exit status 1 when a job says that something is wrong.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)

(($#)) || set -- newest:recursion newest:kernel 6.1:kernel 6.12:topology
for pair; do
    if [[ $pair != *:* || ! -f $here/jobs/${pair#*:}.py ]]; then
        echo "vm: $pair is no KERNEL:JOB; jobs:" "$(cd "$here/jobs" && ls -- [a-z]*.py | sed 's/\.py$//' | tr '\n' ' ')" >&2
        exit 2
    fi
done
"$here/disks.sh"
bad=0
for pair; do
    "$here/kernel.sh" "${pair%%:*}"
    "$here/boot.sh" "${pair%%:*}" "${pair#*:}" || bad=1
    cat "$here/../../build/vm/results/${pair/:/-}/console.txt" || true
done
exit "$bad"
