"""TLS on either side: contexts made ready once per configuration, and who a client is.

context    SSLContext of a port from the configuration and its secrets
openssl    settings of OpenSSL that Python's ssl leaves out
identity   a client's certificate, and whether it is accepted
session    what requests of a connection know about its TLS
xfcc       the header X-Forwarded-Client-Cert

No I/O on the network here. OpenSSL verifies chains, revocation and depth in the handshake; names and
pins are checked right after it, before a byte of a request is read.
"""
