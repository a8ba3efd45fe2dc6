"""The Probe: runs typed reads with a handle that has no writing method."""
