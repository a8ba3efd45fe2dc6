"""Approval: what is signed, with which key, for what purpose, and how it is verified again.

Reading order: `canonical`, `keyring`, `signing`, `verify`, `audit`; `vectors` for other languages.
"""
