"""Injection as a pure function: no I/O, no clock, no API server.

    pod ─ strip ─► pod as its owner wrote it ─┬─ guards ─► Skipped | Refused
                                              └─ users, annotations, probes, containers ─► Injected ─ patch

names       labels, annotations, containers, volumes and ports, by the names users see
annotations what the pod's owner asks for
template    what is injected; operator_config reads it from the OperatorConfig
users       user IDs that nobody else in the pod has
containers  engine and network validator as Kubernetes containers
strip       takes an earlier injection out again, so that injecting twice is injecting once
inject      the recipe
patch       the difference as RFC 6902
workloads   pod templates inside Deployments, Jobs and the like, for offline use
"""
