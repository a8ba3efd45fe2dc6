"""The supervised base: an expert solves lab incidents, a small model learns to do the same.

Read in this order: expert.py (who shows it), demonstrations.py (what is kept), tokenizer.py,
shards.py, train.py, evaluate.py, card.py, recipe.py (the order of it all).
"""
