"""The lab's handles over loopback HTTP: one token a right, one route a method."""
