"""What can go wrong with the embedded broker and the embedded Ray.

EmbeddedError
├── JarsUnavailable     the broker's jars are neither cached nor to be had
├── BrokerNotStarted    the process ended, or gave no metadata in time
├── BrokerNotRunning    asked for something that needs a running broker
├── RayNotStarted       Ray is not installed, ended, or gave no address in time
├── RayNotRunning       asked for something that needs a running Ray
├── LearnerNotStarted   the learner ended at once, or runs on another Ray
└── StateUnusable       the state folder holds something that is not ours, or is held by another
"""


class EmbeddedError(Exception):
    """What is embedded cannot do what was asked; the message says what to do next."""


class JarsUnavailable(EmbeddedError):
    """The broker's jars are neither in the cache nor to be fetched."""


class BrokerNotStarted(EmbeddedError):
    """The broker's process ended before, or did not answer in time."""


class BrokerNotRunning(EmbeddedError):
    """No broker of this state folder runs."""


class RayNotStarted(EmbeddedError):
    """Ray is not installed, its processes ended before, or did not answer in time."""


class RayNotRunning(EmbeddedError):
    """No Ray of this state folder runs."""


class LearnerNotStarted(EmbeddedError):
    """The learner ended at once, or one runs already on another Ray."""


class StateUnusable(EmbeddedError):
    """The state folder cannot be used as it is."""
