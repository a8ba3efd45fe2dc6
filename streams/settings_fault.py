"""Invalid settings in one line a variable: which one, what is expected, what stands there.

Invariant: a secret's value is never told, nor is anything that a whole settings object holds.
"""

import json
import os
from collections.abc import Iterator

from pydantic import SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, SettingsError

SettingsFault = ValidationError | SettingsError
PREFIX = "AOI_"
SHOWN_CHARS = 80


def told(error: SettingsFault) -> str:
    """Return the faults of a settings class that is loaded; of another model its plain faults."""
    if isinstance(error, SettingsError):
        return "; ".join(_unparsed()) or str(error)
    kind = next((one for one in _kinds(BaseSettings) if one.__name__ == error.title), None)
    return "; ".join(
        f"{_place(kind, error.title, fault['loc'])}: {_plain(fault['msg'])}"
        + _got(kind, fault["loc"], fault["input"], fault["type"])
        for fault in error.errors(include_url=False)
    )


def _kinds(root: type[BaseSettings]) -> Iterator[type[BaseSettings]]:
    for one in root.__subclasses__():
        yield one
        yield from _kinds(one)


def _unparsed() -> Iterator[str]:
    """Yield the variables of loaded classes that should hold JSON and do not."""
    for kind in _kinds(BaseSettings):
        prefix = kind.model_config.get("env_prefix") or ""
        if not prefix.startswith(PREFIX):
            continue
        for name, field in kind.model_fields.items():
            variable = f"{prefix}{name}".upper()
            value = os.environ.get(variable)
            if value is None or _is_scalar(field) or _is_json(value):
                continue
            got = "something else" if _is_secret(field) else repr(value[:SHOWN_CHARS])
            yield f'{variable}: expected a JSON list such as ["shop-*"], got {got}'


def _is_scalar(field: FieldInfo) -> bool:
    return not any(word in str(field.annotation) for word in ("tuple[", "list[", "dict[", "set["))


def _is_secret(field: FieldInfo) -> bool:
    return SecretStr.__name__ in str(field.annotation)


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _place(kind: type[BaseSettings] | None, title: str, loc: tuple[int | str, ...]) -> str:
    """Return the variable's name, with the place in its value where there is one."""
    if kind is None:
        return ".".join([title, *map(str, loc)])
    prefix = (kind.model_config.get("env_prefix") or "").upper()
    if not loc:
        return f"{prefix}..."
    name, *deeper = map(str, loc)
    variable = f"{prefix}{name}".upper() if name in kind.model_fields else name.upper()
    return variable + "".join(f"[{one}]" for one in deeper)


def _plain(message: str) -> str:
    return message.removeprefix("Value error, ").replace("\n", " ")


def _got(
    kind: type[BaseSettings] | None, loc: tuple[int | str, ...], value: object, fault: str
) -> str:
    field = None if kind is None or not loc else kind.model_fields.get(str(loc[0]))
    if field is None or _is_secret(field) or fault == "missing":
        return ""
    return f", got {repr(value)[:SHOWN_CHARS]}"
