"""HTTP/1.1 without I/O (RFC 9112): bytes in, events out.

heads       RequestHead and ResponseHead parsed strictly, and written
framing     where a message's body ends, by its head
bodies      readers that cut a body out of a byte stream
reader      MessageReader: feed bytes, pull Head, Data and End events
"""
