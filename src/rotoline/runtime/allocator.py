"""Keep freed memory instead of returning it to the operating system at every layer.

The C library of most Linux systems (glibc) returns each block above 32 MB at once and maps it anew
for the next layer, which zeroes it page by page. A pass of the network then spends much of its time
in the kernel: a fifth of it on two cores, by `python benchmarks/allocator.py`.
"""

import ctypes
import platform

_M_TRIM_THRESHOLD = -1
_M_MMAP_MAX = -4
_NEVER = 2**31 - 1


def keep_freed_memory() -> bool:
    """Ask glibc to reuse large blocks, for the whole process; do nothing with other C libraries.

    Returns:
        Whether the setting was accepted.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    library = ctypes.CDLL(None)
    return bool(library.mallopt(_M_MMAP_MAX, 0) and library.mallopt(_M_TRIM_THRESHOLD, _NEVER))
