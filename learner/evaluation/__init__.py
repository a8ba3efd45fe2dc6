"""Whether a candidate is better than what serves: fresh incidents, in pairs, tested in sequence."""
