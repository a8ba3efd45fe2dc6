"""The demo: the whole pipeline on one machine, followed from its public topics alone."""
