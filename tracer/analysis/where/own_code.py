"""Which frames of a stack are the program's own code: one table of what is not.

A frame that matches a rule belongs to a library or a runtime that every program of its language
has. A frame of plumbing (closures called, panics caught, iterators stepped) says nothing at all.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from tracer.analysis.where.function_names import without_type
from tracer.model.stacks import Frame


@dataclass(frozen=True)
class Rule:
    """Frames that are not own code: all patterns that are given match.

    `module` is searched in the name of the module's file, `function` and `file` from their starts;
    `kind` is the frame's. `beside`: it holds in stacks only that have a frame of this language
    (`LANGUAGES`).
    """

    what: str
    module: str = ""
    function: str = ""
    file: str = ""
    kind: str = ""
    beside: str = ""


#: How a frame of code that an interpreter or a compiler at run time makes is recognised: by its
#: kind, or by its name.
LANGUAGES = {
    "python": r"py::",
    "js": r"(?:LazyCompile|Function|Script|JS|Eval):",
}

_GENERIC = r"<?(?:&|mut |dyn |\*const |\*mut )*"  # what may stand before a path in a Rust name
_HASH = r"(?:\[[0-9a-f]+\])?"
_RUST_STD = r"(?:std|core|alloc|panic_unwind|hashbrown|backtrace|addr2line|gimli)"
_NOT_C = r"(?!.*\.(?:c|cc|cpp|cxx|h|hh|hpp)$)"  # a namespace of C++ can have such a name
_RUST_RUNTIMES = (
    r"(?:tokio|tokio_util|mio|socket2|rustix|futures_\w+|async_(?:std|io|executor|task|global_"
    r"executor)|smol|rayon(?:_core)?|parking_lot(?:_core)?|lock_api|crossbeam_\w+)"
)
_GO_STD = (
    r"(?:runtime|internal|syscall|sync|net|os|io|bufio|time|context|fmt|reflect|strings|strconv|"
    r"bytes|sort|slices|maps|math|errors|encoding|compress|crypto|hash|log|unicode|testing|iter)"
)
_PYTHON_STD = (  # what is compiled of Python's library
    r"_(?:asyncio|bisect|blake2|bz2|codecs_\w+|contextvars|csv|ctypes|curses|datetime|dbm|decimal|"
    r"elementtree|gdbm|hashlib|heapq|interp\w+|json|lsprof|lzma|md5|multibytecodec|multiprocessing|"
    r"opcode|pickle|posixshmem|posixsubprocess|queue|random|sha\d|socket|sqlite3|ssl|statistics|"
    r"struct|uuid|xx\w+|zoneinfo|zstd)|array|audioop|binascii|cmath|fcntl|grp|math|mmap|nis|ossaudiodev|"
    r"pyexpat|readline|resource|select|spwd|syslog|termios|unicodedata|zlib"
)
_INTERPRETER = "Python's interpreter"

RULES = (
    Rule("the kernel", module=r"^\[(?:kernel|k|guest\.kernel)"),
    Rule("the vDSO", module=r"^\[v(?:dso|syscall)\]|^linux-(?:vdso|gate)"),
    Rule(
        "the C library",
        module=r"^(?:libc|libpthread|libm|libdl|librt|libresolv|libanl|libmvec)[-.]"
        r"|^ld(?:-linux|-musl|64)?[-.]|^libc\.musl|^libthread_db",
    ),
    Rule("the C library", function=r"(?:_start|__libc_start\w*|_dl_\w+)$"),
    Rule(
        "the compiler's library", module=r"^lib(?:gcc_s|stdc\+\+|c\+\+|c\+\+abi|unwind|atomic)[-.]"
    ),
    Rule("malloc", module=r"^lib(?:jemalloc|tcmalloc\w*|mimalloc)[-.]"),
    Rule("the C++ library", function=r"(?:std|__gnu_cxx|__cxxabiv1)::"),
    Rule("the C++ library", file=r".*/(?:include/c\+\+|c\+\+/v1)/"),
    Rule("Rust's std", function=rf"{_GENERIC}{_RUST_STD}{_HASH}::", file=_NOT_C),
    Rule("Rust's std", function=rf"<[A-Z]\w? as {_RUST_STD}{_HASH}::"),
    Rule("Rust's std", function=r"(?:__rust_|__rdl_|__rg_|rust_begin_|rust_eh_|rust_panic)"),
    Rule("Rust's std", file=r"/rustc/[0-9a-f]+/|.*/lib/rustlib/src/rust/library/"),
    Rule("a runtime of Rust", function=rf"{_GENERIC}{_RUST_RUNTIMES}{_HASH}::"),
    # of a function of a trait for any type the name does not tell: the crate's directory does
    Rule("a runtime of Rust", file=rf".*/{_RUST_RUNTIMES.replace('_', '[-_]')}-\d[^/]*/src/"),
    Rule(
        "Go's runtime and library",
        function=rf"(?:vendor/)?{_GO_STD}(?:/[\w/]+)?\.|_rt0_|gogo$|go:",
        kind="go",
    ),
    Rule(_INTERPRETER, module=r"^(?:libpython|python(?:\d[\d.]*[dt]*)?$)", beside="python"),
    Rule("Python's library", module=rf"^(?:{_PYTHON_STD})\.cpython-3\d+t?-"),
    Rule("Python's library", file=r"<frozen |.*/python3\.\d+t?/(?!(?:site|dist)-packages/)"),
    Rule("Node's engine", module=r"^(?:node(?:js)?|libnode[-.].*)$", beside="js"),
    Rule("Node's engine", function=r"(?:Builtin|BuiltinHandler|BytecodeHandler|Stub|RegExp):"),
    Rule("Node's library", file=r"node:"),
    Rule("Node's library", function=r"(?:LazyCompile|Function|JS|Script):\S* ?node:"),
    Rule("Java's virtual machine", module=r"^lib(?:jvm|jli|java|nio|net|zip|jimage)\.so"),
    Rule("Java's virtual machine", function=r"(?:Interpreter|call_stub|StubRoutines|~\w+Stub)\b"),
    Rule("Java's library", function=r"L?(?:java|javax|jdk|sun|com[./]sun)[./]"),
)
_COMPILED = [
    (rule, re.compile(rule.module), re.compile(rule.function), re.compile(rule.file))
    for rule in RULES
]
_LANGUAGES = {name: re.compile(pattern) for name, pattern in LANGUAGES.items()}

#: Calls that only pass a call on: chains of them, mostly inlined, are left out of what is shown.
PLUMBING = (
    rf"{_GENERIC}(?:core|std|alloc){_HASH}::(?:ops::function|panicking|panic|rt|hint::black_box|convert"
    r"|result|option|intrinsics|pin|future|array|iter|slice::iter|cell|mem|ptr|boxed|cmp|borrow"
    r"|thread::local|sys_common::backtrace|sys::backtrace|sys::thread_local)\b",
    rf"<.* as (?:core|std){_HASH}::ops::function::Fn(?:Once|Mut)?(?:<.*>)?>::call",
    r"std::thread::(?:Builder|spawn|lifecycle)\b",
    r"(?:__rust_|rust_begin_|__libc_start|_start$|lang_start|std::sys::\w+::thread::)",
    r".*__rust_(?:begin|end)_short_backtrace",
    r"(?:clone3?|__clone3?|start_thread|__clone_internal)$",
)
_PLUMBING = re.compile("|".join(PLUMBING))


def languages(frames: Sequence[Frame]) -> frozenset[str]:
    """The languages of `LANGUAGES` that a stack has frames of."""
    return frozenset(found for frame in frames if (found := language(frame)))


def language(frame: Frame) -> str:
    """Of `LANGUAGES`; empty for a compiled function."""
    if frame.kind in LANGUAGES:
        return frame.kind
    return _named_language(frame.function)


@lru_cache(maxsize=65536)
def _named_language(function: str) -> str:
    return next((name for name, form in _LANGUAGES.items() if form.match(function)), "")


def enters_js(frame: Frame) -> bool:
    """Whether Node's engine begins to run JavaScript there."""
    return frame.function.startswith("Builtins_JSEntry")


