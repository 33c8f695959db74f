"""The CNI plugin `microgateway-cni`, chained behind the primary. Standard library only.

    runtime ── environment, stdin ──► request ─► decide ─► apply ──► stdout: prevResult or an error
                                                  │ ▲
                                            ask ──┘ └── the agent's socket, else the API server

errors     what a CNI error object says, with the specification's codes and ours
request    environment and stdin → one of ADD, CHECK, DEL, VERSION, GC, STATUS
settings   our part of the network configuration
decide     pod → pass, refuse or redirect; pure
ask        who knows the pod: agent, then API server
rules      sets, compares and removes the rules in a namespace
journal    one ECS line a decision, to a file of the node and stderr
main       the recipe

The runtime starts a process for every pod of the node, so what a pod that is not ours needs loads fast: named
tuples instead of dataclasses (which load inspect), and imports inside functions where only others need them.
"""
