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

say() { printf 'setup: %s\n' "$*" >&2; }

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

# new_enough VERSION: whether a cargo or a rustc of that version will do.
new_enough() { [[ -n $1 ]] && version_ge "$1" "$MIN_CARGO"; }

# ---------------------------------------------------------------- what is there

# The directory of the system's BCC package. A distribution other than BCC is
# called `bcc` on PyPI; it has no `BPF` class and does not count.
system_bcc() {
    "$SYSTEM_PYTHON" -I - <<'PY' 2>/dev/null
import os, sys
for entry in sys.path:
    init = os.path.join(entry, "bcc", "__init__.py")
    if os.path.isfile(init):
        with open(init, encoding="utf-8", errors="replace") as file:
            if "class BPF" in file.read():
                print(os.path.dirname(os.path.realpath(init)))
                sys.exit(0)
sys.exit(1)
PY
}

has_venv() { "$SYSTEM_PYTHON" -I -c 'import ensurepip, venv' 2>/dev/null; }

# A compiler without the C library's start files is there, but cannot link.
has_linker() {
    have cc || return 1
    local dir status=0
    dir=$(mktemp -d)
    printf 'int main(void) { return 0; }\n' >"$dir/main.c"
    cc -o "$dir/main" "$dir/main.c" 2>/dev/null || status=1
    rm -rf "$dir"
    return "$status"
}

# tool_version TOOL: its version number, from a line such as "cargo 1.75.0 (...)".
tool_version() { "$@" --version 2>/dev/null | sed -n '1s/^[a-z]* \([0-9][0-9.]*\).*/\1/p'; }

# The first cargo on PATH (or where rustup puts it) that is new enough, with a
# rustc beside it that is new enough too. Prints its path.
find_cargo() {
    local cargo dir version
    while IFS= read -r cargo; do
        [[ -x $cargo ]] || continue
        dir=$(dirname "$cargo")
        version=$(tool_version "$cargo") || continue
        new_enough "$version" || continue
        version=$(PATH=$dir:$PATH tool_version rustc) || continue
        new_enough "$version" || continue
        printf '%s\n' "$cargo"
        return 0
    done < <(type -aP cargo || true; printf '%s\n' "${HOME:-/nonexistent}/.cargo/bin/cargo")
    return 1
}

# with_cargo ARGS...: runs the cargo found, with its own rustc first on PATH.
with_cargo() {
    local cargo
    cargo=$(find_cargo) || die "no cargo of $MIN_CARGO or newer found." "Run 'make setup'."
    PATH=$(dirname "$cargo"):$PATH "$cargo" "$@"
}

package_manager() {
    local manager
    for manager in apt-get dnf pacman; do
        if have "$manager"; then
            printf '%s\n' "$manager"
            return 0
        fi
    done
    return 1
}

# The parts of the system that the set-up needs and this machine lacks.
missing_parts() {
    [[ -x $SYSTEM_PYTHON ]] || printf 'python\n'
    system_bcc >/dev/null || printf 'bcc\n'
    has_venv || printf 'venv\n'
    has_linker || printf 'linker\n'
    find_cargo >/dev/null || printf 'cargo\n'
}

# ---------------------------------------------------------------- packages

# Debian 12 has cargo 0.66 in `cargo`, and a current one in `cargo-web`, which
# takes its place as /usr/bin/cargo. Other releases have a new one in `cargo`.
apt_cargo_package() {
    local package version
    for package in cargo cargo-web; do
        version=$(LC_ALL=C apt-cache policy "$package" 2>/dev/null |
            sed -n 's/^ *Candidate: *\([0-9]*:\)\{0,1\}\([0-9][0-9.]*\).*/\2/p')
        if new_enough "$version"; then
            printf '%s\n' "$package"
            return 0
        fi
    done
    die "this system's package lists have no cargo of $MIN_CARGO or newer." \
        "Install one from https://rustup.rs and run the same command again."
}

