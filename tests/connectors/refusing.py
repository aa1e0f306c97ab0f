"""Makes the kernel refuse this process's system calls from now on, for good: what a broken disk does.

A seccomp filter answers them with an error number, so the program meets what it would meet in earnest.
"""

from __future__ import annotations

import ctypes
import errno
import platform
import struct

_LOAD, _EQUAL, _GREATER, _ANSWER = 0x20, 0x15, 0x25, 0x06
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_NUMBER_AT, _FIRST_ARGUMENT_AT = 0, 16
_SET_NO_NEW_PRIVILEGES, _FILTER, _ALL_THREADS = 38, 1, 1
_NUMBERS = {
    "x86_64": {"write": 1, "pwrite64": 18, "fsync": 74, "fdatasync": 75, "seccomp": 317},
    "aarch64": {"write": 64, "pwrite64": 68, "fsync": 82, "fdatasync": 83, "seccomp": 277},
}


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def refuse_syncing() -> None:
    """Every fsync fails with an input/output error."""
    _install([*_refusing("fsync", errno.EIO), *_refusing("fdatasync", errno.EIO)])


def refuse_writing() -> None:
    """No file takes another byte: no space left on the device. Only stdout and stderr go on."""
    _install([*_refusing("pwrite64", errno.ENOSPC), *_refusing_files("write", errno.ENOSPC)])


def _refusing(name: str, number: int) -> list[bytes]:
    return [_step(_EQUAL, _number(name), 0, 1), _step(_ANSWER, _ERRNO | number)]


def _refusing_files(name: str, number: int) -> list[bytes]:
    return [
        _step(_EQUAL, _number(name), 0, 3),
        _step(_LOAD, _FIRST_ARGUMENT_AT),
        _step(_GREATER, 2, 0, 1),
        _step(_ANSWER, _ERRNO | number),
    ]


def _install(rules: list[bytes]) -> None:
    program = b"".join([_step(_LOAD, _NUMBER_AT), *rules, _step(_ANSWER, _ALLOW)])
    libc = ctypes.CDLL(None, use_errno=True)
    given = _Program(len(program) // 8, program)
    if libc.prctl(_SET_NO_NEW_PRIVILEGES, 1, 0, 0, 0) or libc.syscall(
        _number("seccomp"), _FILTER, _ALL_THREADS, ctypes.byref(given)
    ):
        raise OSError(ctypes.get_errno(), "the kernel takes no filter")


def _step(code: int, value: int, when_so: int = 0, otherwise: int = 0) -> bytes:
    return struct.pack("HBBI", code, when_so, otherwise, value)


def _number(name: str) -> int:
    return _NUMBERS[platform.machine()][name]
