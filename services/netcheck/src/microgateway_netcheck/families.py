"""The two address families, as far as the check needs them."""

from __future__ import annotations

import errno
import socket
import struct
from enum import Enum

#: linux/netfilter_ipv4.h and linux/netfilter_ipv6/ip6_tables.h; the number is the same for both.
_SO_ORIGINAL_DST = 80

_MISSING = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT})


class Family(Enum):
    IPV4 = "IPv4"
    IPV6 = "IPv6"

    @property
    def loopback(self) -> str:
        return "127.0.0.1" if self is Family.IPV4 else "::1"

    def open(self) -> socket.socket:
        """A TCP socket; OSError EAFNOSUPPORT where the kernel lacks the family."""
        return socket.socket(socket.AF_INET if self is Family.IPV4 else socket.AF_INET6, socket.SOCK_STREAM)

    def is_on_loopback(self) -> bool:
        """False where the kernel or the pod's loopback interface has no address of this family."""
        try:
            with self.open() as probe:
                probe.bind((self.loopback, 0))
        except OSError as error:
            if error.errno in _MISSING:
                return False
            raise
        return True

    def original_port(self, connection: socket.socket) -> int | None:
        """The port the peer connected to before the redirect; None when connection tracking knows of none."""
        level, size = (socket.SOL_IP, 16) if self is Family.IPV4 else (socket.IPPROTO_IPV6, 28)
        try:
            raw = connection.getsockopt(level, _SO_ORIGINAL_DST, size)
        except OSError:
            return None
        # struct sockaddr_in and sockaddr_in6 both begin with family and port.
        (port,) = struct.unpack_from("!H", raw, 2)
        return int(port)
