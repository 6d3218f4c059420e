"""What the live view shows on top: its keys, and the control groups to choose from."""

from __future__ import annotations

from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from tracer.errors import TracerError
from tracer.host.groups import populated
from tracer.units import plain

HELP = """\
q, Ctrl-C    quit; what runs goes on (a command that top started ends)
space, p     pause, and go on with what came meanwhile
1-6, Tab     the table: groups, threads, calls, who, places, findings
s, r         sort by the next column; reverse (or click on a head)
up, down     move in the table, also Page up and down
Enter        on a thread (table 2): show its path from now on
b            show the path of the busiest thread again
g            choose a control group: a service, a container
w            write what is shown to a file, for tracer report FILE
R            record every event of the next 10 s into a directory
h, ?         this help; any key leaves it

Above: the answer, the program as a whole, the path of the latest
window, each line with its history (one bar a window, the newest on the
right, all on one scale), and the findings as they come and go.
"""


class Help(ModalScreen[None]):
    """The keys."""

    CSS = """
    Help { align: center middle; }
    Help Static { width: auto; max-width: 100%; height: auto; border: round $primary;
                  padding: 0 1; }
    """

    def compose(self) -> ComposeResult:
        yield Static(HELP, markup=False)

    def on_key(self, event: Any) -> None:
        event.stop()
        self.dismiss()


class Chooser(ModalScreen["str | None"]):
    """The control groups that have processes; its result is a directory, None without a choice."""

    CSS = """
    Chooser { align: center middle; }
    Chooser OptionList { width: 90%; height: 80%; border: round $primary; }
    """
    BINDINGS: ClassVar[list[Any]] = [Binding("escape,q,g", "leave", "Leave", priority=True)]

    def compose(self) -> ComposeResult:
        try:
            groups = populated()
        except TracerError:  # nothing is mounted
            groups = []
        if not groups:
            yield OptionList(Option("no control group has processes", disabled=True))
            return
        yield OptionList(
            *(
                Option(f"{number:>6} {plain(str(path))}", id=str(directory))
                for directory, path, number in groups
            )
        )

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(event.option_id)

    def action_leave(self) -> None:
        self.dismiss(None)
