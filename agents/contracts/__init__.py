"""The frozen pydantic models that every other part speaks, in the order of the data.

Facts (past tense) ignore fields that they don't know, so that writers may add some within `v1`;
orders, actions and decisions forbid them. No model here has behaviour beyond derived values.
"""
