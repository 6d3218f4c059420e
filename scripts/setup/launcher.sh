# shellcheck shell=bash
# The launcher in PREFIX/bin. Sourced by scripts/setup.sh.

# A script and not a link: to a user who may not read this clone (one below /root,
# say) a link would only say "Permission denied".
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

# writing_to DIRECTORY COMMAND...: runs the command, as root if this user may not
# write to the directory (or, if that does not exist, to the nearest one above it).
writing_to() {
    local dir=$1
    shift
    while [[ ! -e $dir ]]; do dir=$(dirname "$dir"); done
    if [[ -w $dir ]]; then "$@"; else as_root "$@"; fi
}

# The `tracer` that sudo runs; its PATH is not the user's.
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
        writing_to "$bin" mkdir -p "$bin"
        writing_to "$bin" rm -f "$file"
        writing_to "$bin" cp "$made" "$file"
        writing_to "$bin" chmod 755 "$file"
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
        writing_to "$PREFIX/bin" rm "$file"
        say "removed $file"
        ;;
    absent) say "$file is not there; nothing to remove" ;;
    foreign) die "$file is not this clone's; it is left as it is." "Look at it: ls -l $file" ;;
    esac
}
