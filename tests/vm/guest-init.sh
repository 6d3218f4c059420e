#!/bin/bash
# PID 1 of the guest: mounts what a host has, runs the jobs, leaves /results on /dev/vdc, powers off.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export HOME=/root LANG=C.UTF-8 TERM=dumb PYTHONUNBUFFERED=1
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs tmpfs /dev/shm
mount -t tmpfs tmpfs /run
mount -t tmpfs -o mode=1777 tmpfs /tmp
ln -sf /proc/self/fd /dev/fd
mount -t cgroup2 cgroup2 /sys/fs/cgroup
echo '+cpu +memory +pids +cpuset' >/sys/fs/cgroup/cgroup.subtree_control 2>/dev/null
mount -t securityfs securityfs /sys/kernel/security 2>/dev/null
mount -t tracefs tracefs /sys/kernel/tracing 2>/dev/null
mount -t bpf bpf /sys/fs/bpf 2>/dev/null
hostname vm
ip link set lo up
echo 1 >/proc/sys/kernel/printk
ulimit -n 65536

# the clone, at the path that it has outside: the virtual environment has absolute paths
clone="" jobs=""
for word in $(</proc/cmdline); do
    case $word in vm.clone=* | vm.jobs=*) declare "${word#vm.}" ;; esac
done
mkdir -p "$clone" /results
mount -t ext4 /dev/vdb "$clone"
cd "$clone" || exit
echo "guest: Linux $(uname -r), $(nproc) CPUs, up $(cut -d' ' -f1 /proc/uptime) s"
status=0
for job in ${jobs//,/ }; do
    echo "guest: $job"
    setsid -w .venv/bin/python "tests/vm/jobs/$job.py" > >(tee -a /results/console.txt) 2>&1 </dev/null ||
        status=1
done
echo "$status" >/results/status
dmesg >/results/dmesg.txt
sleep 0.5
tar cf /dev/vdc -C /results . && sync
echo "guest: done, status $(cat /results/status)"
echo o >/proc/sysrq-trigger
sleep 10
reboot -f
