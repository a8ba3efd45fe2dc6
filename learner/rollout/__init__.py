"""Rollouts: a model solves lab incidents, and each decision is kept as it was sampled."""
