"""Requests as people have them at hand, read into what `explain` takes.

http_message   a request as it goes over the wire, from a file
curl           a command line of curl
log_line       a line of the engine's access log, as far as it carries the request
"""
