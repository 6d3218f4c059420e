#!/usr/bin/env bash
# boot.sh KERNEL JOB: boots build/vm/kernels/KERNEL, runs the job JOB of tests/vm/jobs in it as root, and
# unpacks what that left in /results into build/vm/results/KERNEL-JOB. Exit status 0: the job's was.
#
# The processor is emulated (TCG): times mean nothing, counts and ledgers do.
# The disks are read, never written: every machine begins with the same ones.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../build/vm" || exit
clone=$(readlink -f ../..)
kernel=$1 job=$2 out=$PWD/results/$1-$2
# A machine that has not started its job by then is started again: emulated ones sometimes hang.
start_s=240 tries=3

# what differs from the plain machine
smp=4 memory=3G limit_s=3000 append="" more=()
case $job in
topology) # two sockets, two nodes, two cores each, two hardware threads each; no idle driver
    smp=8,sockets=2,cores=2,threads=2 memory=4G limit_s=5000
    for node in 0 1; do
        more+=(-object "memory-backend-ram,size=2G,id=memory$node"
            -numa "node,nodeid=$node,cpus=$((4 * node))-$((4 * node + 3)),memdev=memory$node")
    done
    more+=(-numa dist,src=0,dst=1,val=20)
    ;;
lockdown) append=lockdown=confidentiality ;;
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
disk root root.ext4 ,snapshot=on
disk clone clone.ext4 ,snapshot=on
disk results "$work/results" ""

machine() {
    nice -n 10 timeout -k 5 "$limit_s" qemu-system-x86_64 -M q35 -cpu max \
        -accel tcg,thread=multi -no-reboot -nic none -m "$memory" -smp "$smp" \
        -kernel "kernels/$kernel/vmlinuz" -initrd "kernels/$kernel/initrd" \
        -append "console=ttyS0 panic=-1 loglevel=5 nowatchdog rcupdate.rcu_cpu_stall_suppress=1 vm.clone=$clone vm.job=$job $append" \
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
        echo "$kernel $job: the machine hung in its start (try $try of $tries)"
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
echo "$kernel $job: QEMU $ended, job $status, $SECONDS s ($out)"
[[ $ended == 0 && $status == 0 ]]
