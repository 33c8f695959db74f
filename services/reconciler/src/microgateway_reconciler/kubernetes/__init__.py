"""The reconciler's side of the Kubernetes API server, beyond watching (`sources.kubernetes`).

connection   how to reach the API server: in the cluster, or by a kubeconfig
api          requests and watches in plain dictionaries
lease        leader election: one of several reconcilers publishes
conditions   what `status` every object should have. No I/O
book         which of our objects there are, with the status the API server holds. No I/O
events       what a person must act on, as Kubernetes Events. No I/O
reporting    statuses and Events into the API server, only those that changed
"""

from __future__ import annotations
