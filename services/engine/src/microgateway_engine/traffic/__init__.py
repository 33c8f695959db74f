"""The proxy.

doorway      a new connection: where it goes, which protocol serves it
downstream   the clients' connections: read requests, start a relay for each
multiplexed  what HTTP/2 connections of both sides have in common
relay        one exchange between a client stream and an application stream
sides        what a relay asks of both
exchange     one request and its response: message values in, actions out, no I/O
actions      what an exchange says is to be done
outcome      how it ended
replies      responses of the gateway itself: refused, failed, timed out
upstream     the applications' connections and their pool
destination  which application a connection is for: given, or the redirect's original destination
listener     a listening socket that turns nobody away when it closes
server       listens while there is a configuration, sweeps deadlines, drains
"""
