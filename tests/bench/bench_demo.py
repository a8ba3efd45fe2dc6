"""Measures the demo: `python -m tests.bench.bench_demo SEED [SEED...]`.

Prints for each seed what became of its incidents, its wall time and the peak of the memory of all
its processes together (proportional set size, sampled each second; the broker counts too).
"""

import json
import subprocess
import sys
import time

import psutil

MEBIBYTE = 1 << 20


def tree(pid: int) -> list[psutil.Process]:
    """Return the demo's processes and whatever of AOI left its group, such as the broker."""
    mine = psutil.Process(pid)
    named = [
        process
        for process in psutil.process_iter(["cmdline"])
        if "kafka.Kafka" in (process.info["cmdline"] or [])
    ]
    return [mine, *mine.children(recursive=True), *named]


def memory_of(processes: list[psutil.Process]) -> int:
    """Return the bytes that the processes hold together, shared pages counted once."""
    total = 0
    for process in processes:
        try:
            total += process.memory_full_info().pss
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return total


def measured(seed: int) -> dict[str, object]:
    """Run the demo once."""
    command = [sys.executable, "-m", "deploy.cli.main", "demo", "--seed", str(seed), "--json"]
    demo = subprocess.Popen(
        [*command, "--plain", "--no-learn"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    peak = 0
    while demo.poll() is None:
        peak = max(peak, memory_of(tree(demo.pid)))
        time.sleep(1)
    assert demo.stdout is not None
    told = json.loads(demo.stdout.read().strip().splitlines()[-1])
    return {**told, "peak_mib": round(peak / MEBIBYTE)}


def main() -> None:
    """Print one line a seed."""
    for seed in map(int, sys.argv[1:] or ["1"]):
        sys.stdout.write(json.dumps(measured(seed)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
