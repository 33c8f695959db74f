"""When what our connection to Redis relies on ends."""

from __future__ import annotations

from cryptography import x509


def authority_ends(pem: str) -> float:
    """Seconds since the epoch, of several certificates the first; 0 when there is none that can be read: who
    connects will say so."""
    try:
        certificates = x509.load_pem_x509_certificates(pem.encode())
    except ValueError:
        return 0.0
    return min(each.not_valid_after_utc.timestamp() for each in certificates)
