"""As much of a Kubernetes client as a node needs: standard library, one connection a call.

access  where the API server is and how to be known there; kubeconfig files as JSON
client  calls and watches
"""
