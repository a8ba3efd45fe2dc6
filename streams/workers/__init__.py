"""The roles that do: one task a record, a bound on them; see `host.py`."""
