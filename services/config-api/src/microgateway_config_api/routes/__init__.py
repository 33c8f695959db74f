"""The endpoints, one file a noun: read from the bus, view, answer."""
