"""What a mitigation must leave as it was: the state before the fault against the state at the end.

Invariant: whatever a repair may change is listed here; every other difference counts.
"""
