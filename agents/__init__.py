"""Who thinks and acts: contracts, pure reducers, policy, models and environments.

Invariant: nothing here knows Kafka, Ray or torch; import-linter upholds it.
"""
