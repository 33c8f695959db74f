"""The node's side: a pod's inbound TCP goes to the engine, provably. Standard library only.

    runtime ─► plugin ── asks ──► agent ══ watches ══ API server
                 │                  │
                 └──► redirect ◄────┘ repairs

ports        port numbers as text, and what is wrong with them
annotations  a pod's annotations → the ports its owner keeps out of the redirect
redirect     settings → one nftables transaction, as text; pure
netns        which network namespace: our own, or one by its path
programs     nft and its like: of the bundle, else on PATH
apply        hands a transaction to nft in a namespace
observe      which rules are in force, against which should be
pods         a pod, as far as the redirect depends on it
main         the command `microgateway-redirect`: the redirect without Kubernetes
kube/        a small client of the API server
plugin/      the command `microgateway-cni`, which the container runtime calls for each pod
agent/       the command `microgateway-cni-agent`: installs the plugin, answers it, repairs pods
"""
