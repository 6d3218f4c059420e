"""Stacks and names of copied user stacks, from the Rust helper `tracer-symbols`.

The helper reads files that others made. So it runs as the user who called sudo, or as nobody, with
limits on memory, CPU time and output; it gets open descriptors, and cannot open what only root may
read. What breaks it - a file or a sample - is left out and it is started again.

workloads/native/symbols/src/wire.rs describes the request and the answer: words of 64 bits.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tracer.host.code_files import CodeFiles
from tracer.host.held_files import HeldFiles
from tracer.host.installation import installation
from tracer.host.user import Credentials
from tracer.model.code import View, views
from tracer.model.mappings import AddressSpaces, Space
from tracer.model.stacks import Frame, StackSample, Unwound
from workloads import NATIVE

HELPER = NATIVE / "tracer-symbols"

_MAGIC = int.from_bytes(b"TRSYMB01", "little")
_NONE, _PERF_MAP = (1 << 64) - 1, (1 << 64) - 2
_ANSWER_AT = 4096
_KINDS = ("unknown", "native", "python", "java", "go")
#: Limits of the helper: memory beside the files that it maps, CPU time, output.
_MEMORY_BYTES, _CPU_S, _ANSWER_BYTES = 2 << 30, 120, 256 << 20
#: How often it is looked whether it is still to be waited for.
_LOOK_S = 0.1
#: It is started again so often, each time without what broke it.
_MOST_STARTS = 10
#: Work that a start can break on: a file's unwind tables, a sample, a perf map, a file's names.
_FILE, _SAMPLE, _MAP, _NAMES = 1, 2, 3, 4
#: What is read of a file for names: symbol tables, and debug information.
_DEBUG_INFO = 2


@dataclass
class _View:
    """A view of the helper: areas as (start, end, offset, file), a perf map, what its names are."""

    areas: list[tuple[int, int, int, int]]
    perf_map: int | None
    jit: str


@dataclass
class _Request:
    views: list[_View]
    #: View of each sample.
    of: list[int]


def unwind(
    samples: Sequence[StackSample],
    spaces: AddressSpaces,
    *,
    timeout_s: float = 120.0,
    stop: threading.Event | None = None,
    held: HeldFiles | None = None,
) -> Unwound:
    """The frames of all samples, in their order; those without names as soon as `stop` is set.

    What could not be found out is left unknown: see `Unwound.missing`. Files of processes that
    live are found even where they were deleted or only root may read them, of others those `held`.
    """
    if not samples:
        return Unwound((), (), (), ())
    user = _user()
    files = CodeFiles(os.geteuid() if user is None else user[0], held)
    try:
        request = _request(samples, spaces, files)
        if not os.access(HELPER, os.X_OK):
            return _folded(samples, request, files, "the program that unwinds and names stacks is"
                           f" not built; build it with: {installation().to_build()}")  # fmt: skip
        helper = _Helper(samples, request, files, user, timeout_s, stop or threading.Event())
        return helper.run()
    finally:
        files.close()


def _user() -> tuple[int, int] | None:
    """User and group that the helper runs as; None where this process has no rights to drop."""
    if os.geteuid() != 0:
        return None
    caller = Credentials.of_sudo()
    if caller is not None:
        return caller.uid, caller.gid
    try:
        nobody = pwd.getpwnam("nobody")
        return nobody.pw_uid, nobody.pw_gid
    except KeyError:
        return 65534, 65534


def _request(samples: Sequence[StackSample], spaces: AddressSpaces, files: CodeFiles) -> _Request:
    """What the samples' processes had mapped, as views; files are opened for it."""
    request = _Request([], [])
    known: dict[tuple[int, Space | None], list[tuple[View, int]]] = {}
    for sample in samples:
        space = spaces.of(sample.tgid, sample.at_ns)
        key = sample.tgid, space
        if key not in known:
            first = len(request.views)
            found = views(space.history() if space else ())
            request.views += [_view(view, sample.tgid, files) for view in found]
            known[key] = [(view, first + number) for number, view in enumerate(found)]
        before = [number for view, number in known[key] if view.since_ns <= sample.at_ns]
        request.of.append(before[-1] if before else known[key][0][1])
    return request


def _view(view: View, pid: int, files: CodeFiles) -> _View:
    areas = []
    for code in view.code:
        file = files.of(code, pid)
        areas.append((code.start, code.end, code.offset, _NONE if file is None else file))
    is_java = any(code.area.path.endswith("/libjvm.so") for code in view.code)
    makes_code = any(file == _NONE for _, _, _, file in areas)
    perf_map = files.perf_map(pid, view.since_ns) if makes_code else None
    return _View(areas, perf_map, "java" if is_java else "native")


