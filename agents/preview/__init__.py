"""The preview role: server-side dry runs with an identity that may do nothing else."""
