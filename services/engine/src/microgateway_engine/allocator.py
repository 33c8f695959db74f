"""What glibc's malloc is told of this process (mallopt(3)).

uvloop has a buffer of 256 KiB for each TLS connection, and most connections write to few of its pages. Such a
block gets pages of its own until the first larger one is freed: that raises the threshold, and from then on
the buffers lie in the heap, over pages that others have written to.
"""

from __future__ import annotations

import ctypes
from typing import Final

# malloc.h
_TRIM_THRESHOLD: Final = -1
_MMAP_THRESHOLD: Final = -3

#: Bytes from which a block gets pages of its own: such a buffer, not the 250 kB that uvloop reads at once.
LARGE: Final = 256 * 1024

#: Bytes at the end of the heap that are kept when they are free: the next reads need them again.
KEPT: Final = 4 * 1024 * 1024


def settle() -> None:
    """Fix both thresholds. Without effect where the C library has no mallopt."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP_THRESHOLD, LARGE)
        mallopt(_TRIM_THRESHOLD, KEPT)
