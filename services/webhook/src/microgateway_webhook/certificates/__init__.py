"""The webhook's certificates: who the API server trusts, and what the server shows.

    keeper ── reads, advances, writes ──► Secret          one loop in each replica
       ├── what is shown ──► tls                          new connections only
       └── who is trusted ──► caBundle of the webhook configurations

authority   X.509: make a CA, issue a serving certificate, read dates
life        the states between two CAs, and when one follows another; pure
storage     a state as the data of a Secret
tls         a TLS context whose certificate can be exchanged while it serves
keeper      the loop
directory   certificates of somebody else (cert-manager), read from mounted files
ending      Events about certificates that nobody renewed
"""
