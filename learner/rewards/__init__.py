"""Rewards: pure functions of what was executed, each with a documented range."""
