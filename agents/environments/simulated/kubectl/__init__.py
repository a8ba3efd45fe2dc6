"""kubectl over the lab's objects: one file a verb family, tables and errors in its own words.

Invariant: what is printed is rendered from state at that moment; no text belongs to a task.
"""
