"""The data plane: a uvloop proxy that inspects every request."""
