"""`agents` and `streams` run on a machine without a GPU stack: no module of theirs loads one."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("torch", "ray", "vllm", "transformers")
LEAVES = frozenset({"agents.models.engine"})
"""What the in-process model alone imports, and only once it is chosen."""

MANY = 50
SCRIPT = f"""
import importlib, sys
for name in sys.argv[1:]:
    importlib.import_module(name)
    loaded = [heavy for heavy in {HEAVY} if heavy in sys.modules]
    if loaded:
        sys.exit(f"{{name}} loads {{loaded}}")
"""


def modules_of(package: str) -> list[str]:
    spec = importlib.util.find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    root = Path(spec.origin).parent
    files = [file.relative_to(root.parent).with_suffix("") for file in root.rglob("*.py")]
    names = {".".join(file.parts).removesuffix(".__init__") for file in files}
    return sorted(names - LEAVES)


@pytest.mark.parametrize("package", ["agents", "streams"])
def test_no_module_loads_a_gpu_stack(package: str) -> None:
    names = modules_of(package)
    assert names[0] == package
    assert len(names) > MANY
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *names], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]


def test_only_a_leaf_is_left_out() -> None:
    for name in LEAVES:
        spec = importlib.util.find_spec(name)
        assert spec is not None
        assert spec.origin is not None
        assert "\nimport torch\n" in Path(spec.origin).read_text(encoding="utf-8")
