"""The rule development kit: what rules are measured with. No I/O, and nothing the engine loads.

placing    a value becomes a request: in one of seven places, encoded as attackers do
corpus     attacks and ordinary requests from TOML files
"""
