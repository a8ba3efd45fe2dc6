"""The two kinds of contract: facts that were, orders that shall be.

Invariant: every contract is frozen; a fact names its CloudEvents type, and no two share one.
`Fact.__init_subclass__` upholds the second half and keeps the table of types.
"""

from typing import ClassVar

from pydantic import BaseModel, ConfigDict

TYPE_PREFIX = "dev.aoi."
TYPE_SUFFIX = ".v1"


class Fact(BaseModel):
    """Something that happened, published on a topic; unknown fields are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    TYPE: ClassVar[str] = ""
    BY_TYPE: ClassVar[dict[str, type["Fact"]]] = {}

    def __init_subclass__(cls, **kwargs: object) -> None:
        """Register the CloudEvents type `dev.aoi.<ClassName>.v1` of a concrete fact."""
        super().__init_subclass__()
        cls.TYPE = f"{TYPE_PREFIX}{cls.__name__}{TYPE_SUFFIX}"
        if Fact.BY_TYPE.setdefault(cls.TYPE, cls).__qualname__ != cls.__qualname__:
            raise TypeError(f"two facts share the type {cls.TYPE}")


class Order(BaseModel):
    """Something that shall be done or was decided; unknown fields are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")
