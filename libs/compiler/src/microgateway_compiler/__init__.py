"""Manifests to engine configuration: documents, store, resolve, compile; pure functions."""
