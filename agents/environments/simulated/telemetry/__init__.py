"""What can be observed: events, container logs, metrics; all of it follows from state."""
