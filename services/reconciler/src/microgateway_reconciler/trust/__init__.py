"""Keys of an installation: who makes, keeps, rotates and hands them out.

life       one key and the next: introduced before it is used, accepted for a while after. No I/O
expiry     when a certificate of Redis ends. No I/O
state      all keys: for signing, and for each namespace; what engines get of them. No I/O
storage    where they are kept, and where engines find theirs: a folder; secret_storage: Secrets
users      who may do what in Redis: its ACL
bundled    certificate and passwords of the Redis that is installed with us. No I/O
keeper     brings these together; Unsigned stands in its place where nothing is signed
"""
