"""Takes from this process what a parser of one file does not need, before the first byte of the file is parsed.

On Linux on x86-64 and arm64 the kernel then refuses every system call that is not on a short list: no file, socket,
process or program can be opened or started, and no other process be looked into. Elsewhere only the limits apply.
"""

import ctypes
import errno
import os
import platform
import resource
import struct
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from enum import StrEnum
from typing import Final

MOST_MEMORY: Final = 768 * 2**20
MOST_OPEN_FILES: Final = 64


class Confinement(StrEnum):
    """What the process that reads a file is kept from."""

    CONFINED = "confined"
    """It has no files, network or other processes, and limits of time and memory."""
    LIMITS_ONLY = "limits_only"
    """It has limits of time and memory, and an empty environment; this system cannot refuse it more."""


# What a Python process uses that computes and writes to what is open already: numbers on x86-64 and on arm64, where the
# call exists there (`arch/x86/entry/syscalls/syscall_64.tbl` and `include/uapi/asm-generic/unistd.h` in Linux).
_ALLOWED: Final[Mapping[str, tuple[int, int | None]]] = {
    "read": (0, 63),
    "write": (1, 64),
    "close": (3, 57),
    "fstat": (5, 80),
    "lseek": (8, 62),
    "mmap": (9, 222),
    "mprotect": (10, 226),
    "munmap": (11, 215),
    "brk": (12, 214),
    "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135),
    "rt_sigreturn": (15, 139),
    "pread64": (17, 67),
    "readv": (19, 65),
    "writev": (20, 66),
    "sched_yield": (24, 124),
    "mremap": (25, 216),
    "madvise": (28, 233),
    "nanosleep": (35, 101),
    "getpid": (39, 172),
    "exit": (60, 93),
    "gettimeofday": (96, 169),
    "sigaltstack": (131, 132),
    "gettid": (186, 178),
    "time": (201, None),
    "futex": (202, 98),
    "restart_syscall": (219, 128),
    "clock_gettime": (228, 113),
    "clock_nanosleep": (230, 115),
    "exit_group": (231, 94),
    "getrandom": (318, 278),
}
# What the program that recognises text, a separate one that loads its libraries and language data, has no use for.
_REFUSED: Final[Mapping[str, tuple[int, int | None]]] = {
    "socket": (41, 198),
    "socketpair": (53, 199),
    "connect": (42, 203),
    "bind": (49, 200),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "pidfd_getfd": (438, 438),
    "io_uring_setup": (425, 425),
    "kill": (62, 129),
    "tkill": (200, 130),
    "tgkill": (234, 131),
    "rt_sigqueueinfo": (129, 138),
    "pidfd_send_signal": (424, 424),
    "mount": (165, 40),
    "unshare": (272, 97),
    "setns": (308, 268),
    "bpf": (321, 280),
    "add_key": (248, 217),
    "keyctl": (250, 219),
}
_ARCHITECTURES: Final = {"x86_64": (0, 0xC000003E, 317), "aarch64": (1, 0xC00000B7, 277)}
"""Of each machine: its column above, its number in a filter (`AUDIT_ARCH_…`), and its number of `seccomp`."""
_X32: Final = 0x4000_0000  # calls of another ABI of x86-64, with numbers of its own

_SET_NO_NEW_PRIVILEGES: Final = 38
_SET_SECCOMP: Final = 22
_MODE_FILTER: Final = 2
_ACTION_AVAILABLE: Final = 2
_ALLOW: Final = 0x7FFF_0000
_KILL_PROCESS: Final = 0x8000_0000
_REFUSE: Final = 0x0005_0000 | errno.EPERM
_LOAD: Final = 0x20
_JUMP_IF_EQUAL: Final = 0x15
_JUMP_IF_AT_LEAST: Final = 0x35
_RETURN: Final = 0x06
_NUMBER_AT: Final = 0
_ARCHITECTURE_AT: Final = 4


