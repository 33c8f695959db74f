"""Contracts shared by every service: resources, IR, wire format, bus, problems, logging."""
