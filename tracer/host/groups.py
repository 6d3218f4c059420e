"""Control groups by what they were made for: a unit of systemd, a container. Reads only.

Container engines name a container's group by its id of 64 hexadecimal digits, and say in front of
it whose it is:

    docker      docker/ID, system.slice/docker-ID.scope
    podman      libpod_parent/libpod-ID, machine.slice/libpod-ID.scope, below user.slice too
    containerd  NAMESPACE/ID, of ctr; system.slice/nerdctl-ID.scope
    kubernetes  kubepods/burstable/podUID/ID, kubepods-podUID.slice/cri-containerd-ID.scope,
                crio-ID.scope; kubepods-podUID.slice:cri-containerd:ID where two settings disagree
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

from tracer.errors import TracerError
from tracer.host import cgroups
from tracer.host.cgroups import members
from tracer.host.files import lines_of

#: Where systemd tells that it runs (sd_booted(3)).
_BOOTED = Path("/run/systemd/system")
_UNIT = re.compile(r".+\.(service|scope|slice|socket|mount|swap)")
_CONTAINER = re.compile(r"(?:.*[-:])?(?P<id>[0-9a-f]{64})(?:\.scope)?")
#: What watches a container is in a group with the same id.
_WATCHER = re.compile(r"(.*-)?conmon-.*")
#: The hierarchies that are asked first: in the others a process may be in a group above.
_FIRST = ("systemd", "unified")
#: More groups of a hierarchy than these are not looked at.
_MOST = 100_000
_LEAST_ID = 2
_TREE = "/sys/fs/cgroup"


def of_unit(name: str) -> list[Path]:
    """Directories of the units of this name, several where more than one systemd runs one (of the
    system, of users). `nginx` is `nginx.service`.

    TracerError (exit status 2) when there is none.
    """
    unit = name if _UNIT.fullmatch(name) else f"{name}.service"
    found = _found(lambda path: unit if path.name == unit else None)
    if found:
        return list(found.values())
    if _BOOTED.is_dir():
        raise TracerError(
            f"no unit {unit} runs: the control groups have none of this name",
            f"systemctl status {unit} says more; systemctl list-units names those that run",
            exit_code=2,
        )
    raise TracerError(
        f"there is no unit {unit}: systemd does not run here",
        f"--cgroup PATH takes any directory below {_TREE}; /proc/PID/cgroup names that of a"
        " process",
        exit_code=2,
    )


def of_container(identity: str) -> dict[str, Path]:
    """Directories of the containers whose id begins with `identity`, by id; `docker://ID` as
    kubectl prints it is taken too.

    TracerError (exit status 2) when there is none.
    """
    wanted = identity.rpartition("://")[2]
    found: dict[str, Path] = {}
    if len(wanted) >= _LEAST_ID:
        every = _found(lambda path: _id_of(path, wanted))
        for (_at, number), directory in every.items():
            found.setdefault(number, directory)
    if not found:
        raise TracerError(
            f"no container has an id that begins with {wanted!r}: the control groups have none",
            "give its id, not its name, from docker ps, podman ps, crictl ps or kubectl describe"
            " pod; does it run on this host?",
            exit_code=2,
        )
    return {wanted: found[wanted]} if wanted in found else found


def populated() -> list[tuple[Path, Path, int]]:
    """The control groups that have processes of their own: directory, path in its hierarchy, and
    how many; of the groups of one path in several hierarchies the first."""
    found: dict[Path, tuple[Path, Path, int]] = {}
    for base in _hierarchies():
        for path in _below(base):
            number = len(lines_of(base / path / "cgroup.procs"))
            if number and path not in found:
                found[path] = base / path, path, number
    return [found[path] for path in sorted(found)]


def _id_of(path: Path, wanted: str) -> str | None:
    """The id of the container whose group it is, if that begins with `wanted`."""
    named = _CONTAINER.fullmatch(path.name)
    if named is not None and not _WATCHER.fullmatch(path.name):
        return named["id"] if named["id"].startswith(wanted) else None
    # ctr lets its user choose the id; its groups are NAMESPACE/ID
    is_ctrs = len(path.parts) == 2 and not _UNIT.fullmatch(path.parts[0])
    return wanted if is_ctrs and path.name == wanted else None


def _found(named: Callable[[Path], str | None]) -> dict[tuple[Path, str], Path]:
    """Directories of the groups that have a name, by their path in the hierarchy, and name.

    Of those of one path, in the hierarchies of version 1, the first with processes; of groups
    within each other that have the same name, the outermost.
    """
    found: dict[tuple[Path, str], Path] = {}
    for base in _hierarchies():
        for path in _below(base):
            name = named(path)
            if name is None:
                continue
            if any((above, name) in found for above in path.parents):
                continue
            known = found.get((path, name))
            if known is None or not (members(known) or not members(base / path)):
                found[path, name] = base / path
    return found


def _hierarchies() -> Iterator[Path]:
    """Of version 2 the root of the tree; of version 1 each, links to others left out."""
    root = cgroups._ROOT
    if (root / "cgroup.procs").is_file():
        yield root
        return
    if not root.is_dir():
        raise TracerError(
            f"there are no control groups: nothing is mounted at {_TREE}",
            "mount -t cgroup2 none /sys/fs/cgroup",
            exit_code=2,
        )
    every = [entry for entry in root.iterdir() if entry.is_dir() and not entry.is_symlink()]
    yield from sorted(every, key=lambda entry: (entry.name not in _FIRST, entry.name))


def _below(base: Path) -> Iterator[Path]:
    """The groups of a hierarchy, relative to its root, those above before those below."""
    for at, below, _files in islice(os.walk(base), _MOST):
        below.sort()
        if at != str(base):
            yield Path(at).relative_to(base)
