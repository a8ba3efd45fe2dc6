"""Kubernetes objects as plain JSON dicts, in one store with versions and change marks."""
