#!/usr/bin/env bash
# boot.sh OUT KERNEL CPUS TOPOLOGY JOBS SECONDS: boots build/vm/kernels/KERNEL, runs the jobs (names of
# tests/vm/jobs, with commas) in it as root, and unpacks what they left in /results into OUT. Exit
# status 0: all of them ended with 0.
#
# The processor is emulated (TCG): times mean nothing, counts and ledgers do.
# The disks are read, never written: every machine begins with the same ones.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../build/vm" || exit
clone=$(readlink -f ../..)
out=$1 kernel=$2 cpus=$3 topology=$4 jobs=$5 limit_s=$6
# A machine that has not started its jobs by then is started again: emulated ones sometimes hang.
start_s=240 tries=3

# what differs from the plain machine
smp=$cpus memory=3G append="" more=()
case $topology in
plain) ;; # each CPU a core, one socket
smt) # two hardware threads each core
    smp+=,threads=2 ;;
caches) # two sockets of one node: two last-level caches
    smp+=,sockets=2 ;;
nodes) # two sockets, two nodes, two hardware threads each core; no idle driver
    smp+=,sockets=2,threads=2 memory=4G
    half=$((cpus / 2))
    for node in 0 1; do
        first=$((half * node))
        more+=(-object "memory-backend-ram,size=2G,id=memory$node"
            -numa "node,nodeid=$node,cpus=$first-$((first + half - 1)),memdev=memory$node")
    done
    more+=(-numa "dist,src=0,dst=1,val=20")
    ;;
isolated) # the last CPU is left out by the scheduler
    append=isolcpus=$((cpus - 1)) ;;
lockdown) # the kernel lets no program read its memory
    append=lockdown=confidentiality ;;
oldcpu) # a processor of x86-64-v1
    more+=(-cpu qemu64) ;;
*)
    echo "vm: there is no topology $topology" >&2
    exit 2
    ;;
esac
case $kernel in
*-arm64)
    disks_of=-aarch64 console=ttyAMA0
    emulator=(qemu-system-aarch64 -M virt -cpu "max,pauth-impdef=on")
    ;;
*)
    disks_of="" console=ttyS0
    emulator=(qemu-system-x86_64 -M q35 -cpu max)
    ;;
esac

exec 9>machine.lock
flock 9 # one machine at a time
work=$(mktemp -d "$PWD/run.XXXXXX")
pid=""
trap '[[ -z $pid ]] || pkill -P "$pid"; rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
rm -rf "$out"
mkdir -p "$out"
truncate -s 64M "$work/results"
disks=()
disk() {
    disks+=(-drive "file=$2,format=raw,if=none,id=$1$3" -device "virtio-blk-pci,drive=$1")
}
disk root "root$disks_of.ext4" ,snapshot=on
disk clone "clone$disks_of.ext4" ,snapshot=on
disk results "$work/results" ""

machine() {
    nice -n 10 timeout -k 5 "$limit_s" "${emulator[@]}" \
        -accel tcg,thread=multi -no-reboot -nic none -m "$memory" -smp "$smp" \
        -kernel "kernels/$kernel/vmlinuz" -initrd "kernels/$kernel/initrd" \
        -append "console=$console panic=-1 loglevel=5 nowatchdog rcupdate.rcu_cpu_stall_suppress=1 vm.clone=$clone vm.jobs=$jobs vm.topology=$topology $append" \
        "${disks[@]}" "${more[@]}" -serial "file:$out/serial.log" -display none >"$out/qemu.log" 2>&1 </dev/null
}

for ((try = 1; try <= tries; try++)); do
    : >"$out/serial.log"
    machine &
    pid=$! until_s=$((SECONDS + start_s))
    while kill -0 "$pid" 2>/dev/null && ! grep -q '^guest: ' "$out/serial.log" && ((SECONDS < until_s)); do
        sleep 1
    done
    if kill -0 "$pid" 2>/dev/null && ! grep -q '^guest: ' "$out/serial.log"; then
        echo "$kernel $topology: the machine hung in its start (try $try of $tries)"
        pkill -P "$pid"
        wait "$pid"
        ended=124
        continue
    fi
    wait "$pid"
    ended=$?
    pid=""
    break
done
sed -i 's/\r$//' "$out/serial.log"
tar xf "$work/results" -C "$out" 2>/dev/null
status=$(cat "$out/status" 2>/dev/null || echo none)
echo "$kernel $topology $jobs: QEMU $ended, jobs $status, $SECONDS s ($out)"
[[ $ended == 0 && $status == 0 ]]
