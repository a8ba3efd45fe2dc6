"""kubectl's failures as exceptions, in the words of kubectl and of the API server."""

from agents.environments.simulated.objects.kinds import KINDS
from agents.policy.kinds import KINDS as SERVED


class CommandFailed(Exception):
    """The command ends with this text and exit code."""

    def __init__(self, text: str, exit_code: int = 1) -> None:
        super().__init__(text)
        self.text = text
        self.exit_code = exit_code


def qualified(kind: str) -> str:
    """Return a kind as API errors name it."""
    if kind in KINDS:
        return KINDS[kind].qualified
    group = SERVED[kind].group if kind in SERVED else ""
    return f"{kind}.{group}" if group else kind


def not_found(kind: str, name: str) -> CommandFailed:
    """Return the API server's answer to a name that does not exist."""
    return CommandFailed(f'Error from server (NotFound): {qualified(kind)} "{name}" not found')


def unknown_kind(kind: str) -> CommandFailed:
    """Return kubectl's answer to a kind that the server does not serve."""
    word = kind.partition(".")[0]
    return CommandFailed(f'error: the server doesn\'t have a resource type "{word}"')


def invalid(kind: str, name: str, problem: str) -> CommandFailed:
    """Return the API server's answer to an object that breaks its rules."""
    spelled = KINDS[kind].name if kind in KINDS else kind
    return CommandFailed(f'The {spelled} "{name}" is invalid: {problem}')
