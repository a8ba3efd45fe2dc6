"""The Observer's thinking: what it asks a model, and what it makes of the reply."""
