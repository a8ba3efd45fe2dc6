"""AOI on one machine: a real Kafka on loopback, its users, and where their files lie.

Not for production: one node, no replicas. `EmbeddedBroker` in `broker.py` is the way in.
"""
