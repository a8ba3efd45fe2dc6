"""Models behind one protocol: an endpoint, the local model, a script for tests."""
