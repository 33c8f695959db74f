"""The application's side: connections, and the streams of exchanges on them.

pool     connections of each application; places: what it knows of an address
opening  cleartext or TLS, and what ALPN chose
http1    a connection carries one exchange after the other: connection and stream are one
http2    a connection carries many exchanges at once, a stream each
"""
