"""CNI plugin: redirects a pod's inbound TCP to the engine."""
