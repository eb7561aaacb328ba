"""The child of probes.sandbox: takes {"code", "test", "token"} on its input, locks itself down, runs both, prints the token.

Not imported by the probe. Before the first line of foreign code: no privileges to gain, limits on memory, CPU and files, and a
seccomp filter after which no file can be opened, no socket made, no process started and none signalled. What an answer needs of
the standard library is loaded before that. Exit status 77: this machine cannot lock it down, so nothing was run.
"""

import bisect  # noqa: F401  loaded here, as an answer may import it and can open no file
import collections
import ctypes
import dataclasses  # noqa: F401
import datetime  # noqa: F401
import decimal  # noqa: F401
import fractions  # noqa: F401
import functools  # noqa: F401
import heapq  # noqa: F401
import itertools  # noqa: F401
import json
import math  # noqa: F401
import os
import platform
import random  # noqa: F401
import re  # noqa: F401
import resource
import statistics  # noqa: F401
import string  # noqa: F401
import struct
import sys
import typing  # noqa: F401

CANNOT = 77
MEMORY_BYTES, CPU_SECONDS = 256 * 1024 * 1024, 2
NOBODY = 65_534
#: https://www.kernel.org/doc/html/latest/userspace-api/seccomp_filter.html: the machine's audit number, and the calls a running
#: interpreter needs: read, write, close, fstat, lseek, memory, signals' returns, futex, clocks, getrandom, getpid, exit.
MACHINES = {
    "x86_64": (0xC000003E, (
        0, 1, 3, 5, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 28, 35, 39, 60, 96, 131, 186, 202, 219, 228, 229, 230, 231, 318,
    )),
    "aarch64": (0xC00000B7, (
        57, 62, 63, 64, 80, 93, 94, 98, 101, 113, 114, 115, 124, 128, 132, 134, 135, 139, 169, 172, 178, 214, 215, 216,
        222, 226, 233, 278,
    )),
}  # fmt: skip
_LOAD, _EQUAL, _RETURN = 0x20, 0x15, 0x06
_ALLOW, _REFUSE, _KILL = 0x7FFF0000, 0x00050001, 0x80000000  # refused calls fail with EPERM
_NO_NEW_PRIVILEGES, _SET_SECCOMP, _FILTER = 38, 22, 2


def lock_down() -> None:
    """Raises OSError where it cannot."""
    known = MACHINES.get(platform.machine())
    if known is None or sys.platform != "linux":
        raise OSError(f"no filter for {sys.platform} on {platform.machine()}")
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    for nothing in (resource.RLIMIT_FSIZE, resource.RLIMIT_CORE):
        resource.setrlimit(nothing, (0, 0))
    if os.getuid() == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    audit, allowed = known
    code = [(_LOAD, 0, 0, 4), (_EQUAL, 1, 0, audit), (_RETURN, 0, 0, _KILL), (_LOAD, 0, 0, 0)]
    code += [(_EQUAL, len(allowed) - at, 0, number) for at, number in enumerate(allowed)]
    code += [(_RETURN, 0, 0, _REFUSE), (_RETURN, 0, 0, _ALLOW)]
    program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *one) for one in code))
    header = struct.pack("HxxxxxxP", len(code), ctypes.addressof(program))
    libc = ctypes.CDLL(None, use_errno=True)
    for arguments in (
        (_NO_NEW_PRIVILEGES, 1, 0, 0, 0),
        (_SET_SECCOMP, _FILTER, ctypes.create_string_buffer(header), 0, 0),
    ):
        if libc.prctl(*arguments) != 0:
            raise OSError(ctypes.get_errno(), "prctl")


def main() -> None:
    asked = json.load(sys.stdin)
    collections.namedtuple("warm", "one")
    try:
        lock_down()
    except OSError:
        os._exit(CANNOT)
    names: dict[str, object] = {"__name__": "answer"}
    exec(compile(asked["code"], "answer", "exec"), names)  # noqa: S102  what this file is for
    exec(compile(asked["test"], "test", "exec"), names)  # noqa: S102
    os.write(1, asked["token"].encode())
    os._exit(0)


if __name__ == "__main__":
    main()
