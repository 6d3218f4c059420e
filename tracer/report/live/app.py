"""The live view on the terminal: what it is sent is shown, what is asked for is sent back.

Messages are JSON objects, one a line. To the view: `window` (a run's document), `note` (a line for
the user), `ended` (there will be no more windows, and why). From it: `path_of` (a thread's number
or `busiest`), `cgroup` (a directory), `save` (the document that is shown), `record` (some seconds
of every event). Its end ends all.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from rich.text import Text
from textual import events
from textual.app import App, ComposeResult
from textual.binding import Binding
from textual.widgets import DataTable, Footer, Static

from tracer.analysis.run.saved import summary_of
from tracer.analysis.run.summary import Summary
from tracer.report.live.dialogs import Chooser, Help
from tracer.report.live.history import History
from tracer.report.live.tables import TABLES, Table
from tracer.report.live.upper import Line, upper
from tracer.units import plain

Message = Mapping[str, Any]
#: A message of this many bytes at most is read.
_LONGEST = 1 << 28
#: A note stands so long at least.
_NOTE_S = 5.0
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
_STYLES = {
    "title": "bold",
    "warning": "bold red",
    "answer": "",
    "states": "cyan",
    "heading": "bold",
    "main": "",
    "row": "dim",
    "finding": "yellow",
    "gone": "dim",
}
_BARS = "blue"


class Live(App[int]):
    """The view. `send` takes what the user asks for; `messages` is a descriptor to read from, None
    where `receive` is called instead."""

    ENABLE_COMMAND_PALETTE = False
    CSS = """
    #upper { height: auto; }
    #tables { height: 1; }
    DataTable { height: 1fr; scrollbar-size-horizontal: 0; }
    """
    BINDINGS: ClassVar[list[Any]] = [
        Binding("q,ctrl+c,ctrl+q", "end", "Quit", key_display="q", priority=True),
        Binding("space,p", "pause", "Pause", key_display="space"),
        Binding("s", "sort", "Sort"),
        Binding("r", "reverse", "Reverse"),
        Binding("tab", "table(1)", "Table", key_display="1-6", priority=True),
        Binding("shift+tab", "table(-1)", show=False, priority=True),
        *(Binding(key, f"show({key!r})", show=False) for key in TABLES),
        Binding("b", "busiest", show=False),
        Binding("g", "groups", "Group"),
        Binding("w", "save", "Save"),
        Binding("R", "record", show=False),
        Binding("h,question_mark", "help", "Help", key_display="h"),
        Binding("ctrl+z", "nothing", show=False, priority=True),
    ]

    def __init__(self, send: Callable[[Message], None], messages: int | None = None) -> None:
        super().__init__(ansi_color=True)
        self._send, self._messages = send, messages
        self._history = History()
        self._document: Message | None = None
        self._run: Summary | None = None
        self._later: list[Message] = []  # windows that came while it was paused
        self._paused = False
        self._table = "1"
        self._sorting = {key: (column, False) for key, (_n, _t, column) in TABLES.items()}
        self._note, self._note_until_s = "attaching", 0.0
        self._ended = ""
        self._upper, self._tables = Static(id="upper", markup=False), Static(id="tables")
        self._rows: DataTable[Text] = DataTable(cursor_type="row")
        self._is_up = False

    # ---- its parts ----

    def compose(self) -> ComposeResult:
        yield self._upper
        yield self._tables
        yield self._rows
        yield Footer(compact=True, show_command_palette=False)

    async def on_mount(self) -> None:
        self._is_up = True
        self._rows.focus()
        self._draw()
        if self._messages is None:
            return
        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            loop.add_signal_handler(number, self.exit, 0)
        self.run_worker(self._read(self._messages), exit_on_error=True)

    def on_ready(self) -> None:
        # it may be left behind in the background, and must still restore the terminal
        if self._messages is not None:
            signal.signal(signal.SIGTTOU, signal.SIG_IGN)

    async def _read(self, descriptor: int) -> None:
        reader = asyncio.StreamReader(limit=_LONGEST)
        protocol = asyncio.StreamReaderProtocol(reader)
        loop = asyncio.get_running_loop()
        await loop.connect_read_pipe(lambda: protocol, os.fdopen(descriptor, "rb"))
        while line := await reader.readline():
            self.receive(json.loads(line))
        self.exit(0)  # tracer itself has ended

    def _print_error_renderables(self) -> None:
        """In the place of a traceback: tracer says what has happened."""

    # ---- what it is sent ----

    def receive(self, message: Message) -> None:
        """One message."""
        if "note" in message:
            self._tell(message["note"])
        if "ended" in message:
            self._ended, self._note_until_s = plain(message["ended"]), 0.0
        if "window" in message:
            self._note = self._note if time.monotonic() < self._note_until_s else ""
            if self._paused:
                self._later.append(message["window"])
            else:
                self._take(message["window"])
        self._draw()

    def _tell(self, note: str) -> None:
        """In the first line, from now on for a while."""
        self._note, self._note_until_s = plain(note), time.monotonic() + _NOTE_S
        self.set_timer(_NOTE_S, self._draw)

    def _take(self, document: Message) -> None:
        self._document, self._run = document, summary_of(document)
        self._history.add(document, self._run)

    # ---- what is shown ----

    def on_resize(self, _event: events.Resize) -> None:
        self._draw()

    def _draw(self) -> None:
        if not self._is_up:
            return
        width, height = self.size
        lines = [Line(self._note or "waiting for the first window", "states")]
        if self._run is not None:
            lines = upper(self._run, self._history, self._right(), width, height)
            if said := self._said():
                lines[0] = Line(said[:width], "warning")
        elif self._ended:
            lines = [Line(self._said(), "warning")]
        self._upper.update(_text(lines))
        self._tables.update(self._names())
        self._fill()

    def _said(self) -> str:
        """A note while it is new, or why there are no more windows."""
        is_new = time.monotonic() < self._note_until_s
        return self._note if is_new or not self._ended else self._ended

    def _right(self) -> str:
        paused = f"PAUSED ({len(self._later)} behind)  " if self._paused else ""
        return f"{paused}window {self._history.number}"

    def _names(self) -> Text:
        text = Text()
        for key, (name, _rows, _column) in TABLES.items():
            text.append(f" {key} {name} ", "reverse" if key == self._table else "")
        return text

    def _current(self) -> Table | None:
        if self._run is None or self._document is None:
            return None
        return TABLES[self._table][1](self._run, self._document, self._history)

    def _fill(self) -> None:
        """The rows of the table, with the cursor on the same one as before."""
        shown, table = self._rows, self._current()
        if table is None:
            shown.clear(columns=True)
            return
        column, reverse = self._sorting[self._table]
        column = min(column, max(len(table.columns) - 1, 0))
        kept = self._key_at_cursor()
        with self.batch_update():
            shown.clear(columns=True)
            for n, name in enumerate(table.columns):
                mark = "" if n != column else " ^" if reverse else " v"
                head = Text(f"{name}{mark}", justify="left" if table.is_text(n) else "right")
                shown.add_column(head, key=str(n))
            rows = table.sorted(column, reverse)
            for row in rows:
                cells = [
                    Text(cell, justify="left" if table.is_text(n) else "right", no_wrap=True)
                    for n, cell in enumerate(row.cells)
                ]
                shown.add_row(*cells, key=row.key)
            if not rows:
                shown.clear(columns=True)
                shown.add_column(Text(table.empty, style="dim"))
            at = next((n for n, row in enumerate(rows) if row.key == kept), 0)
            shown.move_cursor(row=at, animate=False)

    def _key_at_cursor(self) -> str | None:
        shown = self._rows
        if not shown.row_count:
            return None
        at = shown.coordinate_to_cell_key(shown.cursor_coordinate)
        return str(at.row_key.value)

    # ---- keys ----

    def action_end(self) -> None:
        self.exit(0)

    def action_nothing(self) -> None:
        """Ctrl-Z would stop the view alone, not tracer."""

    def action_pause(self) -> None:
        self._paused = not self._paused
        if not self._paused:
            for document in self._later:
                self._take(document)
            self._later.clear()
        self._draw()

    def action_sort(self) -> None:
        table = self._current()
        if table is not None and table.columns:
            column, _reverse = self._sorting[self._table]
            self._sorting[self._table] = (column + 1) % len(table.columns), False
            self._fill()

    def action_reverse(self) -> None:
        column, reverse = self._sorting[self._table]
        self._sorting[self._table] = column, not reverse
        self._fill()

    def on_data_table_header_selected(self, event: DataTable.HeaderSelected) -> None:
        column, reverse = self._sorting[self._table]
        again = column == event.column_index
        self._sorting[self._table] = event.column_index, again and not reverse
        self._fill()

    def action_show(self, key: str) -> None:
        self._table = key
        self._draw()

    def action_table(self, step: int) -> None:
        keys = list(TABLES)
        self.action_show(keys[(keys.index(self._table) + step) % len(keys)])

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        """Enter on a thread: its path."""
        if TABLES[self._table][0] == "threads" and event.row_key.value:
            thread = event.row_key.value.partition(" ")[0]
            self._ask({"path_of": thread}, f"the path of {thread} follows")

    def action_busiest(self) -> None:
        self._ask({"path_of": "busiest"}, "the path of the busiest thread follows")

    def action_groups(self) -> None:
        def chosen(group: str | None) -> None:
            if group:
                self._ask({"cgroup": group}, f"attaching to {group}")

        self.push_screen(Chooser(), chosen)

    def action_save(self) -> None:
        if self._document is not None:
            self._send({"save": self._document})

    def action_record(self) -> None:
        self._ask({"record": True}, "a recording begins")

    def action_help(self) -> None:
        self.push_screen(Help())

    def _ask(self, what: Message, note: str) -> None:
        self._tell(note)
        self._ended = ""
        self._send(what)
        self._draw()


def _text(lines: list[Line]) -> Text:
    text = Text(no_wrap=True, overflow="crop")
    for n, line in enumerate(lines):
        text.append("\n" if n else "").append(line.text, _STYLES.get(line.kind, ""))
        text.append(line.bars, _BARS)
    return text
