"""Keys: who signs, who checks, who can open secrets, and how engines get theirs.

signing    Ed25519 keys; Authority signs and seals (the reconciler), KeyRing checks and opens (engines)
sealing    secrets inside bundles: deterministic authenticated encryption
bootstrap  what an engine needs to begin: keys and access to Redis; a file in a Secret
"""
