"""Stacks of small C programs, as they were planted, read from the stopped process."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from harness.machine import compiler
from harness.stopped import sample, sleeping, spaces_of

from tracer.host import unwinding
from tracer.host.unwinding import HELPER, unwind
from tracer.model.mappings import AddressSpaces
from tracer.model.stacks import StackSample, Unwound

pytestmark = pytest.mark.skipif(not HELPER.exists(), reason="the symbol helper is not built")

PROGRAM = """
#include <unistd.h>
#define APART __attribute__((noipa))
APART int innermost(int n) {
    char room[64];
    int r = read(0, room, 1);
    __asm__ volatile("" ::"r"(room) : "memory");
    return r + n;
}
static inline __attribute__((always_inline)) int folded(int n) { return innermost(n) + 1; }
APART int middle(int n) { volatile int v[40]; v[3] = n; return folded(v[3]) + 1; }
APART int recursive(int n) {
    int r = n ? recursive(n - 1) : middle(n);
    __asm__ volatile("" : "+r"(r));
    return r + 1;
}
int main(int argc, char **argv) { return recursive(argc - 1) & 1; }
"""
CHAIN = ["innermost", "middle", "recursive", "main"]


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Without frame pointers, with debug information."""
    cc = compiler()
    if cc is None:
        pytest.skip("no C compiler")
    folder = tmp_path_factory.mktemp("unwinding")
    folder.chmod(0o755)
    source = folder / "chain.c"
    source.write_text(PROGRAM)
    options = ["-O2", "-g", "-fomit-frame-pointer", "-Wl,--build-id"]
    subprocess.run([cc, *options, str(source), "-o", str(folder / "chain")], check=True)
    return folder / "chain"


