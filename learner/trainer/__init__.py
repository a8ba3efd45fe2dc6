"""Learner workers: one update on any number of ranks, exact, loud, and resumable."""
