# shellcheck shell=bash
# What is made in the clone: .venv, the Rust programs. Sourced by scripts/setup.sh.

digest() { sha256sum "$@" | sha256sum | cut -d' ' -f1; }

# One set-up at a time in one clone; released when this process ends.
lock() {
    have flock || return 0
    exec 9<"$REPO/pyproject.toml"
    flock -n 9 || {
        say "waiting for another set-up in this clone"
        flock 9
    }
}

venv_identity() { printf '%s %s\n' "$REPO" "$(readlink -f "$SYSTEM_PYTHON")"; }

venv_inputs() { digest "$REPO/pyproject.toml" "$REPO/scripts/setup.sh" "$PARTS/clone.sh"; }

venv_current() {
    local -a lines
    [[ -f $VENV/.stamp && -x $VENV/bin/tracer ]] || return 1
    mapfile -t lines <"$VENV/.stamp"
    [[ ${lines[0]-} == "$(venv_identity)" ]] || return 1
    [[ ${lines[1]-} == "$(venv_inputs)" ]] || return 1
    compgen -G "$VENV/lib/python3*/site-packages/bcc/libbcc.py" >/dev/null
}

cmd_venv() {
    venv_current && return 0
    lock
    venv_current && return 0
    cmd_system

    local version site
    version=$("$SYSTEM_PYTHON" -I -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    version_ge "$version" "$MIN_PYTHON" ||
        die "$SYSTEM_PYTHON is Python $version; $MIN_PYTHON or newer is needed." \
            "Use a release of this system that has one."

    local again="Nothing outside $REPO was changed by it. Try 'make clean', then the same command again."
    if [[ ! -f $VENV/.stamp || $(head -n 1 "$VENV/.stamp") != "$(venv_identity)" ]]; then
        rm -rf "$VENV"
        step "creating .venv (Python $version)" "$again" "$SYSTEM_PYTHON" -m venv "$VENV"
    fi
    # Without the second line the stamp says: begun, not complete.
    venv_identity >"$VENV/.stamp"
    site=$("$VENV/bin/python" -I -c 'import sysconfig; print(sysconfig.get_path("purelib"))')

    # sudo's Python must leave no bytecode of root's in a user's clone.
    printf '%s\n' \
        'import os, sys; sys.dont_write_bytecode |= os.geteuid() != os.stat(sys.prefix).st_uid' \
        >"$site/00-tracer-bytecode.pth"

    install_extras "the Python packages" export,look,metrics,plot,record
    link_bcc "$site/bcc" "$again"
    venv_inputs >>"$VENV/.stamp"
}

# install_extras WHAT EXTRAS: the Python packages of the extras of pyproject.toml.
install_extras() {
    step "installing $1 into .venv" \
        "If the network or a package index is at fault, put that right and run the same command again." \
        "$VENV/bin/python" -m pip install -q --disable-pip-version-check --no-input -e "${REPO}[$2]"
}

# link_bcc LINK ADVICE: of the system's Python packages only bcc is used.
link_bcc() {
    local link=$1 again=$2 bcc
    bcc=$(system_bcc)
    if [[ -d $link && ! -L $link ]]; then
        step "removing PyPI's bcc from .venv: it is not BCC" "$again" \
            "$VENV/bin/python" -m pip uninstall -q -y bcc
        rm -rf "$link"
    fi
    ln -sfn "$bcc" "$link"
    step "checking BCC ($bcc)" \
        "BCC's Python package and its library do not fit together; reinstall the system's BCC packages." \
        "$VENV/bin/python" -c 'from bcc import BPF'
}

# Root, who runs tracer, leaves no bytecode in a user's clone: without this each start would compile it
# anew, which takes as long as all imports.
compile_python() {
    "$VENV/bin/python" -m compileall -q "$REPO/tracer" || true
    "$VENV/bin/python" -m compileall -q -l "$REPO/workloads" || true
}

rust_digest() {
    find "$CRATE" -path "$TARGET" -prune -o -type f -print0 | LC_ALL=C sort -z |
        xargs -0 sha256sum | sha256sum | cut -d' ' -f1
}

# build STAMP MESSAGE MANIFEST OPTION...
build() {
    local stamp=$TARGET/$1 message=$2 manifest=$3 key
    shift 3
    key="$REPO $(rust_digest)"
    [[ -f $stamp && $(<"$stamp") == "$key" ]] && return 0
    lock
    cmd_system
    step "$message" "Put that right and run the same command again." \
        with_cargo build --release --locked --quiet \
        --manifest-path "$CRATE/$manifest" --target-dir "$TARGET" "$@"
    printf '%s\n' "$key" >"$stamp"
}

cmd_native() {
    build .stamp-native "building the Rust workloads" Cargo.toml
    build_symbols
    build .stamp-replay "building the program that replays recordings" replay/Cargo.toml
}

# A package of its own: without it stacks have addresses instead of names, and all else works.
build_symbols() {
    exec 9<&- # the lock, which the subshell takes for itself
    (build .stamp-symbols "building the program that names stacks" symbols/Cargo.toml) ||
        say "stacks will have addresses instead of names; 'make setup' tries again"
}

cmd_examples() { build .stamp-examples "building the Rust examples" Cargo.toml --examples; }

# Gives what root left in a user's clone to the clone's owner.
cmd_own() {
    local owner
    owner=$(stat -c %u:%g "$REPO")
    [[ ${owner%%:*} != 0 ]] || return 0
    local -a strays
    mapfile -d '' -t strays < <(find "$REPO" -path "$REPO/.git" -prune -o -uid 0 -print0)
    ((${#strays[@]} == 0)) || printf '%s\0' "${strays[@]}" | as_root xargs -0 chown -h "$owner" --
}

cmd_clean() {
    cmd_own
    rm -rf "$VENV" "$TARGET" "$REPO"/{build,dist,.pytest_cache,.mypy_cache,.ruff_cache} \
        "$REPO"/*.egg-info
    find "$REPO" -path "$REPO/.git" -prune -o -type d -name __pycache__ -prune -exec rm -rf {} +
}
