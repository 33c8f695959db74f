"""Where objects come from.

directory    a folder of manifests, watched: local development
kubernetes   the API server, watched
reflector    one collection of the API server: list, watch, list again
"""
