"""Parsers: bytes of a request into names and values, as common servers read them.

form        query strings and `application/x-www-form-urlencoded` bodies
cookies     the Cookie header
path        segments of the path
json        JSON documents, flattened for scanning without recursion
multipart   `multipart/form-data` bodies, strictly
encoding    what a parser may take a body's bytes for: charset and content coding

A parser answers with what it read, or raises UnreadableError: what cannot be read cannot be inspected.
"""
