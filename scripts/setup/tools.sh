# shellcheck shell=bash
# Programs that only `make lint` and `make test` need. Sourced by scripts/setup.sh.

# The Python packages that only checks and tests need: `make run` does not wait for them.
developer_packages() {
    local stamp=$VENV/.stamp-developer key
    key=$(venv_inputs)
    # what the Makefile has set up is there; without it there is nothing to put them into
    [[ -x $VENV/bin/python ]] || return 0
    [[ -f $stamp && $(<"$stamp") == "$key" ]] && return 0
    lock
    install_extras "the Python packages of checks and tests" dev,test
    printf '%s\n' "$key" >"$stamp"
}

has_lint_tools() {
    have shellcheck && find_cargo >/dev/null && with_cargo clippy --version >/dev/null 2>&1 &&
        with_cargo fmt --version >/dev/null 2>&1
}

cmd_lint_tools() {
    local cargo
    developer_packages
    has_lint_tools && return 0
    cmd_system
    if ! have shellcheck; then
        have apt-get || die "missing: shellcheck, which 'make lint' needs." \
            "Install it and run the same command again."
        update_package_lists
        install_packages shellcheck
    fi
    has_lint_tools && return 0
    cargo=$(find_cargo)
    if [[ $(dirname "$cargo") == /usr/bin ]] && have apt-get; then
        # Each must be of the same build as the compiler.
        if dpkg-query -W -f '${Status}' cargo-web 2>/dev/null | grep -q ' installed$'; then
            install_packages rust-web-clippy rustfmt-web
        else
            install_packages rust-clippy rustfmt
        fi
        has_lint_tools && return 0
    fi
    die "$cargo has no clippy or no rustfmt, which 'make lint' needs." \
        "With rustup: rustup component add clippy rustfmt" \
        "Else install the packages for clippy and rustfmt that belong to this cargo."
}

# Programs that tests with TRACER_FORCE_BPF=1 run or compare with, and Debian's package of each.
# A mere `make test` does not install them: nginx's package starts a server.
COMPARED_WITH="perf:linux-perf redis-benchmark:redis-tools hackbench:rt-tests nginx:nginx-light
    ab:apache2-utils make:make gcc:gcc go:golang-go javac:default-jdk-headless ip:iproute2
    setpriv:util-linux chromium:chromium zsh:zsh fish:fish groff:groff-base"

cmd_test_tools() {
    developer_packages
    local pair
    local -a needed=() others=()
    # the independent source of the tests that count system calls, and the terminal of the live view
    have strace || needed+=(strace)
    have tmux || needed+=(tmux)
    for pair in $COMPARED_WITH; do
        have "${pair%%:*}" || others+=("${pair##*:}")
    done
    if [[ ${TRACER_FORCE_BPF-} == 1 ]] && have apt-get; then
        needed+=("${others[@]}")
    elif ((${#others[@]})); then
        say "tests that need one of these are skipped: ${others[*]}"
    fi
    ((${#needed[@]})) || return 0
    have apt-get ||
        die "missing: ${needed[*]}, which 'make test' needs." "Install this and run the same command again."
    update_package_lists
    install_packages "${needed[@]}"
}
