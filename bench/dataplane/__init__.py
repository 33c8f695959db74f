"""The engine as a plain data plane: beside nginx and haproxy, with inspection off and on.

doors        what a peer listens for, and the peers
certificates what it shows over TLS
peers        nginx, haproxy and Microgateway before one application
h2load       one run of h2load
loads        the cases, and their samples in interleaved rounds
idle         memory of connections that do nothing
results      all of it, and what the budget table takes of it
tables       as Markdown
part         starts the peers, verifies and measures them
"""
