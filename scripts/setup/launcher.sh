# shellcheck shell=bash
# The launcher in PREFIX/bin, and man pages and completions in PREFIX/share. Sourced by
# scripts/setup.sh.

# A script and not a link: to a user who may not read this clone (one below /root,
# say) a link would only say "Permission denied".
launcher() {
    cat <<SH
#!/bin/sh
# Starts tracer; made by 'make install' in the clone below, removed by 'make uninstall' there.
tracer=$(printf '%q' "$VENV/bin/tracer")
[ ! -r "\$tracer" ] || exec "\$tracer" "\$@"
[ -z "\${_TRACER_COMPLETE-}" ] || exit 0 # a shell asks what may follow a word
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

# What marks a file in PREFIX/share as tracer's: tracer/cli/_share.py.
SHARE_MARK="made from the commands of tracer"

# share_files: tracer's files in PREFIX/share, each ending in a zero byte.
share_files() {
    local -a places=()
    local place
    for place in man/man1 bash-completion/completions zsh/site-functions \
        fish/vendor_completions.d; do
        [[ ! -d $PREFIX/share/$place ]] || places+=("$PREFIX/share/$place")
    done
    ((${#places[@]} == 0)) ||
        find "${places[@]}" -maxdepth 1 -type f -name '*tracer*' \
            -exec grep -qF "$SHARE_MARK" {} \; -print0
}

install_share() {
    local made name file count=0
    made=$(mktemp -d)
    chmod 755 "$made"
    step "making man pages and completions" "Put that right and run the same command again." \
        "$VENV/bin/python" -m tracer.cli._share "$made"
    remove_share
    while IFS= read -r -d '' name; do
        name=${name#"$made/"}
        file=$PREFIX/share/$name
        if [[ -e $file || -L $file ]]; then # tracer's own are removed
            say "$file is there already and is not tracer's; it is left as it is"
            continue
        fi
        writing_to "$PREFIX/share" mkdir -p "$(dirname "$file")"
        writing_to "$PREFIX/share" cp "$made/$name" "$file"
        writing_to "$PREFIX/share" chmod 644 "$file"
        count=$((count + 1))
    done < <(find "$made" -type f -print0)
    rm -rf "$made"
    say "put $count man pages and completions into $PREFIX/share"
}

remove_share() {
    local -a files
    mapfile -d '' -t files < <(share_files)
    ((${#files[@]} == 0)) || writing_to "$PREFIX/share" rm -f "${files[@]}"
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
    install_share
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
        remove_share
        say "removed $file, and tracer's man pages and completions in $PREFIX/share"
        ;;
    absent)
        remove_share # of an installation that was broken off
        say "$file is not there; nothing to remove"
        ;;
    foreign) die "$file is not this clone's; it is left as it is." "Look at it: ls -l $file" ;;
    esac
}