# package_for MANAGER PART
package_for() {
    case $1:$2 in
    apt-get:python) printf 'python3\n' ;;
    apt-get:bcc) printf 'python3-bpfcc\n' ;;
    apt-get:venv) printf 'python3-venv\n' ;;
    apt-get:linker) printf 'gcc\nlibc6-dev\n' ;;
    apt-get:cargo) apt_cargo_package ;;
    dnf:python | dnf:venv) printf 'python3\n' ;;
    dnf:bcc) printf 'python3-bcc\n' ;;
    pacman:python | pacman:venv) printf 'python\n' ;;
    pacman:bcc) printf 'python-bcc\n' ;;
    dnf:linker | pacman:linker) printf 'gcc\n' ;;
    dnf:cargo) printf 'cargo\n' ;;
    pacman:cargo) printf 'rust\n' ;;
    esac
}

install_packages() {
    local manager=$1
    shift
    local advice="Install these packages by hand and run the same command again: $*"
    if ((EUID != 0)) && ! have sudo; then
        die "packages are missing, and installing them needs root's rights." \
            "As root: $manager $([[ $manager == pacman ]] && echo -S || echo install) $*"
    fi
    case $manager in
    apt-get)
        step "installing $* (apt-get)" "$advice" \
            as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
            --no-install-recommends -o DPkg::Lock::Timeout=300 "$@"
        ;;
    dnf) step "installing $* (dnf)" "$advice" as_root dnf install -y "$@" ;;
    pacman) step "installing $* (pacman)" "$advice" as_root pacman -S --needed --noconfirm "$@" ;;
    esac
}

cmd_system() {
    local parts part manager package names
    local -a packages=()
    parts=$(missing_parts)
    [[ -n $parts ]] || return 0

    if ! manager=$(package_manager); then
        die "this system has none of apt-get, dnf and pacman, and lacks: ${parts//$'\n'/, }." \
            "What is needed, to be installed by hand:" \
            "  - Python $MIN_PYTHON or newer as $SYSTEM_PYTHON (or TRACER_PYTHON=...), with its venv module" \
            "  - BCC's Python package for that Python (python3-bpfcc on Debian; not PyPI's bcc)" \
            "  - a C compiler that can link (gcc and the C library's development files)" \
            "  - cargo and rustc $MIN_CARGO or newer (https://rustup.rs)"
    fi

    if [[ $manager == apt-get ]] && { ((EUID == 0)) || have sudo; }; then
        # Old lists may still do: let the installation be what fails.
        say "updating the package lists (apt-get)"
        as_root apt-get update -qq -o DPkg::Lock::Timeout=300 >/dev/null 2>&1 </dev/null ||
            say "that failed; going on with the lists there are"
    fi
    for part in $parts; do
        names=$(package_for "$manager" "$part")
        for package in $names; do
            [[ " ${packages[*]} " == *" $package "* ]] || packages+=("$package")
        done
    done
    if [[ " ${packages[*]} " == *" cargo-web "* && -x /usr/bin/cargo ]]; then
        say "cargo-web takes the place of the older cargo and rustc packages"
    fi
    install_packages "$manager" "${packages[@]}"

    hash -r
    parts=$(missing_parts)
    [[ -z $parts ]] || die "still missing after installing ${packages[*]}: ${parts//$'\n'/, }." \
        "Install what provides it and run the same command again."
}

# ---------------------------------------------------------------- in the clone

digest() { sha256sum "$@" | sha256sum | cut -d' ' -f1; }

# One set-up at a time in one clone; ends with this process.
lock() {
    have flock || return 0
    exec 9<"$REPO/pyproject.toml"
    flock -n 9 || {
        say "waiting for another set-up in this clone"
        flock 9
    }
}

venv_identity() { printf '%s %s\n' "$REPO" "$(readlink -f "$SYSTEM_PYTHON")"; }