def available() -> Confinement:
    """What this system can refuse to the process. Changes nothing."""
    if sys.platform != "linux" or platform.machine() not in _ARCHITECTURES or sys.maxsize < 2**32:
        return Confinement.LIMITS_ONLY
    action = ctypes.c_uint32(_REFUSE & 0xFFFF_0000)
    _, _, number = _ARCHITECTURES[platform.machine()]
    asked = _libc().syscall(
        ctypes.c_long(number), ctypes.c_ulong(_ACTION_AVAILABLE), ctypes.c_ulong(0), ctypes.byref(action)
    )
    return Confinement.CONFINED if asked == 0 else Confinement.LIMITS_ONLY


def limit(seconds: int, *, starts_program: bool = False) -> None:
    """Limit processor time, memory and open files; no file can be written, no process started unless it is to.

    A limit that this system does not know is left out, except on Linux, which knows all of them.
    """
    limits = {
        "RLIMIT_AS": MOST_MEMORY,
        "RLIMIT_CPU": seconds,
        "RLIMIT_FSIZE": 0,
        "RLIMIT_CORE": 0,
        "RLIMIT_NOFILE": MOST_OPEN_FILES,
        **({} if starts_program else {"RLIMIT_NPROC": 0}),
    }
    for name, most in limits.items():
        with suppress(*(() if sys.platform == "linux" else (AttributeError, OSError, ValueError))):
            resource.setrlimit(getattr(resource, name), (most, most))


def confine() -> None:
    """Refuse this process everything but to compute, and to read and write what it has open. There is no way back.

    Whatever it needs must be imported before. Raises OSError where `available` says that it can be done and it cannot.
    """
    if available() is Confinement.CONFINED:
        _filter(_allowing(_numbers(_ALLOWED)))


def confine_program() -> None:
    """Refuse this process, and the programs that it starts, network and the inside of other processes.

    Files stay open to it as far as its account may read them. Raises OSError as `confine` does.
    """
    if available() is Confinement.CONFINED:
        _filter(_refusing(_numbers(_REFUSED)))


def _numbers(calls: Mapping[str, tuple[int, int | None]]) -> list[int]:
    column, _, _ = _ARCHITECTURES[platform.machine()]
    return [number for each in calls.values() if (number := each[column]) is not None]


def _allowing(numbers: Iterable[int]) -> list[bytes]:
    return [*_head(), *_answering(numbers, _ALLOW), _step(_RETURN, _REFUSE)]


def _refusing(numbers: Iterable[int]) -> list[bytes]:
    other_abi = [_step(_JUMP_IF_AT_LEAST, _X32, otherwise=1), _step(_RETURN, _REFUSE)]
    return [*_head(), *other_abi, *_answering(numbers, _REFUSE), _step(_RETURN, _ALLOW)]


def _head() -> list[bytes]:
    """Kill a process that calls as for another kind of machine; then load the number of the call."""
    _, architecture, _ = _ARCHITECTURES[platform.machine()]
    return [
        _step(_LOAD, _ARCHITECTURE_AT),
        _step(_JUMP_IF_EQUAL, architecture, equal=1),
        _step(_RETURN, _KILL_PROCESS),
        _step(_LOAD, _NUMBER_AT),
    ]


def _answering(numbers: Iterable[int], action: int) -> list[bytes]:
    return [step for number in numbers for step in (_step(_JUMP_IF_EQUAL, number, otherwise=1), _step(_RETURN, action))]


def _step(code: int, value: int, *, equal: int = 0, otherwise: int = 0) -> bytes:
    """One instruction of a filter (`struct sock_filter`)."""
    return struct.pack("=HBBI", code, equal, otherwise, value)


class _Program(ctypes.Structure):
    """`struct sock_fprog`."""

    _fields_ = (("length", ctypes.c_ushort), ("steps", ctypes.c_char_p))


def _filter(steps: list[bytes]) -> None:
    program = _Program(len(steps), b"".join(steps))
    _control(_SET_NO_NEW_PRIVILEGES, ctypes.c_ulong(1), ctypes.c_ulong(0))
    _control(_SET_SECCOMP, ctypes.c_ulong(_MODE_FILTER), ctypes.byref(program))


def _control(option: int, first: object, second: object) -> None:
    if _libc().prctl(ctypes.c_int(option), first, second, ctypes.c_ulong(0), ctypes.c_ulong(0)) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