def may_be_js(frame: Frame) -> bool:
    """Whether JavaScript runs in that frame, where its functions have no names: in code made at run
    time, or in what Node's engine interprets it with."""
    return frame.function.startswith("Builtins_") or not frame.function


def is_own(frame: Frame, beside: frozenset[str] = frozenset()) -> bool:
    """Whether a frame is named and the program's own code, in a stack with frames of `beside`."""
    if not frame.function or frame.kind == "kernel":
        return False
    return not belongs_to(frame.module, frame.function, frame.file, frame.kind, beside)


def is_unnamed_own(frame: Frame, beside: frozenset[str] = frozenset()) -> bool:
    """Whether a frame is own code of a file without names, such as a stripped program."""
    if frame.function or not frame.module or frame.kind == "kernel":
        return False
    return not belongs_to(frame.module, "", "", frame.kind, beside)


def interprets(frame: Frame, beside: frozenset[str]) -> bool:
    """Whether a frame is the interpreter's, in a stack with the functions that it runs."""
    what = belongs_to(frame.module, frame.function, frame.file, frame.kind, beside)
    return what == _INTERPRETER


@lru_cache(maxsize=65536)
def belongs_to(module: str, function: str, file: str, kind: str, beside: frozenset[str]) -> str:
    """What a function is part of that is not the program; empty for own code."""
    name, function = module.rpartition("/")[2], without_type(function)
    for rule, in_module, in_function, in_file in _COMPILED:
        if (rule.beside and rule.beside not in beside) or (rule.kind and rule.kind != kind):
            continue
        if rule.module and not in_module.search(name):
            continue
        if rule.function and not in_function.match(function):
            continue
        if rule.file and not in_file.match(file):
            continue
        return rule.what
    return ""


@lru_cache(maxsize=65536)
def is_plumbing(function: str) -> bool:
    """Whether a function only passes a call on."""
    return _PLUMBING.match(without_type(function)) is not None


def shown(frames: Sequence[Frame]) -> list[Frame]:
    """The frames without plumbing; all of them where nothing else is left."""
    return [frame for frame in frames if not is_plumbing(frame.function)] or list(frames)