venv_current() {
    local -a lines
    [[ -f $VENV/.stamp && -x $VENV/bin/tracer ]] || return 1
    mapfile -t lines <"$VENV/.stamp"
    [[ ${lines[0]-} == "$(venv_identity)" ]] || return 1
    [[ ${lines[1]-} == "$(digest "$REPO/pyproject.toml" "$REPO/scripts/setup.sh")" ]] || return 1
    compgen -G "$VENV/lib/python3*/site-packages/bcc/libbcc.py" >/dev/null
}

cmd_venv() {
    venv_current && return 0
    lock
    venv_current && return 0
    cmd_system

    local version site bcc link
    version=$("$SYSTEM_PYTHON" -I -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    version_ge "$version" "$MIN_PYTHON" ||
        die "$SYSTEM_PYTHON is Python $version; $MIN_PYTHON or newer is needed." \
            "Use a release of this system that has one."

    local again="Nothing outside $REPO was changed by it. Try 'make clean', then the same command again."
    if [[ ! -f $VENV/.stamp || $(head -n 1 "$VENV/.stamp") != "$(venv_identity)" ]]; then
        rm -rf "$VENV"
        step "creating .venv (Python $version)" "$again" "$SYSTEM_PYTHON" -m venv "$VENV"
    fi
    # Half done is not done; the first line stays, so that .venv is kept.
    venv_identity >"$VENV/.stamp"
    site=$("$VENV/bin/python" -I -c 'import sysconfig; print(sysconfig.get_path("purelib"))')

    # sudo's Python must leave no bytecode of root's in a user's clone.
    printf '%s\n' \
        'import os, sys; sys.dont_write_bytecode |= os.geteuid() != os.stat(sys.prefix).st_uid' \
        >"$site/00-tracer-bytecode.pth"

    step "installing the Python packages into .venv" \
        "If the network or a package index is at fault, put that right and run the same command again." \
        "$VENV/bin/python" -m pip install -q --disable-pip-version-check --no-input -e "${REPO}[dev]"

    # Of the system's Python only bcc is borrowed.
    bcc=$(system_bcc)
    link=$site/bcc
    if [[ -d $link && ! -L $link ]]; then
        step "removing PyPI's bcc from .venv: it is not BCC" "$again" \
            "$VENV/bin/python" -m pip uninstall -q -y bcc
        rm -rf "$link"
    fi
    ln -sfn "$bcc" "$link"
    step "checking BCC ($bcc)" \
        "BCC's Python package and its library do not fit together; reinstall the system's BCC packages." \
        "$VENV/bin/python" -c 'from bcc import BPF'

    digest "$REPO/pyproject.toml" "$REPO/scripts/setup.sh" >>"$VENV/.stamp"
}

rust_digest() {
    find "$CRATE" -path "$TARGET" -prune -o -type f -print0 | LC_ALL=C sort -z |
        xargs -0 sha256sum | sha256sum | cut -d' ' -f1
}

# build STAMP MESSAGE OPTION...
build() {
    local stamp=$TARGET/$1 message=$2 key
    shift 2
    key="$REPO $(rust_digest)"
    [[ -f $stamp && $(<"$stamp") == "$key" ]] && return 0
    lock
    cmd_system
    step "$message" "Put that right and run the same command again." \
        with_cargo build --release --locked --quiet \
        --manifest-path "$CRATE/Cargo.toml" --target-dir "$TARGET" "$@"
    printf '%s\n' "$key" >"$stamp"
}

cmd_native() { build .stamp-native "building the Rust workloads"; }

cmd_examples() { build .stamp-examples "building the Rust examples" --examples; }

cmd_all() {
    cmd_venv
    cmd_native
}

cmd_cargo() {
    export CARGO_TARGET_DIR=$TARGET
    with_cargo "$@"
}

cmd_lint_tools() {
    local cargo manager=none names=""
    lint_tools_there && return 0
    cmd_system
    lint_tools_there && return 0
    cargo=$(find_cargo)
    if [[ $(dirname "$cargo") == /usr/bin ]] && manager=$(package_manager); then
        case $manager in
        apt-get)
            # Each must be of the same build as the compiler.
            if dpkg-query -W -f '${Status}' cargo-web 2>/dev/null | grep -q ' installed$'; then
                names="rust-web-clippy rustfmt-web"
            else
                names="rust-clippy rustfmt"
            fi
            ;;
        dnf) names="clippy rustfmt" ;;
        pacman) names="rust" ;;
        esac
        # shellcheck disable=SC2086  # a list of names
        install_packages "$manager" $names
        lint_tools_there && return 0
    fi
    die "$cargo has no clippy or no rustfmt, which 'make lint' needs." \
        "With rustup: rustup component add clippy rustfmt" \
        "Else install the packages for clippy and rustfmt that belong to this cargo."
}

