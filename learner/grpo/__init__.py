"""Group-relative policy optimisation as pure torch: advantages, loss, batch."""
