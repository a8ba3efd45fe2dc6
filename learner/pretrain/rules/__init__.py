"""What the expert knows of each family, a file a family; deleting one forgets that family.

Invariant: the rules here are split A's; those of other families live in `withheld/`, which no
demonstration loads. A rule sees notes and returns a finding, a look that it wants, or nothing; it
never sees the lab.
"""
