"""Measures an agent on lab problems, beside constant answers: `aoi eval`.

    sets -> jobs -> [ processes: lab, player, oracle ] -> journal -> scores -> table, JSON, report

Invariant: every row meets the same problems with the same seeds through the same loop (that of
serving), and the rows of constants are always there, so that no share stands without its chance.
"""
