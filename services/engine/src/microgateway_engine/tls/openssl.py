"""Settings of OpenSSL that Python's ssl leaves out: depth of chains, no look at them at all, no sessions.

They reach into an SSLContext, whose first field is its SSL_CTX (Modules/_ssl.c, PySSLContext), so they
are for CPython alone; `_handle` refuses what does not look like it.
"""

from __future__ import annotations

import _ssl
import ctypes
import ssl
import sys
from functools import cache
from typing import Final

_VERIFY_PEER: Final = 0x01
_VERIFY_FAIL_IF_NO_PEER_CERT: Final = 0x02

# SSL_CTX_set_session_cache_mode(3), a macro.
_SET_SESSION_CACHE_MODE: Final = 44
_SESSION_CACHE_OFF: Final = 0

_VerifyCallback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.c_void_p)


#: Kept as long as there are contexts: OpenSSL holds a pointer to it.
_accept = _VerifyCallback(lambda _verified_so_far, _store: 1)


def limit_depth(context: ssl.SSLContext, depth: int) -> None:
    """Most intermediate certificates between the peer's and an authority's (SSL_CTX_set_verify_depth(3)).

    Raises ValueError when this Python's OpenSSL cannot be reached.
    """
    _library().SSL_CTX_set_verify_depth(_handle(context), depth)


def never_resume(context: ssl.SSLContext) -> None:
    """Every connection of a client begins with a whole handshake. Raises ValueError as `limit_depth`."""
    context.num_tickets = 0
    context.options |= ssl.OP_NO_TICKET
    _library().SSL_CTX_ctrl(_handle(context), _SET_SESSION_CACHE_MODE, _SESSION_CACHE_OFF, None)


def require_any_certificate(context: ssl.SSLContext) -> None:
    """Clients must present a certificate and prove that its key is theirs; who issued it does not matter.
    For who then compares the certificate with those it knows. Raises ValueError as `limit_depth`."""
    context.verify_mode = ssl.CERT_REQUIRED
    _library().SSL_CTX_set_verify(_handle(context), _VERIFY_PEER | _VERIFY_FAIL_IF_NO_PEER_CERT, _accept)


@cache
def _library() -> ctypes.CDLL:
    """The OpenSSL that Python's ssl uses: found through the module that links it."""
    try:
        library = ctypes.CDLL(getattr(_ssl, "__file__", None))
        library.SSL_CTX_get_options.argtypes = [ctypes.c_void_p]
        library.SSL_CTX_get_options.restype = ctypes.c_uint64
        library.SSL_CTX_set_verify_depth.argtypes = [ctypes.c_void_p, ctypes.c_int]
        library.SSL_CTX_set_verify_depth.restype = None
        library.SSL_CTX_ctrl.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_long, ctypes.c_void_p]
        library.SSL_CTX_ctrl.restype = ctypes.c_long
        library.SSL_CTX_set_verify.argtypes = [ctypes.c_void_p, ctypes.c_int, _VerifyCallback]
        library.SSL_CTX_set_verify.restype = None
    except (OSError, AttributeError) as error:
        raise ValueError(f"expected access to Python's OpenSSL, got: {error}") from error
    return library


def _handle(context: ssl.SSLContext) -> ctypes.c_void_p:
    if sys.implementation.name != "cpython" or not getattr(sys, "_is_gil_enabled", lambda: True)():
        raise ValueError("expected CPython with its usual object layout, got another Python")
    handle = ctypes.c_void_p.from_address(id(context) + object.__basicsize__)
    options = _library().SSL_CTX_get_options(handle)
    if options & 0xFFFF_FFFF != context.options & 0xFFFF_FFFF:
        raise ValueError("expected the SSL_CTX of an SSLContext, got something else")
    return handle
