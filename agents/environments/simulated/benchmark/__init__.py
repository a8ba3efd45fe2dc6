"""AIOpsLab's problems on the lab: their faults, their ids and answers, and their agents' interface.

Invariant: nothing here is used to make training incidents; `generate` knows none of these families.
"""
