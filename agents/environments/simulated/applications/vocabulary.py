"""Words for invented applications.

Invariant: no word here names a fault, a task or a family; a test looks for that.
"""

from random import Random

from agents.environments.simulated.dice import happens


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


NOUNS = _words(
    """
account address agent aisle album amber anchor apron archive arrow atlas audit auction badge
ballot banner barn basket beacon bill billing blend board bond booking bottle bridge broker bundle
cabin cargo cart catalog census chalk channel charter checkout cinder claim clinic comment courier
coupon crate credit crew currency dairy deck depot desk diary digest dispatch docket dossier draft
drawer easel email estate exhibit export fare feed ferry field fleet folio forecast freight
gallery garden gate gazette glove grain greeting grove guest guide habit harbor harvest hotel idea
import index inbox ink invoice island item jacket journal kernel kiosk lantern lease ledger lesson
letter library listing loan locker lodge lottery loyalty luggage mail manifest market matrix
meadow media menu mentor merchant meter mint mirror museum notice number offer order organ outlet
packet page panel parcel parking passage patient payment payout pencil permit phone photo pillar
planner plaza pledge poll portal post prairie premium price print prize product profile pulse
quarry quota quote rail ranking rate recipe record refund region rental report review reward
ribbon ride river roster route sail salary sample schedule score scout script seat session shelf
shipment shop signal sketch song spool stage station stock story stream summary survey tag tariff
taste tax tent theme thread ticket tide tile title token tour trade trail transit trip tutor
valley vault vendor venue vessel video visit voice vote voucher wagon wallet warehouse weather
window wish yard zone
"""
)
_ONSETS = _words("b br c cr d dr f fl g gl h j k kr l m n p pl qu r s sk st t tr v w z")
_VOWELS = _words("a e i o u ai ea io ou")
_CODAS = ("", "", "", "l", "n", "r", "s", "x", "m", "th", "nd")
SUFFIXES = ("", "", "-svc", "-service", "-api", "-srv", "-app")
LEVELS = ("mongodb", "postgres", "redis", "memcached")
REGISTRIES = (
    "registry.{word}.io/{app}",
    "ghcr.io/{word}-labs",
    "docker.io/{word}",
    "quay.io/{word}/{app}",
    "{word}",
    "registry.local:5000/{app}",
)
LABELS = ("app", "app", "app.kubernetes.io/name", "component", "k8s-app", "service", "name")
NODES = (
    ("worker-1", "worker-2", "worker-3"),
    ("node-a", "node-b"),
    ("kind-worker", "kind-worker2", "kind-worker3"),
    ("ip-10-0-1-17", "ip-10-0-2-54", "ip-10-0-3-201"),
    ("pool-1-x7k2", "pool-1-m9dq", "pool-1-t4zp", "pool-1-w8hn"),
)
USERS = ("admin", "app", "svc", "root", "writer", "owner", "client")


def pseudo_word(rng: Random) -> str:
    """Return a pronounceable word of two or three syllables that means nothing."""
    count = rng.choice((2, 2, 3))
    return "".join(
        rng.choice(_ONSETS) + rng.choice(_VOWELS) + (rng.choice(_CODAS) if last else "")
        for last in [index == count - 1 for index in range(count)]
    )


def names(rng: Random, count: int) -> list[str]:
    """Return that many different words: real, invented, or pairs of both."""
    found: dict[str, None] = {}
    invented = rng.choice((0.0, 0.15, 0.5, 0.9))
    while len(found) < count:
        word = pseudo_word(rng) if happens(rng, invented) else rng.choice(NOUNS)
        if happens(rng, 0.12):  # some services have two-word names
            word = f"{word}-{rng.choice(NOUNS)}"
        found[word] = None
    return list(found)


def release(rng: Random) -> str:
    """Return a tag of a released image."""
    match rng.randrange(4):
        case 0:
            return f"v{rng.randint(0, 4)}.{rng.randint(0, 20)}.{rng.randint(0, 9)}"
        case 1:
            return f"{rng.randint(1, 9)}.{rng.randint(0, 30)}"
        case 2:
            return f"20{rng.randint(24, 26)}.{rng.randint(1, 12):02d}.{rng.randint(1, 28):02d}"
        case _:
            return f"{rng.getrandbits(28):07x}"