lint_tools_there() {
    find_cargo >/dev/null && with_cargo clippy --version >/dev/null 2>&1 &&
        with_cargo fmt --version >/dev/null 2>&1
}

# Programs that tests with TRACER_FORCE_BPF=1 run and compare with, and Debian's package of each.
# For a mere `make test` they are not installed: nginx's package starts a server.
COMPARED_WITH="perf:linux-perf redis-benchmark:redis-tools hackbench:rt-tests nginx:nginx-light
    ab:apache2-utils make:make setpriv:util-linux"

cmd_test_tools() {
    local manager pair
    local -a needed=() others=()
    # the second source of the tests that count system calls
    have strace || needed=(strace)
    for pair in $COMPARED_WITH; do
        have "${pair%%:*}" || others+=("${pair##*:}")
    done
    if [[ ${TRACER_FORCE_BPF-} == 1 ]] && have apt-get; then
        needed+=("${others[@]}")
    elif ((${#others[@]})); then
        say "tests that need one of these are skipped: ${others[*]}"
    fi
    ((${#needed[@]})) || return 0
    manager=$(package_manager) ||
        die "strace is missing, which 'make test' needs." "Install it and run the same command again."
    if [[ $manager == apt-get ]] && { ((EUID == 0)) || have sudo; }; then
        as_root apt-get update -qq -o DPkg::Lock::Timeout=300 >/dev/null 2>&1 </dev/null || true
    fi
    install_packages "$manager" "${needed[@]}"
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

# Gives what root left in a user's clone to the clone's owner.
cmd_own() {
    local owner
    owner=$(stat -c %u:%g "$REPO")
    [[ ${owner%%:*} != 0 ]] || return 0
    local -a strays
    mapfile -d '' -t strays < <(find "$REPO" -path "$REPO/.git" -prune -o -uid 0 -print0)
    ((${#strays[@]} == 0)) || printf '%s\0' "${strays[@]}" | as_root xargs -0 chown -h "$owner" --
}

# ---------------------------------------------------------------- the launcher

# A script and not a link: a user who may not read this clone (one below /root,
# say) would get no more than "Permission denied" from a link.
launcher() {
    cat <<SH
#!/bin/sh
# Starts tracer; made by 'make install' in the clone below, removed by 'make uninstall' there.
tracer=$(printf '%q' "$VENV/bin/tracer")
[ ! -r "\$tracer" ] || exec "\$tracer" "\$@"
if [ "\$(id -u)" = 0 ]; then
    echo "tracer: \$tracer is gone" >&2
    echo "        set tracer up again in its clone: make setup install" >&2
else
    echo "tracer: this user cannot read tracer's installation (\$tracer), and tracing needs root" >&2
    echo "        sudo tracer \$*" >&2
fi
exit 1
SH
}

# launcher_state: ours, old (of another version of this clone), absent or foreign.
launcher_state() {
    if [[ -f $1 && ! -L $1 ]] && cmp -s "$1" <(launcher); then
        printf 'ours\n'
    elif [[ -L $1 && $(readlink "$1") == "$VENV/bin/tracer" ]] ||
        grep -qsxF "tracer=$(printf '%q' "$VENV/bin/tracer")" "$1"; then
        printf 'old\n'
    elif [[ -e $1 || -L $1 ]]; then
        printf 'foreign\n'
    else
        printf 'absent\n'
    fi
}

# near DIRECTORY: runs the rest with root's rights only if the directory (or,
# while it does not exist, the nearest one above it) is not ours to write.
near() {
    local dir=$1
    shift
    while [[ ! -e $dir ]]; do dir=$(dirname "$dir"); done
    if [[ -w $dir ]]; then "$@"; else as_root "$@"; fi
}

# What root runs for `tracer` under sudo, whose PATH is not the user's.
sudo_lookup() {
    if have sudo; then
        # shellcheck disable=SC2016
        sudo -n sh -c 'command -v tracer' 2>/dev/null ||
            { [[ -t 0 ]] && sudo sh -c 'command -v tracer'; }
    else
        PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin sh -c 'command -v tracer'
    fi
}

cmd_install() {
    local bin=$PREFIX/bin file=$PREFIX/bin/tracer found made
    [[ -x $VENV/bin/tracer ]] || die "there is no .venv/bin/tracer yet." "Run 'make setup' first."
    case $(launcher_state "$file") in
    ours) say "$file is there already" ;;
    foreign)
        die "$file is there already and is not this clone's; it is left as it is." \
            "Look at it (ls -l $file) and remove it, or choose another place: make install PREFIX=..."
        ;;
    absent | old)
        made=$(mktemp)
        launcher >"$made"
        near "$bin" mkdir -p "$bin"
        near "$bin" rm -f "$file"
        near "$bin" cp "$made" "$file"
        near "$bin" chmod 755 "$file"
        rm -f "$made"
        say "made $file, which starts $VENV/bin/tracer"
        ;;
    esac
    found=$(sudo_lookup) || found=""
    if [[ $found == "$file" ]]; then
        say "'sudo tracer' finds it"
    elif [[ $PREFIX != /usr/local ]]; then
        say "'sudo tracer' finds ${found:-nothing}: $bin is not (first) on sudo's PATH; use sudo $file"
    else
        die "$file is made, but 'sudo tracer' finds ${found:-nothing}." \
            "Put $bin into secure_path (visudo), or use: sudo $file"
    fi
}

cmd_uninstall() {
    local file=$PREFIX/bin/tracer
    case $(launcher_state "$file") in
    ours | old)
        near "$PREFIX/bin" rm "$file"
        say "removed $file"
        ;;
    absent) say "$file is not there; nothing to remove" ;;
    foreign) die "$file is not this clone's; it is left as it is." "Look at it: ls -l $file" ;;
    esac
}

cmd_clean() {
    cmd_own
    rm -rf "$VENV" "$TARGET" "$REPO"/{build,dist,.pytest_cache,.mypy_cache,.ruff_cache} \
        "$REPO"/*.egg-info
    find "$REPO" -path "$REPO/.git" -prune -o -type d -name __pycache__ -prune -exec rm -rf {} +
}

# ---------------------------------------------------------------- the commands

cmd_help() {
    cat <<'HELP'
usage: scripts/setup.sh COMMAND

  system        install the system packages that are missing
  missing       list what is missing, and install nothing
  venv          make .venv up to date (and what it needs)
  native        build the Rust workloads
  examples      build the Rust examples
  all           venv and native
  test-tools    see that strace is there; with TRACER_FORCE_BPF=1 all that tests compare with
  lint-tools    see that clippy and rustfmt are there
  find-cargo    print the cargo that is used
  cargo ARGS    run that cargo
  root COMMAND  run a command as root
  own           give what root left in the clone to its owner
  install       link tracer into PREFIX/bin (/usr/local/bin)
  uninstall     remove that link
  clean         remove everything that was made in the clone
HELP
}

main() {
    local command=${1:-help}
    (($# == 0)) || shift
    case $command in
    system | venv | native | examples | all | cargo | root | own | install | uninstall | clean | help)
        "cmd_$command" "$@"
        ;;
    test-tools) cmd_test_tools ;;
    lint-tools) cmd_lint_tools ;;
    missing) missing_parts ;;
    find-cargo) find_cargo ;;
    *)
        cmd_help >&2
        exit 2
        ;;
    esac
}

main "$@"
