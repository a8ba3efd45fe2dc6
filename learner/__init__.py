"""How failure becomes skill: Evolver, rewards, rollouts, updates, evaluation, promotion."""
