"""What is served.

runtime       Runtime: a GatewayConfig made ready, one frozen object that requests hold on to
client        who the client is: connection, header or X-Forwarded-For
store         ConfigStore: decides about what the bus offers, swaps the Runtime by assignment
disk          the last good bundle, for a start without Redis
bus           the way to Redis, whose keys and users may change
block_outbox  block events on their way there
"""
