"""Rules for a review that somebody asked for: no alert fires, real programs, real kubectl texts.

Invariant: every rule reads one ledger (`ledger.py`), is asked in the order of its rank, and takes
names from what was shown alone: none is written here.
"""