class _Helper:
    """Runs the helper until it gives an answer, leaving out what it breaks on."""

    def __init__(
        self,
        samples: Sequence[StackSample],
        request: _Request,
        files: CodeFiles,
        user: tuple[int, int] | None,
        timeout_s: float,
        stop: threading.Event,
    ) -> None:
        self._samples, self._request, self._files = samples, request, files
        self._user, self._until_s = user, time.monotonic() + timeout_s
        self._stop = stop
        self._left_out: dict[int, set[int]] = {_FILE: set(), _SAMPLE: set(), _MAP: set()}
        #: What is read for the names of a file that broke it: less each time.
        self._detail: dict[int, int] = {}

    def run(self) -> Unwound:
        why = ""
        for _ in range(_MOST_STARTS):
            left_s = self._until_s - time.monotonic()
            if left_s <= 0 or self._stop.is_set():
                break
            # half of what is left: one more start must be possible without what took so long
            work, number, why, answer = self._start(left_s / 2)
            if answer is not None:
                try:
                    return self._decoded(answer)
                except (struct.error, ValueError, LookupError):
                    why = "its answer cannot be read"
                    break
            if not self._leave_out(work, number):
                break
        if self._stop.is_set():
            missing = "it was not waited for, after a signal (Ctrl-C)"
            return _folded(
                self._samples, self._request, self._files, f"stacks are not unwound: {missing}"
            )
        anew = installation().to_build(anew=True)
        missing = f"{HELPER.name} failed ({why}); to build it anew: {anew}"
        return _folded(
            self._samples, self._request, self._files, f"stacks are not unwound: {missing}"
        )

    def _leave_out(self, work: int, number: int) -> bool:
        """Leave out what it broke on; False where it was left out already."""
        if work == _NAMES:
            self._detail[number] = self._detail.get(number, _DEBUG_INFO) - 1
            return self._detail[number] >= 0
        if work not in self._left_out or number in self._left_out[work]:
            return False
        self._left_out[work].add(number)
        return True

    def _start(self, timeout_s: float) -> tuple[int, int, str, bytes | None]:
        """What it was doing when it ended, why it ended, and its answer if it gave one."""
        names = "request", "answer", "errors"
        all_three = [os.memfd_create(name, os.MFD_CLOEXEC) for name in names]
        request, output, errors = all_three
        try:
            with os.fdopen(os.dup(request), "wb") as file:
                self._write(file.write)
            os.ftruncate(output, _ANSWER_AT)
            why = self._run(request, output, errors, timeout_s)
            work, number = struct.unpack("=2Q", os.pread(output, 16, 0))
            size = os.fstat(output).st_size - _ANSWER_AT
            answer = None if why else os.pread(output, max(size, 0), _ANSWER_AT)
            return work, number, why, answer
        finally:
            for descriptor in all_three:
                os.close(descriptor)

    def _run(self, request: int, output: int, errors: int, timeout_s: float) -> str:
        """Why it failed; empty when it did not."""
        # through its descriptor: the user it runs as need not reach the directory
        program = os.open(HELPER, os.O_RDONLY | os.O_CLOEXEC)
        try:
            process = subprocess.Popen(
                [HELPER.name, str(_MEMORY_BYTES), str(_CPU_S), str(_ANSWER_BYTES)],
                executable=f"/proc/self/fd/{program}",
                stdin=request,
                stdout=output,
                stderr=errors,
                pass_fds=[program, *self._descriptors()],
                cwd="/",
                env={},
                user=self._user[0] if self._user else None,
                group=self._user[1] if self._user else None,
                extra_groups=[] if self._user else None,
                start_new_session=True,  # Ctrl-C, with which an attach ends, is not for it
            )
        except OSError as error:
            return f"it cannot be started: {error.strerror}"
        finally:
            os.close(program)
        with process:
            try:
                why = self._wait(process, timeout_s)
            finally:
                process.kill()
        if why or process.returncode < 0:
            return why or f"it was ended by signal {-process.returncode}"
        text = os.pread(errors, 200, 0).decode(errors="replace").strip()
        return text or f"exit status {process.returncode}" if process.returncode else ""

    def _wait(self, process: subprocess.Popen[bytes], timeout_s: float) -> str:
        """Until it ends; else why it is not waited for any longer."""
        until_s = time.monotonic() + timeout_s
        while process.returncode is None:
            if self._stop.is_set():
                return "it was not waited for"
            if time.monotonic() > until_s:
                return f"it took longer than {timeout_s:.0f} s"
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_LOOK_S)
        return ""

    def _descriptors(self) -> list[int]:
        both = [fd for file in self._files.files for fd in (file.descriptor, file.debug)]
        maps = [view.perf_map for view in self._request.views]
        return sorted({fd for fd in both + maps if fd is not None})

    def _write(self, write: Callable[[bytes | memoryview], object]) -> None:
        words: list[int] = [_MAGIC, len(self._files.files)]
        for number, file in enumerate(self._files.files):
            is_out = number in self._left_out[_FILE]
            both = (None, None) if is_out else (file.descriptor, file.debug)
            words += [_NONE if fd is None else fd for fd in both]
            words.append(self._detail.get(number, _DEBUG_INFO))
        words.append(len(self._request.views))
        for number, view in enumerate(self._request.views):
            words.append(len(view.areas))
            for area in view.areas:
                words += area
            is_out = view.perf_map is None or number in self._left_out[_MAP]
            words += [_NONE if is_out else view.perf_map or 0, _KINDS.index(view.jit)]
        words.append(len(self._samples))
        write(struct.pack(f"={len(words)}Q", *words))
        for number, (sample, of) in enumerate(zip(self._samples, self._request.of, strict=True)):
            is_out = number in self._left_out[_SAMPLE]
            ip, data = (0, b"") if is_out else (sample.ip, sample.data)
            write(struct.pack("=6Q", of, ip, sample.sp, sample.bp, sample.lr, len(data)))
            write(data)
            write(b"\0" * (-len(data) % 8))

    def _decoded(self, answer: bytes) -> Unwound:
        words = _Words(answer)
        if words.one() != _MAGIC:
            raise ValueError
        names = {number: file.name for number, file in enumerate(self._files.files)}
        names |= {_PERF_MAP: "perf map", _NONE: ""}
        frames = []
        for _ in range(words.one()):
            function, file = words.string(), words.string()
            line, inlined, kind, module, address = words.several(5)
            frames.append(Frame(function, names[module], file, line or None, bool(inlined),
                                _KINDS[kind], address))  # fmt: skip
        stacks, whole, broke_in = [], [], []
        for _ in range(words.one()):
            is_whole, module, count = words.several(3)
            stack = words.several(count)
            if count and max(stack) >= len(frames):
                raise ValueError
            stacks.append(stack)
            whole.append(bool(is_whole))
            broke_in.append(names[module])
        if len(stacks) != len(self._samples):
            raise ValueError
        return Unwound(tuple(stacks), tuple(frames), tuple(whole), tuple(broke_in), self._missing())

    def _missing(self) -> str:
        parts = [f"stacks through {name}" for name in self._names(self._left_out[_FILE])]
        for detail, what in enumerate(("names", "debug information")):
            found = {number for number, left in self._detail.items() if left == detail}
            parts += [f"{what} of {name}" for name in self._names(found)]
        samples = len(self._left_out[_SAMPLE])
        parts += [f"{samples} stacks"] * bool(samples)
        parts += ["code made at run time"] * bool(self._left_out[_MAP])
        broken = f"{', '.join(parts)}: {HELPER.name} breaks on them" if parts else ""
        many = "more files have code than can be open at a time" * self._files.are_too_many
        return "; ".join(part for part in (broken, many) if part)

    def _names(self, numbers: set[int]) -> list[str]:
        files = self._files.files
        return [files[number].name for number in sorted(numbers) if number < len(files)]


