"""Resolved resources → IR, one file a feature.

Part         a feature's IR and the problems found on the way
Parts        the parts of all resources, each compiled once however many gateways share it
Compiled     a gateway's configuration; Failed, when any of its problems is an error

No function here raises for a resource that parsed. Where a part is bad its IR is meaningless, and the
error among its problems keeps the configuration from being used.
"""
