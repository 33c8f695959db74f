"""The node agent `microgateway-cni-agent`: one on each node, a DaemonSet. Standard library only.

    API server ══ watch ══► node_pods ──► answers ◄── Unix socket ── the plugin
                               └────────► repair ──► rules in pods' namespaces, Events
    directories of the node ─ inotify ──► install  keeps the plugin and its configuration in place
                                          health   /healthz /readyz /metrics

node_pods   what the watch tells about this node's pods
watch       list and watch: bookmarks, relist, backoff
answers     the socket service
sandboxes   pod → its network namespace, by /proc
repair      pods whose redirect is missing or has changed: decided in one place, done by mode
events      Kubernetes Events, each once
taint       the taint that keeps pods off until the node is set up
metrics     counters and gauges as Prometheus text
health      the HTTP server for kubelet and Prometheus
install/    the installer
main        the recipe

A thread each for watch, answers, repair, install and health. They share NodePods and Metrics, which lock.
"""
