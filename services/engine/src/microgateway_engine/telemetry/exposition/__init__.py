"""What an engine shows to Prometheus.

Names that existing dashboards use are kept, Envoy's among them. Labels are bounded: ports, statuses, kinds of
threat, rule keys, names of materials; never a path or a client.

page           all of it
process        the engine itself
configuration  what is served, how it came, and how long its certificates last
traffic        requests and connections, on both sides
findings       threats, and hits of rules and exceptions
tls            handshakes
"""
