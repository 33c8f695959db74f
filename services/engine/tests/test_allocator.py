"""A large block has pages of its own, also after a larger one was freed."""

from __future__ import annotations

import subprocess
import sys

# Whether a block lies in the heap is to be asked of a process that has allocated little else.
_PROGRAM = """
import ctypes, sys
from microgateway_engine import allocator

class Mallinfo2(ctypes.Structure):
    names = "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost"
    _fields_ = [(name, ctypes.c_size_t) for name in names.split()]

libc = ctypes.CDLL(None)
libc.mallinfo2.restype = Mallinfo2
libc.malloc.restype = ctypes.c_void_p
libc.free.argtypes = [ctypes.c_void_p]

if sys.argv[1] == "settled":
    allocator.settle()
libc.free(libc.malloc(ctypes.c_size_t(8 << 20)))
before = libc.mallinfo2().hblks
libc.malloc(ctypes.c_size_t(int(sys.argv[2])))
print(libc.mallinfo2().hblks - before)
"""


def mapped(how: str, size: int) -> int:
    """Blocks with pages of their own that come of one more block, when a larger one was freed before."""
    command = [sys.executable, "-c", _PROGRAM, how, str(size)]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def test_a_buffer_of_a_tls_connection_lies_outside_the_heap() -> None:
    assert mapped("as it comes", 256 * 1024) == 0
    assert mapped("settled", 256 * 1024) == 1


def test_what_is_read_at_once_lies_in_the_heap() -> None:
    assert mapped("settled", 256_000) == 0
