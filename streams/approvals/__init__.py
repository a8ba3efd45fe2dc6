"""Approvals for outsiders: an ordinary client of the public topics, with a key of its own.

Nothing here has more rights than the Kafka user `approver` and the key that it is given; any other
language can do the same from the schemas and the test vectors.
"""
