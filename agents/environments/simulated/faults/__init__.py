"""Fault families: each edits state, names its ground truth and the facts that show it.

Invariant: an injection only writes through the store; nothing else in the lab knows families.
"""
