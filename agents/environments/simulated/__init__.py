"""The lab: a Kubernetes cluster in memory, with applications, traffic, telemetry and kubectl.

Invariant: nothing is scripted. A fault edits state; everything else follows from state, and the
oracle reads state. Read `lab.py` (the face) and `incidents.py` (where incidents come from) first.
"""
