"""What the expert knows of each family, a file a family; deleting one forgets that family.

Invariant: rules exist for split A only. A rule sees notes and returns a finding, a look that it
wants, or nothing; it never sees the lab.
"""
