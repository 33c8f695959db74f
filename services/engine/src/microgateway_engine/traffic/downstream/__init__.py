"""The client's side: connections that read requests and start a relay for each.

choice        which protocol serves a connection
http1         one request after the other; the connection is the stream of each
http2         many requests at once, a stream each
surroundings  what connections ask of the server, and it of them
"""
