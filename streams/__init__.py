"""How facts flow: the topics, their contract, and the Faust processors that join them.

Invariant: imports `agents` and nothing above; loads no torch, ray or vllm.
"""
