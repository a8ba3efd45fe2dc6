"""What can go wrong while weights are trained or handed over.

TrainerError
├── NonFiniteUpdate       gradients or weights are not numbers; nothing was applied
├── WeightsDidNotMove     a gradient that is not zero changed no weight
├── RanksDisagree         ranks hold different weights after an update
├── StateMismatch         a saved state does not belong to the weights or to the network
├── WeightSyncMismatch    what serves does not compute what was trained
└── LearnerGroupFailed    a rank died, raised or missed its deadline; the group is down
"""


class TrainerError(Exception):
    """Anything that the trainer found wrong."""


class NonFiniteUpdate(TrainerError):
    """Gradients, losses or weights are NaN or infinite."""


class WeightsDidNotMove(TrainerError):
    """The optimizer's step was lost: raise the learning rate or look at the precision."""


class RanksDisagree(TrainerError):
    """Ranks must hold equal weights, bit by bit."""


class StateMismatch(TrainerError):
    """A checkpoint's parts do not belong together."""


class WeightSyncMismatch(TrainerError):
    """A model that was given weights tells other log-probs than their owner."""


class LearnerGroupFailed(TrainerError):
    """The group is down. `rebuild()` starts it again from the last checkpoint."""
