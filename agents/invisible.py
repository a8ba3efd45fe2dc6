"""Characters that a screen shows nothing of; some of them have the categories of letters and marks.

Invariant: `INVISIBLE` is Unicode's `Default_Ignorable_Code_Point` (DerivedCoreProperties.txt,
Unicode 16.0), whole; Python's `unicodedata` does not tell it.
"""

import re

_RANGES = (
    "\u00ad\u034f\u061c\u115f-\u1160\u17b4-\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
INVISIBLE = re.compile(f"[{_RANGES}]")
