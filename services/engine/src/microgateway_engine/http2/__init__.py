"""HTTP/2 without I/O (RFC 9113): what the library h2 leaves to its user.

heads        field lists to messages and back, strictly
connection   h2's connection, where errors of one stream stay its own
outgoing     what waits on a stream until the peer's windows let it go
allowance    how often a peer may do what costs us and brings nothing
"""
