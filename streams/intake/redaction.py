"""Alerts without secrets and personal data: the border of what people and monitors write.

Invariant: what is in the first topic of ours (`alerts.grouped`) has passed here, whichever face
took it. A fingerprint stays, since it is a digest; a group whose key held a secret keeps a digest
in its place, so that other groups are not mistaken for it.
"""

from collections.abc import Mapping
from hashlib import sha256

from agents.contracts.alert import AlertReceived
from agents.policy.redact import redact

_DIGEST_CHARS = 12
_PROBE = "x9-y8-z7"
_HIDDEN = "[redacted:value]"


def clean(alert: AlertReceived) -> AlertReceived:
    """Return the alert with its texts redacted; the same object where there was nothing to hide."""
    changed: dict[str, object] = {
        "labels": _texts(alert.labels),
        "annotations": _texts(alert.annotations),
        "group": _group(alert.group),
        "generator_url": redact(alert.generator_url).text if alert.generator_url else None,
    }
    if all(getattr(alert, name) == value for name, value in changed.items()):
        return alert
    return alert.model_copy(update=changed)


def _texts(texts: Mapping[str, str]) -> dict[str, str]:
    return {
        redact(name).text: _HIDDEN if value and _names_a_secret(name) else redact(value).text
        for name, value in texts.items()
    }


def _names_a_secret(name: str) -> bool:
    return redact(f"{name}={_PROBE}").count > 0


def _group(key: str) -> str:
    found = redact(key)
    if not found.count:
        return key
    return f"{found.text[:900]}#{sha256(key.encode()).hexdigest()[:_DIGEST_CHARS]}"
