# shellcheck shell=bash
# What the set-up needs of the system, and installing what is missing with
# apt-get (Debian, Ubuntu). Sourced by scripts/setup.sh.

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

# Tried out, because a compiler can be there without the C library's start files.
has_linker() {
    have cc || return 1
    local dir status=0
    dir=$(mktemp -d)
    printf 'int main(void) { return 0; }\n' >"$dir/main.c"
    cc -o "$dir/main" "$dir/main.c" 2>/dev/null || status=1
    rm -rf "$dir"
    return "$status"
}

# The parts of the system that the set-up needs and this machine lacks.
cmd_missing() {
    [[ -x $SYSTEM_PYTHON ]] || printf 'python\n'
    system_bcc >/dev/null || printf 'bcc\n'
    has_venv || printf 'venv\n'
    has_linker || printf 'linker\n'
    find_cargo >/dev/null || printf 'cargo\n'
}

# Debian 12 has cargo 0.66 in `cargo`, and a current one in `cargo-web`, which
# takes its place as /usr/bin/cargo. Other releases have a new one in `cargo`.
cargo_package() {
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

# packages_for PART
packages_for() {
    case $1 in
    python) printf 'python3\n' ;;
    bcc) printf 'python3-bpfcc\n' ;;
    venv) printf 'python3-venv\n' ;;
    linker) printf 'gcc\nlibc6-dev\n' ;;
    cargo) cargo_package ;;
    esac
}

# Old lists may still do: the installation is what may fail.
update_package_lists() {
    ((EUID == 0)) || have sudo || return 0
    say "updating the package lists (apt-get)"
    as_root apt-get update -qq -o DPkg::Lock::Timeout=300 >/dev/null 2>&1 </dev/null ||
        say "that failed; going on with the present lists"
}

install_packages() {
    if ((EUID != 0)) && ! have sudo; then
        die "packages are missing, and installing them needs root's rights." \
            "As root: apt-get install $*"
    fi
    step "installing $* (apt-get)" \
        "Install these packages by hand and run the same command again: $*" \
        as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
        --no-install-recommends -o DPkg::Lock::Timeout=300 "$@"
}

cmd_system() {
    local parts part package names
    local -a packages=()
    parts=$(cmd_missing)
    [[ -n $parts ]] || return 0

    have apt-get ||
        die "this system has no apt-get, and lacks: ${parts//$'\n'/, }." \
            "What is needed, to be installed by hand:" \
            "  - Python $MIN_PYTHON or newer as $SYSTEM_PYTHON (or TRACER_PYTHON=...), with its venv module" \
            "  - BCC's Python package for that Python (Debian: python3-bpfcc, Fedora: python3-bcc," \
            "    Arch: python-bcc; not PyPI's bcc)" \
            "  - a C compiler that can link (gcc and the C library's development files)" \
            "  - cargo and rustc $MIN_CARGO or newer (Fedora: cargo, Arch: rust, or https://rustup.rs)"
    update_package_lists
    for part in $parts; do
        names=$(packages_for "$part")
        for package in $names; do packages+=("$package"); done
    done
    if [[ " ${packages[*]} " == *" cargo-web "* && -x /usr/bin/cargo ]]; then
        say "cargo-web takes the place of the older cargo and rustc packages"
    fi
    install_packages "${packages[@]}"

    hash -r
    parts=$(cmd_missing)
    [[ -z $parts ]] || die "still missing after installing ${packages[*]}: ${parts//$'\n'/, }." \
        "Install what provides it and run the same command again."
}
