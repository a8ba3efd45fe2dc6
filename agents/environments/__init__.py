"""Where commands run: the lab in memory, a real cluster, a benchmark's."""
