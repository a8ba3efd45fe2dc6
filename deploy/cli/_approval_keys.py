"""The keys of `aoi approvals`: drawn, rotated, revoked, listed.

Invariant: a private key is written to one file of mode 0600 and nowhere else; the keyring is
written whole or not at all, and never loses an entry: a revoked key stays there, revoked.
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from agents.approval.keyring import KeyEntry, Keyring, Purpose, write_keyring
from agents.approval.signing import SigningKey
from deploy.cli._login import AsJsonLines, fail, places, shown
from streams.host import now

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
FORMATS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"]
SHORT = 8
KeyFile = Annotated[
    Path | None, typer.Option("--key", help="Private key file. Default: <state>/keys/<name>.key.")
]
Ring = Annotated[Path | None, typer.Option("--keyring", help="Default: <state>/keyring.json.")]
Moment = Annotated[datetime | None, typer.Option(formats=FORMATS, help="UTC.")]
Purposes = Annotated[
    list[Purpose] | None,
    typer.Option("--purpose", help="What it may sign; once for each. Default: approve."),
]


def keygen(  # noqa: PLR0913, PLR0917 - the options of a command
    name: Annotated[str, typer.Argument(help="As whom the key signs.")],
    purposes: Purposes = None,
    key: KeyFile = None,
    keyring: Ring = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Revoke the name's present keys.")
    ] = False,
    rotate: Annotated[
        bool, typer.Option("--rotate", help="Keep the name's present key for --overlap hours.")
    ] = False,
    overlap: Annotated[float, typer.Option(min=0, help="Hours; see --rotate.")] = 24.0,
    not_before: Moment = None,
    expires: Moment = None,
) -> None:
    """Draw a key: the private part to a file of mode 0600, the public part to the keyring."""
    if NAME.fullmatch(name) is None:
        fail(f"expected a name of up to 64 letters, digits and ._@- (first no sign), got {name!r}")
    if replace and rotate:
        fail("expected --replace (the old key ends now) or --rotate (it ends later), got both")
    target, ring, moment = key or places().keys / f"{name}.key", _ring(keyring), now()
    begins, ends = _utc(not_before), _utc(expires)
    if ends is not None and ends <= max(moment, begins or moment):
        fail(
            f"expected --expires after {'--not-before' if begins and begins > moment else 'now'}, "
            f"got {ends:%Y-%m-%d %H:%M:%S %Z}: the key could never sign"
        )
    with shown():
        known = Keyring.load(ring).keys if ring.exists() else ()
        valid = [one for one in known if one.name == name and not one.revoked]
        if (valid or target.exists()) and not (replace or rotate):
            fail(
                f"{name} has a key already (see {ring} and {target}): --rotate keeps it for a "
                "while, --replace revokes it"
            )
        overlapped = moment + timedelta(hours=overlap)
        kept = tuple(
            one if one not in valid else _revoked(one) if replace else _ended(one, overlapped)
            for one in known
        )
        drawn = SigningKey.generate()
        entry = drawn.entry(name, *(purposes or [Purpose.APPROVE])).model_copy(
            update={"not_before": begins, "not_after": ends}
        )
        aside = _set_aside(target) if rotate and target.exists() else None
        drawn.save(target)
        write_keyring(ring, (*kept, entry))
    typer.echo(f"private key {target}")
    typer.echo(f"public key  {drawn.public_key} in {ring}")
    if rotate and valid:
        typer.echo(f"the old key signs until {overlapped:%Y-%m-%d %H:%M:%S %Z}")
    if aside is not None:
        typer.echo(f"old private key renamed to {aside}")


def revoke(
    name: Annotated[str, typer.Argument(help="Whose keys.")],
    public_key: Annotated[
        str, typer.Option(help="Only the key that begins so. Default: all of the name.")
    ] = "",
    keyring: Ring = None,
) -> None:
    """Revoke keys: from now on nothing that they signed counts. Roles read the keyring anew."""
    ring = _ring(keyring)
    with shown():
        known = _trusted(ring)
        meant = [
            one
            for one in known
            if one.name == name and not one.revoked and one.public_key.startswith(public_key)
        ]
        if not meant:
            fail(f"expected a valid key of {name} in {ring}; see `aoi approvals keys`")
        write_keyring(ring, tuple(_revoked(one) if one in meant else one for one in known))
    for one in meant:
        typer.echo(f"revoked {one.public_key} of {name}")
        if Purpose.CONTROL in one.purposes:
            typer.echo("resumes that it signed count no more: see `aoi executor status`")


def list_keys(as_json: AsJsonLines = False, keyring: Ring = None) -> None:
    """List the keyring: who may sign what, from when, until when."""
    with shown():
        known = _trusted(_ring(keyring))
    if as_json:
        for one in known:
            typer.echo(one.model_dump_json())
        return
    Console().print(_table(known, now()))


def _table(known: Iterable[KeyEntry], moment: datetime) -> Table:
    rows = Table("name", "public key", "purposes", "from", "until", "state")
    for one in known:
        valid = any(one.serves(purpose, moment) for purpose in one.purposes)
        state = "revoked" if one.revoked else "valid" if valid else "out of its time"
        times = (
            "" if at is None else f"{at:%Y-%m-%d %H:%M}" for at in (one.not_before, one.not_after)
        )
        may = ", ".join(sorted(one.purposes))
        rows.add_row(one.name, one.public_key[:SHORT], may, *times, state)
    return rows


def _trusted(ring: Path) -> tuple[KeyEntry, ...]:
    if not ring.exists():
        fail(f"no keyring at {ring}: `aoi approvals keygen NAME` begins one, --keyring names one")
    return Keyring.load(ring).keys


def _ring(said: Path | None) -> Path:
    return said or places().keyring


def _utc(moment: datetime | None) -> datetime | None:
    return None if moment is None else moment.replace(tzinfo=UTC)


def _revoked(entry: KeyEntry) -> KeyEntry:
    return entry.model_copy(update={"revoked": True})


def _ended(entry: KeyEntry, at: datetime) -> KeyEntry:
    """Return the entry with an end, the sooner of its own and this one."""
    end = at if entry.not_after is None else min(at, entry.not_after)
    return entry.model_copy(update={"not_after": end})


def _set_aside(path: Path) -> Path:
    """Keep the old private key beside the new one, named by its public part."""
    old = "".join(one for one in SigningKey.load(path).public_key if one.isalnum())[:SHORT]
    return path.rename(path.with_name(f"{path.stem}-{old}{path.suffix}"))
