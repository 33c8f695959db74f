"""The firewall itself: a request in, a verdict with evidence out; no I/O."""
