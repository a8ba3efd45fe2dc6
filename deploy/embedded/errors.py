"""What can go wrong with the embedded broker.

EmbeddedError
├── JarsUnavailable     the broker's jars are neither cached nor to be had
├── BrokerNotStarted    the process ended, or gave no metadata in time
├── BrokerNotRunning    asked for something that needs a running broker
└── StateUnusable       the state folder holds something that is not ours, or is held by another
"""


class EmbeddedError(Exception):
    """The embedded broker cannot do what was asked; the message says what to do next."""


class JarsUnavailable(EmbeddedError):
    """The broker's jars are neither in the cache nor to be fetched."""


class BrokerNotStarted(EmbeddedError):
    """The broker's process ended before, or did not answer in time."""


class BrokerNotRunning(EmbeddedError):
    """No broker of this state folder runs."""


class StateUnusable(EmbeddedError):
    """The state folder cannot be used as it is."""
