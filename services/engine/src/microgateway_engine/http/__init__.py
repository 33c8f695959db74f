"""What HTTP/1.1 and HTTP/2 have in common, without I/O.

messages   heads, data and ends as values, whatever the version they came in
fields     which characters may stand where
errors     ProtocolError: what is wrong with a message and the status that says so
targets    request targets: the normal form of a path that everyone sees
"""
