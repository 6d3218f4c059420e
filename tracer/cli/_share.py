"""What a system's directory `share` gets of tracer: man pages, and completions of three shells.

`python -m tracer.cli._share DIRECTORY` writes them: for a wheel (setup.py), and for `make install`.
"""

from __future__ import annotations

import sys
from pathlib import Path

import click
from click.shell_completion import BashComplete, add_completion_class, get_completion_class

from tracer.cli import _manual

#: Where each shell looks for completions below `share`.
SHELLS = {
    "bash": "bash-completion/completions/tracer",
    "zsh": "zsh/site-functions/_tracer",
    "fish": "fish/vendor_completions.d/tracer.fish",
}
#: The variable by which a shell's script asks what may follow a word.
COMPLETE = "_TRACER_COMPLETE"
#: In every file: `make uninstall` removes no other.
MARK = "made from the commands of tracer"


@add_completion_class
class _Bash(BashComplete):
    """bash takes the `=` of `--option=value` for a word of its own, which is no argument."""

    def get_completion_args(self) -> tuple[list[str], str]:
        args, incomplete = super().get_completion_args()
        return [arg for arg in args if arg != "="], incomplete


def completion(shell: str, root: click.Command) -> str:
    """The script that teaches a shell of `SHELLS` to complete tracer's words."""
    found = get_completion_class(shell)
    assert found is not None  # click has all of SHELLS
    first, *others = found(root, {}, "tracer", COMPLETE).source().splitlines()
    return "\n".join([first, *others, f"# {MARK}", ""])  # the first line of zsh's has a meaning


def files(root: click.Command) -> dict[str, str]:
    """Text by path below `share`."""
    found = {f"man/man1/{name}": text for name, text in _manual.pages(root).items()}
    return {
        **{path: f'.\\" {MARK}\n{text}' for path, text in found.items()},
        **{path: completion(shell, root) for shell, path in SHELLS.items()},
    }


def main() -> None:
    """Write all files below the directory that is named."""
    from tracer.cli.main import cli

    directory = Path(sys.argv[1])
    for name, text in files(cli).items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


if __name__ == "__main__":
    main()
