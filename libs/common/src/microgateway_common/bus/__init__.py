"""How configuration travels through Redis, and what comes back.

keys         names of keys and channels; a namespace's all start with `mgw:<namespace>:`
messages     Assignment and Acknowledgement, as JSON
connection   a client that reconnects with backoff and jitter
cancellation sessions that end when they are told to
sentinel     which Redis is the master now, where sentinels watch over several
publisher    the reconciler's side: fenced, atomic snapshot-and-publish
subscriber   the engine's side: subscribe, then read the snapshot; acknowledge
reader       the config-api's side: everything, read only
blocks       recent blocks: kept by the reconciler, read by the config-api

The snapshot and the published message are the same bytes. An engine that subscribes first and then
reads the snapshot loses no update; generations make duplicates and late arrivals harmless.
"""