class _Words:
    """Reads an answer. struct.error or ValueError where it is cut off."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def several(self, count: int) -> tuple[int, ...]:
        if count > len(self._data) // 8:
            raise ValueError
        found = struct.unpack_from(f"={count}Q", self._data, self._at)
        self._at += 8 * count
        return found

    def one(self) -> int:
        return self.several(1)[0]

    def string(self) -> str:
        size = self.one()
        found = self._data[self._at : self._at + size]
        self._at += -(-size // 8) * 8
        return found.decode(errors="replace")


def _folded(
    samples: Sequence[StackSample], request: _Request, files: CodeFiles, missing: str
) -> Unwound:
    """Without the helper: of each stack the innermost frame, as its module and an address.

    The address is the offset in the file, since that of the symbol table is not known.
    """
    numbers: dict[Frame, int] = {}
    stacks, broke_in = [], []
    for sample, view in zip(samples, request.of, strict=True):
        inside = [a for a in request.views[view].areas if a[0] <= sample.ip < a[1]]
        frames = []
        for start, _end, offset, file in inside:
            module = "" if file == _NONE else files.files[file].name
            place = sample.ip if file == _NONE else sample.ip - start + offset
            frames.append(Frame("", module, "", None, False, "unknown", place))
        stacks.append(tuple(numbers.setdefault(frame, len(numbers)) for frame in frames))
        broke_in.append(frames[-1].module if frames else "")
    whole = (False,) * len(stacks)
    return Unwound(tuple(stacks), tuple(numbers), whole, tuple(broke_in), missing)
