"""What people look back at: histories of gateways, and the objects they were compiled from.

chronicle  which objects each configuration was compiled from, and who wrote them; no I/O
archiving  its way into Redis, after and beside the publication
"""
