"""The controllers: each a function over the cluster that brings status nearer to spec.

Invariant: a controller acts on marks (what changed) and is idempotent; it emits the Events that a
real cluster emits and moves no clock.
"""
