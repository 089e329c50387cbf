"""What the kernel itself refuses to a process that runs somebody's file: Landlock, without a library.

From Linux 6.7 (ABI 4) a process can give up TCP for good, but for some ports; from 6.12 (ABI 6) also signals
to processes it has not started. Native code is held to it as well. The numbers are those of linux/landlock.h;
the calls have the same ones on every architecture.
"""

from __future__ import annotations

import ctypes
import logging
import os
import struct
from collections.abc import Iterable
from functools import cache
from typing import Final

logger = logging.getLogger(__name__)

_CREATE_RULESET: Final = 444
_ADD_RULE: Final = 445
_RESTRICT_SELF: Final = 446
_CREATE_RULESET_VERSION: Final = 1
_RULE_NET_PORT: Final = 2
_BIND_TCP: Final = 1 << 0
_CONNECT_TCP: Final = 1 << 1
_SCOPE_SIGNAL: Final = 1 << 1
_ABI_NET: Final = 4
_ABI_SCOPE: Final = 6
_libc = ctypes.CDLL(None, use_errno=True)


@cache
def abi() -> int:
    """The version of Landlock this kernel has; 0: none, or not allowed here."""
    return max(
        0, _libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(_CREATE_RULESET_VERSION))
    )


def forbid_tcp(but: Iterable[int]) -> bool:
    """Give up opening TCP connections, but to these ports, and listening, for this process and all it starts.

    There is no way back. It holds for this thread and what it starts, and needs `PR_SET_NO_NEW_PRIVS`.
    Returns whether the kernel does it; where it does not, nothing has changed.
    """
    if abi() < _ABI_NET:
        return False
    scopes = (_SCOPE_SIGNAL,) if abi() >= _ABI_SCOPE else ()
    attributes = struct.pack(f"={2 + len(scopes)}Q", 0, _BIND_TCP | _CONNECT_TCP, *scopes)
    ruleset = _libc.syscall(_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), ctypes.c_uint32(0))
    if ruleset < 0:
        return _refused("ruleset")
    try:
        for port in but:
            rule = struct.pack("=QQ", _CONNECT_TCP, port)
            if _libc.syscall(_ADD_RULE, ruleset, _RULE_NET_PORT, rule, ctypes.c_uint32(0)):
                return _refused("rule")
        if _libc.syscall(_RESTRICT_SELF, ruleset, ctypes.c_uint32(0)):
            return _refused("restriction")
    finally:
        os.close(ruleset)
    return True


def _refused(what: str) -> bool:
    logger.warning("the kernel refused a Landlock %s: %s", what, os.strerror(ctypes.get_errno()))
    return False
