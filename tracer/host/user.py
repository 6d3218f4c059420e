"""The user who runs tracer: sudo's caller, capabilities, the right to load BPF programs."""

from __future__ import annotations

import os
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

from tracer.errors import TracerError
from tracer.host.files import fields_of

#: Numbers of capabilities (linux/capability.h).
CAPABILITIES = {"CAP_SYS_ADMIN": 21, "CAP_SYS_RESOURCE": 24, "CAP_PERFMON": 38, "CAP_BPF": 39}


@dataclass(frozen=True)
class Credentials:
    """The user a target runs as, from sudo's variables."""

    uid: int
    gid: int
    groups: tuple[int, ...]
    home: str
    name: str

    @classmethod
    def of_sudo(cls) -> Credentials | None:
        """The user who called sudo; None when root acts for itself."""
        import pwd

        if os.geteuid() != 0 or not os.environ.get("SUDO_UID", "").isdigit():
            return None
        uid = int(os.environ["SUDO_UID"])
        gid = int(os.environ.get("SUDO_GID", uid))
        if uid == 0:
            return None
        try:
            user = pwd.getpwuid(uid)
        except KeyError:
            return cls(uid, gid, (gid,), "/", str(uid))
        return cls(uid, gid, tuple(os.getgrouplist(user.pw_name, gid)), user.pw_dir, user.pw_name)


def target_uid() -> int:
    """The user that a workload runs as: under sudo its caller."""
    user = Credentials.of_sudo()
    return os.geteuid() if user is None else user.uid


def has_capability(name: str) -> bool:
    """True when this process has the capability, such as CAP_BPF, in effect."""
    effective = int(fields_of(Path("/proc/self/status")).get("CapEff", "0"), 16)
    return bool(effective >> CAPABILITIES[name] & 1)


def may_load() -> bool:
    """Whether this process is one that may load BPF programs, as far as its user tells."""
    return os.geteuid() == 0 or (has_capability("CAP_BPF") and has_capability("CAP_PERFMON"))


def require_rights() -> None:
    """TracerError when this process may not load BPF programs."""
    if not may_load():
        raise TracerError(
            "loading BPF programs needs root's rights (or CAP_BPF and CAP_PERFMON), and this is"
            " an ordinary user",
            "sudo " + shlex.join(sys.argv),
        )
