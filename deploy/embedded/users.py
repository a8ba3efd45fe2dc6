"""The broker's users: one a role and one a kind of outsider, each with a file of its own.

Invariant: after `settle` every user of the registry can log in with what its file says. The
broker's word counts: a user that it lacks is created, whatever files exist.
"""

from collections.abc import Iterable
from pathlib import Path

from confluent_kafka.admin import (
    AdminClient,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialAlteration,
    UserScramCredentialUpsertion,
)

from deploy.embedded import credentials
from deploy.embedded.credentials import ADMIN
from streams.topic import ALL_USERS

ITERATIONS = 4096
TIMEOUT_S = 20

DEFAULT_USERS: tuple[str, ...] = tuple(str(user) for user in ALL_USERS)


def settle(admin: AdminClient, folder: Path, bootstrap: str, users: Iterable[str]) -> None:
    """Write every user's file for this address and create the users that are missing."""
    known = set(_described(admin))
    wanted: list[UserScramCredentialAlteration] = []
    for user in users:
        if user == ADMIN:
            continue
        had_file = credentials.path_of(folder, user).exists()
        credential = credentials.settle(folder, user, bootstrap)
        if user not in known or not had_file:
            wanted.append(_upsertion(credential))
    if wanted:
        for future in admin.alter_user_scram_credentials(
            wanted, request_timeout=TIMEOUT_S
        ).values():
            future.result()


def _described(admin: AdminClient) -> list[str]:
    answer = admin.describe_user_scram_credentials(request_timeout=TIMEOUT_S)
    if isinstance(answer, dict):
        raise TypeError("expected one answer about all users, got one a user")
    return list(answer.result())


def _upsertion(credential: credentials.Credential) -> UserScramCredentialUpsertion:
    info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_256, ITERATIONS)
    return UserScramCredentialUpsertion(credential.username, info, credential.password.encode())
