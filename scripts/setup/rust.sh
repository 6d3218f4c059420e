# shellcheck shell=bash
# Which cargo is used, and running it. Sourced by scripts/setup.sh.

# new_enough VERSION: whether a cargo or a rustc of that version will do.
new_enough() { [[ -n $1 ]] && version_ge "$1" "$MIN_CARGO"; }

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

# with_cargo ARGS...: runs that cargo, with its own rustc first on PATH.
with_cargo() {
    local cargo
    cargo=$(find_cargo) || die "no cargo of $MIN_CARGO or newer found." "Run 'make setup'."
    PATH=$(dirname "$cargo"):$PATH "$cargo" "$@"
}

cmd_cargo() {
    export CARGO_TARGET_DIR=$TARGET
    with_cargo "$@"
}