@contextmanager
def running(program: Path, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([program, *arguments], stdin=subprocess.PIPE) as process:
        try:
            sleeping(process.pid, "pipe_read")
            yield process
        finally:
            process.kill()


def taken(program: Path, *arguments: str, size: int = 8192) -> tuple[StackSample, AddressSpaces]:
    """A sample of the program, which has ended by now, and what it had mapped."""
    with running(program, *arguments) as process:
        return sample(process.pid, size=size), spaces_of(process.pid)


def names(unwound: Unwound, module: str = "chain", number: int = 0) -> list[str]:
    frames = [unwound.frames[index] for index in unwound.stacks[number]]
    return [frame.function for frame in frames if frame.module == module]


def test_the_planted_chain_down_to_the_root(program: Path) -> None:
    with running(program) as process:
        found = unwind([sample(process.pid)], spaces_of(process.pid))
    frames = [found.frames[index] for index in found.stacks[0]]
    own = [frame for frame in frames if frame.module == "chain"]
    assert [(f.function, f.inlined) for f in own] == [
        ("innermost", False), ("folded", True), ("middle", False), ("recursive", False),
        ("main", False), ("_start", False),
    ]  # fmt: skip
    text = PROGRAM.splitlines()
    for frame, line in zip(own, ("read(0", "innermost(n) +", "folded(v", "middle(n);", "main"),
                           strict=False):  # fmt: skip
        assert frame.line and line in text[frame.line - 1]
        assert frame.file.endswith("chain.c") and frame.kind == "native"
    assert frames[0].module.startswith("libc"), "read"
    assert found.whole == (True,) and found.broke_in == ("",) and found.missing == ""


def test_addresses_are_those_of_the_symbol_table(program: Path) -> None:
    done = subprocess.run(["nm", "-S", program], capture_output=True, text=True, check=True)
    table = {row.split()[-1]: row.split() for row in done.stdout.splitlines()}
    one, spaces = taken(program)
    found = unwind([one], spaces)
    for frame in found.frames:
        if frame.module == "chain" and not frame.inlined:
            start, size = (int(text, 16) for text in table[frame.function][:2])
            assert start <= frame.offset < start + size


def test_a_deep_recursion_is_counted(program: Path) -> None:
    one, spaces = taken(program, *["x"] * 200, size=1 << 16)
    found = unwind([one], spaces)
    assert names(found).count("recursive") == 201
    assert names(found)[-2:] == ["main", "_start"] and found.whole == (True,)


def test_a_stack_that_was_not_copied_to_its_end_is_not_whole(program: Path) -> None:
    one, spaces = taken(program, *["x"] * 200, size=2048)
    found = unwind([one], spaces)
    assert 10 < names(found).count("recursive") < 200
    assert found.whole == (False,) and found.broke_in == ("chain",)


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the interrupted function is skipped")
def test_behind_a_signal_handler_is_what_it_interrupted(program: Path, tmp_path: Path) -> None:
    """Also where that function is at its first instruction, and had called nothing."""
    source = tmp_path / "signal.c"
    source.write_text(
        PROGRAM.replace("int main(", "#include <signal.h>\nAPART int chain(")
        + "APART void on_signal(int number) {\n"
        '    chain(number - SIGILL + 1, 0); __asm__ volatile("");\n'
        "}\n"
        'APART void interrupted(void) { __asm__ volatile("ud2"); }\n'
        "int main(void) { signal(SIGILL, on_signal); interrupted(); return 0; }\n"
    )
    cc = [compiler() or "cc", "-O2", "-g", "-fomit-frame-pointer"]
    subprocess.run([*cc, str(source), "-o", str(tmp_path / "signal")], check=True)
    one, spaces = taken(tmp_path / "signal")
    found = unwind([one], spaces)
    own = [name for name in names(found, "signal") if name != "folded"]
    assert own == [*CHAIN[:-1], "chain", "on_signal", "interrupted", "main", "_start"]
    assert found.whole == (True,)


def test_a_function_in_two_pieces_has_its_line(tmp_path: Path) -> None:
    """The compiler puts what is rare elsewhere: `split.cold`."""
    lines = (
        PROGRAM.replace("int main(", "#include <stdlib.h>\nAPART int chain(")
        + "__attribute__((noipa, cold, noreturn)) void rare(void) { abort(); }\n"
        "APART int split(int n) {\n"
        "    if (n > 5) rare();\n"
        "    return chain(n, 0) + 1;\n"
        "}\n"
        "int main(int argc, char **argv) { return split(argc); }\n"
    )
    source = tmp_path / "pieces.c"
    source.write_text(lines)
    subprocess.run(
        [compiler() or "cc", "-O2", "-g", str(source), "-o", str(tmp_path / "pieces")], check=True
    )
    symbols = subprocess.run(
        ["nm", tmp_path / "pieces"], capture_output=True, text=True, check=True
    )
    if " split.cold" not in symbols.stdout:
        pytest.skip("this compiler leaves functions in one piece")
    one, spaces = taken(tmp_path / "pieces")
    found = unwind([one], spaces)
    frame = next(f for f in found.frames if f.function == "split")
    assert Path(frame.file).name == "pieces.c" and frame.line
    assert "chain(n, 0)" in lines.splitlines()[frame.line - 1]


def test_a_corrupted_stack_gives_no_wrong_names(program: Path) -> None:
    one, spaces = taken(program)
    limit = len(one.data) // 8
    bad = [
        replace(one, data=one.data[:at] + value.to_bytes(8, "little") * (limit - at // 8))
        for value in (0, 0x4141414141414141, one.sp, one.ip + 1, (1 << 64) - 1)
        for at in range(0, 512, 8)
    ]
    found = unwind([one, *bad], spaces)
    right = [found.frames[index] for index in found.stacks[0]]
    assert found.whole == (True, *[False] * len(bad))
    for stack in found.stacks[1:]:
        assert [found.frames[index] for index in stack] == right[: len(stack)]
    assert {len(stack) for stack in found.stacks[1:]} > {2, 4, 5}, "they break at each frame"


def test_a_stripped_file_has_no_names_but_the_whole_stack(program: Path, tmp_path: Path) -> None:
    stripped = tmp_path / "chain"
    subprocess.run(["strip", "-o", stripped, program], check=True)
    one, spaces = taken(stripped)
    found = unwind([one], spaces)
    own = [found.frames[i] for i in found.stacks[0] if found.frames[i].module == "chain"]
    assert {(frame.function, frame.kind) for frame in own} == {("", "unknown")}
    assert len(own) == len(CHAIN) + 1 and found.whole == (True,)


@pytest.mark.parametrize("folder", [".", ".debug"])
def test_names_from_a_separate_debug_file(program: Path, tmp_path: Path, folder: str) -> None:
    stripped, debug = tmp_path / "chain", tmp_path / folder / "chain.debug"
    debug.parent.mkdir(exist_ok=True)
    subprocess.run(["objcopy", "--only-keep-debug", program, debug], check=True)
    link = f"--add-gnu-debuglink={debug}"
    subprocess.run(["objcopy", "--strip-all", link, program, stripped], check=True)
    one, spaces = taken(stripped)
    found = unwind([one], spaces)
    assert names(found) == ["innermost", "folded", *CHAIN[1:], "_start"]
    debug.write_bytes(debug.read_bytes() + b"\0")  # another file: the checksum differs
    assert set(names(unwind([one], spaces))) == {""}


def test_names_from_a_debug_file_by_build_id(
    program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stripped = tmp_path / "chain"
    subprocess.run(["strip", "-o", stripped, program], check=True)
    notes = subprocess.run(["readelf", "-n", program], capture_output=True, text=True, check=True)
    build_id = notes.stdout.partition("Build ID: ")[2].split()[0]
    debug = tmp_path / f"debug/.build-id/{build_id[:2]}/{build_id[2:]}.debug"
    debug.parent.mkdir(parents=True)
    subprocess.run(["objcopy", "--only-keep-debug", program, debug], check=True)
    monkeypatch.setattr("tracer.host.debug_files._DEBUG", tmp_path / "debug")
    one, spaces = taken(stripped)
    assert names(unwind([one], spaces)) == ["innermost", "folded", *CHAIN[1:], "_start"]


def test_a_replaced_file_is_never_used(program: Path, tmp_path: Path) -> None:
    """Whatever replaces it: its inode, or its content in place, with the time it had before."""
    for how in ("moved over it", "written into it", "copied with its times"):
        copy = tmp_path / "chain"
        copy.unlink(missing_ok=True)
        shutil.copy(program, copy)
        one, spaces = taken(copy)
        time.sleep(0.05)
        assert names(unwind([one], spaces))[0] == "innermost"
        if how == "moved over it":
            shutil.copy(program, tmp_path / "new")
            (tmp_path / "new").rename(copy)
        else:
            before = copy.stat()
            copy.write_bytes(program.read_bytes())
            if how == "copied with its times":
                os.utime(copy, ns=(before.st_atime_ns, before.st_mtime_ns))
        found = unwind([one], spaces)
        assert names(found) == [] or set(names(found)) == {""}, how
        assert found.whole == (False,) and found.broke_in == ("chain",)


def test_a_further_name_is_no_other_file(program: Path, tmp_path: Path) -> None:
    """perf gives one to each file that it has seen."""
    copy = tmp_path / "chain"
    shutil.copy(program, copy)
    one, spaces = taken(copy)
    time.sleep(0.05)
    (tmp_path / "further").hardlink_to(copy)
    assert names(unwind([one], spaces))[0] == "innermost"
    copy.write_bytes(program.read_bytes())
    assert set(names(unwind([one], spaces))) == {""}


def test_a_deleted_file_of_a_living_process(program: Path, tmp_path: Path) -> None:
    copy = tmp_path / "chain"
    shutil.copy(program, copy)
    with running(copy) as process:
        copy.unlink()
        one, spaces = sample(process.pid), spaces_of(process.pid)
        found = unwind([one], spaces)
        assert names(found)[0] == "innermost" and found.whole == (True,)
    gone = unwind([one], spaces)
    assert gone.whole == (False,) and gone.broke_in == ("chain",)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: the helper gives up its rights")
def test_a_file_that_only_root_may_read(program: Path, tmp_path: Path) -> None:
    copy = tmp_path / "chain"
    shutil.copy(program, copy)
    copy.chmod(0o700)
    tmp_path.chmod(0o700)
    one, spaces = taken(copy)
    assert names(unwind([one], spaces)) == ["innermost", "folded", *CHAIN[1:], "_start"]


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: mounts")
def test_a_file_of_another_mount_namespace(program: Path, tmp_path: Path) -> None:
    room = tmp_path / "room"
    room.mkdir()
    command = f"mount -t tmpfs none {room} && cp {program} {room}/chain && exec {room}/chain"
    with subprocess.Popen(
        ["unshare", "--mount", "sh", "-c", command], stdin=subprocess.PIPE
    ) as process:
        sleeping(process.pid, "pipe_read")
        assert not (room / "chain").exists()
        found = unwind([sample(process.pid)], spaces_of(process.pid))
        process.kill()
    assert names(found)[0] == "innermost" and found.whole == (True,)


def test_functions_of_the_vdso(tmp_path: Path) -> None:
    text = "#include <time.h>\nint main(void) { struct timespec t; for (;;) clock_gettime(1, &t); }"
    build = ["cc", "-O2", "-x", "c", "-", "-o", str(tmp_path / "clock")]
    subprocess.run(build, input=text, text=True, check=True)
    with subprocess.Popen([tmp_path / "clock"]) as process:
        time.sleep(0.2)
        samples = [sample(process.pid) for _ in range(50)]
        spaces = spaces_of(process.pid)
        process.kill()
    found = unwind(samples, spaces)
    stacks = [[found.frames[index] for index in stack] for stack in found.stacks]
    inside = [stack for stack in stacks if stack[0].module == "[vdso]"]
    if not inside:
        pytest.skip("this kernel's clock is not read in the vDSO")
    assert {frame.function for stack in inside for frame in stack if frame.module == "[vdso]"} & {
        "__vdso_clock_gettime", "clock_gettime", "__kernel_clock_gettime"
    }  # fmt: skip
    assert all("main" in [frame.function for frame in stack] for stack in inside)


def test_without_the_helper_there_are_addresses_and_what_to_type(
    program: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unwinding, "HELPER", Path("/nonexistent/tracer-symbols"))
    one, spaces = taken(program)
    found = unwind([one], spaces)
    (frame,) = found.frames
    assert frame.module.startswith("libc") and frame.function == "" and frame.offset
    assert found.stacks == ((0,),) and found.whole == (False,)
    assert "make setup" in found.missing


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("kill -SEGV $$", "signal 11"),
        ("echo broken >&2; exit 3", "broken"),
        ("exit 0", "cannot be read"),
        ("sleep 60", "longer than"),
    ],
)
def test_a_helper_that_fails_is_survived(
    program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, why: str
) -> None:
    """A script cannot be run by its descriptor alone: the shell has to be able to open it."""
    helper = tmp_path / "tracer-symbols"
    helper.write_text(f"#!/bin/sh\n{script}\n")
    helper.chmod(0o755)
    monkeypatch.setattr(unwinding, "HELPER", helper)
    one, spaces = taken(program)
    found = unwind([one], spaces, timeout_s=1)
    assert why in found.missing
    assert len(found.stacks[0]) == 1 and found.whole == (False,)


def test_ctrl_c_does_not_reach_the_helper(
    program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A signal of the terminal goes to the foreground's process group."""
    helper = tmp_path / "tracer-symbols"
    helper.write_text("#!/bin/sh\ncut -d' ' -f5 /proc/$$/stat >&2; exit 3\n")
    helper.chmod(0o755)
    monkeypatch.setattr(unwinding, "HELPER", helper)
    one, spaces = taken(program)
    missing = unwind([one], spaces).missing
    (group,) = re.findall(r"\((\d+)\)", missing)
    assert int(group) != os.getpgrp()


def test_what_breaks_the_helper_is_left_out(
    program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A helper that crashes at the second of three samples, when it is started first."""
    helper, state = tmp_path / "tracer-symbols", tmp_path / "state"
    page = r"\002\000\000\000\000\000\000\000\001"  # a sample, its number
    helper.write_text(
        f'#!/bin/sh\nif [ -e {state} ]; then exec {HELPER} "$@"; fi\n'
        f"touch {state}; printf '{page}'; kill -SEGV $$\n"
    )
    helper.chmod(0o755)
    monkeypatch.setattr(unwinding, "_user", lambda: None)  # it has to write the file `state`
    monkeypatch.setattr(unwinding, "HELPER", helper)
    one, spaces = taken(program)
    found = unwind([one, one, one], spaces)
    assert found.missing == "1 stacks: tracer-symbols breaks on them"
    assert found.stacks[1] == () and found.stacks[0] == found.stacks[2]
    assert names(found)[0] == "innermost" and found.whole == (True, False, True)


def test_debug_information_that_is_too_large_is_done_without(
    program: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With hardly any memory: the stack stays whole, and exported names stay."""
    one, spaces = taken(program)
    monkeypatch.setattr(unwinding, "_MEMORY_BYTES", 1 << 20)
    found = unwind([one], spaces)
    assert "breaks on them" in found.missing and found.whole == (True,)
    assert [f for f in found.frames if f.module == "chain"], "whatever their names"


def test_files_that_are_too_many_are_told(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, spaces = taken(program)
    monkeypatch.setattr("tracer.host.code_files._MOST_FILES", 1)
    found = unwind([one], spaces)
    assert found.missing == "more files have code than can be open at a time"
    assert found.stacks[0] and found.whole == (False,)


def test_the_helper_has_no_rights_to_lose(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the kernel has it: another user, no groups, no capabilities, no way to gain any."""
    started = []
    popen = subprocess.Popen

    class Watched(popen):  # type: ignore[type-arg, misc, valid-type]
        def __enter__(self) -> Watched:
            started.append(Path(f"/proc/{self.pid}/status").read_text())
            return self

    one, spaces = taken(program)
    monkeypatch.setattr(subprocess, "Popen", Watched)
    unwind([one], spaces)
    (status,) = started
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert int(fields["CapEff"], 16) == 0 and int(fields["CapPrm"], 16) == 0
    assert "0" not in fields["Uid"].split()
    if os.geteuid() == 0:
        assert fields["Groups"].strip() == "" and "0" not in fields["Gid"].split()


def test_names_need_not_be_waited_for(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once it is told to stop there is an answer, if one without names."""
    one, spaces = taken(program)
    stop, started = threading.Event(), []
    wait = subprocess.Popen.wait

    def never_ends(process: subprocess.Popen[bytes], timeout: float | None = None) -> int:
        if timeout is None:
            return wait(process)
        started.append(process)
        stop.set()
        raise subprocess.TimeoutExpired("tracer-symbols", timeout)

    monkeypatch.setattr(subprocess.Popen, "wait", never_ends)
    found = unwind([one], spaces, stop=stop)
    assert len(started) == 1
    assert started[0].returncode is not None, "it has been ended"
    assert "not waited for" in found.missing and found.whole == (False,)
    assert [frame.function for frame in found.frames] == [""]
    assert "not waited for" in unwind([one], spaces, stop=stop).missing
    assert len(started) == 1


def test_nothing_is_known_of_a_process() -> None:
    one = StackSample(1 << 30, 5, 0x1000, 0x2000, 0, 0, b"\0" * 64)
    found = unwind([one], AddressSpaces())
    assert found.stacks == ((),) and found.whole == (False,) and found.broke_in == ("",)
    assert unwind([], AddressSpaces()) == Unwound((), (), (), ())
