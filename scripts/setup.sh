#!/usr/bin/env bash
# Sets the clone up: system packages, the virtual environment, the Rust
# workloads. The Makefile calls it; `scripts/setup.sh help` lists the commands.
#
# Outside the clone it changes nothing but system packages and, for `install`,
# one small launcher. Only those two use root's rights; all else is done as the
# user who calls it, so that nothing in the clone ends up owned by root.
set -euo pipefail

MIN_CARGO=1.75
MIN_PYTHON=3.10

REPO=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
SYSTEM_PYTHON=${TRACER_PYTHON:-/usr/bin/python3}
VENV=$REPO/.venv
CRATE=$REPO/workloads/native
TARGET=$CRATE/target
PREFIX=${PREFIX:-/usr/local}

# The caller's Python settings must not reach the system's interpreter.
unset PYTHONHOME PYTHONPATH PIP_TARGET PIP_USER PIP_PREFIX PIP_REQUIRE_VIRTUALENV

# Where servers are installed; an ordinary user's PATH need not have it.
PATH=$PATH:/usr/sbin:/sbin

# ---------------------------------------------------------------- for all parts

say() { printf 'setup: %s\n' "$*" >&2; }

# die MESSAGE ADVICE...
die() {
    printf 'setup: error: %s\n' "$1" >&2
    shift
    (($# == 0)) || printf '       %s\n' "$@" >&2
    exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

# step MESSAGE ADVICE COMMAND...: runs the command quietly; if it fails, shows
# what it printed and what to do next.
step() {
    local message=$1 advice=$2 log status=0
    shift 2
    say "$message"
    log=$(mktemp)
    "$@" >"$log" 2>&1 </dev/null || status=$?
    if ((status != 0)); then
        tail -n 60 "$log" >&2
        rm -f "$log"
        [[ $1 != as_root ]] || shift
        die "this command failed (exit status $status): ${*/#with_cargo/cargo}" "$advice"
    fi
    rm -f "$log"
}

as_root() {
    if ((EUID == 0)); then
        "$@"
    elif have sudo; then
        sudo "$@"
    else
        die "this needs root's rights: $*" \
            "Run it as root, or install sudo and allow this user to use it."
    fi
}

# version_ge A B: whether version A is at least version B.
version_ge() { printf '%s\n%s\n' "$2" "$1" | sort -V -C; }

# ---------------------------------------------------------------- the parts

PARTS=$REPO/scripts/setup
# shellcheck source-path=SCRIPTDIR source=setup/rust.sh
source "$PARTS/rust.sh"
# shellcheck source-path=SCRIPTDIR source=setup/packages.sh
source "$PARTS/packages.sh"
# shellcheck source-path=SCRIPTDIR source=setup/clone.sh
source "$PARTS/clone.sh"
# shellcheck source-path=SCRIPTDIR source=setup/tools.sh
source "$PARTS/tools.sh"
# shellcheck source-path=SCRIPTDIR source=setup/launcher.sh
source "$PARTS/launcher.sh"
# shellcheck source-path=SCRIPTDIR source=setup/vm.sh
source "$PARTS/vm.sh"

# ---------------------------------------------------------------- the commands

cmd_all() {
    cmd_venv
    compile_python
    cmd_native
}

# Runs a command as root, and shows it.
cmd_root() {
    if ((EUID == 0)); then
        printf '+ %s\n' "$*" >&2
        exec "$@"
    fi
    printf '+ sudo %s\n' "$*" >&2
    have sudo || as_root "$@"
    exec sudo "$@"
}

cmd_help() {
    cat <<'HELP'
usage: scripts/setup.sh COMMAND

  all           venv and native
  system        install the system packages that are missing (apt-get)
  missing       list what is missing, and install nothing
  venv          make .venv up to date (and what it needs)
  native        build the Rust workloads, and the programs that name stacks and replay
                recordings
  examples      build the Rust examples
  test-tools    install strace, tmux and Python packages of tests if they are missing; with
                TRACER_FORCE_BPF=1 all programs that tests use (Chromium, ...)
  lint-tools    install shellcheck, clippy, rustfmt and Python packages of checks if they are missing
  vm-tools      install QEMU and what makes disks for it, if they are missing; vm-tools aarch64
                for that processor too
  debian        print this Debian release and where apt gets it from
  find-cargo    print the cargo that is used
  cargo ARGS    run that cargo
  root COMMAND  run a command as root
  own           give what root left in the clone to the clone's owner
  install       put a launcher of tracer into PREFIX/bin (/usr/local/bin), man pages and
                completions of bash, zsh and fish into PREFIX/share
  uninstall     remove all that
  clean         remove everything that was made in the clone
HELP
}

main() {
    local command=${1:-help}
    (($# == 0)) || shift
    case $command in
    all | system | missing | venv | native | examples | cargo | root | own | install | uninstall | \
        debian | clean | help)
        "cmd_$command" "$@"
        ;;
    test-tools) cmd_test_tools ;;
    lint-tools) cmd_lint_tools ;;
    vm-tools) cmd_vm_tools "$@" ;;
    find-cargo) find_cargo ;;
    *)
        cmd_help >&2
        exit 2
        ;;
    esac
}

main "$@"
