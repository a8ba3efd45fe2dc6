"""Steps that go wrong in ways in which a model does, so that the way back is in the lessons."""

from random import Random

from learner.pretrain.chance import happens

SHARE = 0.12
SHELL_SHARE = 0.4


def detour(line: str, rng: Random) -> str | None:
    """Return a wrong form of the line now and then: a misspelled name, or shell syntax."""
    if not happens(rng, SHARE):
        return None
    head, _, name = line.rpartition(" ")
    if happens(rng, SHELL_SHARE) or not line.startswith(("kubectl describe", "kubectl logs")):
        return rng.choice(
            (f"{line} | grep -v Running", f"{line} && kubectl get svc", f"{line} | head")
        )
    if line.startswith("kubectl logs"):
        verb, place, flag = line.split(" ")[1:4]
        return f"kubectl {verb} {_misspelled(place, rng)} {flag}"
    return f"{head} {_misspelled(name, rng)}"


def _misspelled(name: str, rng: Random) -> str:
    at = rng.randrange(max(1, len(name) - 4), len(name))
    return rng.choice((name[:at] + name[at + 1 :], f"{name}-svc", name[:at] + "x" + name[at:]))
