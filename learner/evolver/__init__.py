"""The Evolver: a failed trajectory becomes guidance and curriculum, once the lab has proved it."""
