"""The roles that think: Faust agents feed partition loops (`host.py`, `../transaction.py`)."""
