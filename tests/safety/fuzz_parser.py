"""Fuzzes the parser and policy with `oracle.check`: `python -m tests.safety.fuzz_parser`.

With atheris installed its coverage guides the inputs; without it they are mutations of the attacks
and canaries drawn at random. Either way the first input that breaks the oracle ends the run with
its traceback, and the last line says how many inputs of which engine took how long.
"""

import argparse
import importlib.util
import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

PREFIXES = ("", "kubectl ", "kubectl get pods ", "kubectl exec x -- ", "helm ")
PREFIXES += (
    "kubectl patch deploy x -p '",
    "kubectl apply -f - <<'EOF'\n",
    "kubectl exec x -- curl ",
)
TOKENS = ("'", '"', "\\", "$(", "`", ";", "|", "&", ">", "<<EOF", "\n", "EOF", "{a,b}", "#", "*")
TOKENS += (" -- ", " -n ", " --as=x", " -A", " -o yaml", "deploy/", "\x00", "\u200b", "é", "\ud800")

SECONDS_BETWEEN_LINES = 10.0
INTERRUPTED = 130


def text_of(data: bytes) -> str:
    """Return the line that some bytes stand for: the first one chooses how it begins."""
    prefix = PREFIXES[data[0] % len(PREFIXES)] if data else ""
    return prefix + data[1:].decode(errors="surrogateescape")


def mutated(rng: random.Random, seeds: list[str]) -> str:
    """Return a seed with up to four pieces cut out, doubled, replaced or put in."""
    text = rng.choice(seeds)
    for _ in range(rng.randint(1, 4)):
        at = rng.randint(0, len(text))
        to = min(len(text), at + rng.choice((0, 1, 1, 4, 16)))
        other = rng.choice(seeds)
        cut = rng.randint(0, len(other))
        piece = rng.choice(
            (rng.choice(TOKENS), text[at:to] * 2, other[cut : cut + 12], chr(rng.randint(0, 0x2FF)))
        )
        text = text[:at] + piece + text[to:]
    return text


def _seeds() -> list[str]:
    from tests.safety.attacks import ROWS  # noqa: PLC0415 - after atheris has instrumented
    from tests.safety.canary import CANARIES  # noqa: PLC0415

    return [*CANARIES, *(line for _, line, _ in ROWS if len(line) <= 5_000)]


def run_random(seconds: float, check: Callable[[str], object], seed: int) -> int:
    """Check mutations until the time is over; returns how many. Ctrl-C ends it with 130."""
    rng, seeds, count, line = random.Random(seed), _seeds(), 0, ""
    start = told = time.monotonic()
    try:
        while (now := time.monotonic()) < start + seconds:
            if now >= told + SECONDS_BETWEEN_LINES:
                told = now
                sys.stderr.write(f"{count} inputs in {now - start:.0f} of {seconds:.0f} s\n")
            line = mutated(rng, seeds)
            check(line)
            count += 1
    except KeyboardInterrupt:
        sys.stderr.write(f"stopped after {count} inputs, no finding\n")
        raise SystemExit(INTERRUPTED) from None
    except BaseException:  # a panic of Cedar's is no Exception
        sys.stderr.write(f"breaks the oracle: {line!r}\n")
        raise
    return count


def run_atheris(seconds: float, seed: int) -> None:
    """Let atheris look for inputs; libFuzzer ends the process and tells the count."""
    import atheris  # type: ignore[import-not-found]  # noqa: PLC0415 - optional

    with atheris.instrument_imports(include=["agents.policy"]):
        from tests.safety.oracle import check  # noqa: PLC0415

    folder = Path(tempfile.mkdtemp(prefix="aoi-fuzz-"))
    for number, line in enumerate(_seeds()):
        (folder / f"{number}").write_bytes(b"\0" + line.encode(errors="surrogateescape"))
    words = sorted({word for line in _seeds() for word in line.split() if len(word) < 40})
    spelled = ["".join(f"\\x{byte:02x}" for byte in word.encode()) for word in words]
    dictionary = Path(tempfile.mkdtemp(prefix="aoi-fuzz-words-")) / "words"
    dictionary.write_text("".join(f'"{word}"\n' for word in spelled))
    options = [f"-max_total_time={seconds:.0f}", "-max_len=6000", f"-seed={seed}", "-timeout=5"]
    options += [f"-dict={dictionary}"]
    options += [f"-artifact_prefix={folder}/", "-print_final_stats=1"]
    sys.stderr.write(f"engine atheris, corpus and findings in {folder}\n")
    atheris.Setup([sys.argv[0], *options, str(folder)], lambda data: check(text_of(data)) and None)
    atheris.Fuzz()


def main() -> None:
    """Read the command line and fuzz."""
    parser = argparse.ArgumentParser(description="Fuzz the parser and the policy behind it.")
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--engine", choices=["atheris", "random"], default=None)
    chosen = parser.parse_args()
    found = importlib.util.find_spec("atheris") is not None
    if chosen.engine == "atheris" or (chosen.engine is None and found):
        run_atheris(chosen.seconds, chosen.seed)
        return
    from tests.safety.oracle import check  # noqa: PLC0415 - the same, uninstrumented

    start = time.monotonic()
    count = run_random(chosen.seconds, check, chosen.seed)
    took = time.monotonic() - start
    sys.stderr.write(f"engine random (no coverage), {count} inputs in {took:.0f} s, no finding\n")


if __name__ == "__main__":
    main()
