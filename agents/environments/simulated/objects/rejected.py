"""An object that the API server refuses, and how it shows the values that it refuses."""

from __future__ import annotations

from typing import Any

import orjson


class Rejected(ValueError):
    """The object breaks rules. `decoding` when it could not even be read.

    converting: what the server says of the same member in a strategic merge patch.
    """

    def __init__(self, *problems: str, decoding: bool = False, converting: str = "") -> None:
        several = len(problems) > 1
        super().__init__("".join(f"\n* {one}" for one in problems) if several else problems[0])
        self.decoding = decoding
        self.converting = converting or problems[0]


def compact(value: Any) -> str:  # noqa: ANN401 - JSON
    """Return a value as the API server shows it in a refusal."""
    return orjson.dumps(value).decode()
