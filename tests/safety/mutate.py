"""Mutation testing of what decides whether an act may be done (`make mutate`).

mutmut makes the mutants, knows which tests reach which function, and counts. Only how a mutant's
tests are run is done here: they are collected once, before the forks, and those that have killed
other mutants of the same function come first. mutmut alone collects anew for each mutant.
"""

import gc
import json
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import mutmut.__main__ as mutmut
import pytest
from mutmut.runners.harness import PytestRunner
from mutmut.state import state
from mutmut.utils.file_utils import change_cwd
from mutmut.workers import isolation

EXAMPLES = 5
KILLS = Path("mutants/kills.txt").absolute()


class CollectedOnce(PytestRunner):
    """Runs tests of a session that its parent has collected."""

    session: pytest.Session

    def warm_up(self) -> None:
        """Collect every test; each mutant's process is a fork of this one."""
        args = ["--rootdir=.", "--tb=native", "--capture=no", *self._pytest_add_cli_args]
        selection = self._pytest_add_cli_args_test_selection
        with change_cwd("mutants"):
            pytest_config = pytest.Config.fromdictargs({}, [*args, *selection])
            pytest_config._do_configure()
            self.session = pytest.Session.from_config(pytest_config)
            pytest_config.hook.pytest_sessionstart(session=self.session)
            pytest_config.hook.pytest_collection(session=self.session)
        self._lighten()
        gc.freeze()  # else each fork's collector touches, and so copies, all that was collected

    def _lighten(self) -> None:
        """Let hypothesis try few inputs, and not look for the smallest that fails."""
        from hypothesis import Phase, settings  # noqa: PLC0415 - after pytest has its hook there

        for item in self.session.items:
            test = getattr(item, "obj", None)
            own = getattr(test, "_hypothesis_internal_use_settings", None)
            if own is not None:
                quick = settings(
                    own, max_examples=EXAMPLES, phases=[Phase.explicit, Phase.generate]
                )
                test._hypothesis_internal_use_settings = quick

    def run_tests(self, *, mutant_name: str | None, tests: Iterable[str]) -> int:
        """Run a mutant's tests until one fails, the likely and the short ones first."""
        if mutant_name is None:  # before the forks: everything, unmutated
            return super().run_tests(mutant_name=mutant_name, tests=tests)
        function = mutmut.mangled_name_from_mutant_name(mutant_name)
        kills = Counter(KILLS.read_text().splitlines() if KILLS.exists() else ())
        took = state().duration_by_test
        ordered = sorted(tests, key=lambda test: (-kills[f"{function} {test}"], took[test]))
        known = {item.nodeid: item for item in self.session.items}
        items = [known[test] for test in ordered]
        with change_cwd("mutants"):
            for item, following in zip(items, [*items[1:], None], strict=True):
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
                if self.session.testsfailed:
                    with KILLS.open("a") as told:
                        told.write(f"{function} {item.nodeid}\n")
                    return 1
        return 0


COLUMNS = ("killed", "timeout", "survived", "no tests", "not checked")


@mutmut.cli.command()
def table() -> None:
    """Print what became of the mutants, module by module, as Markdown."""
    lines = [f"| module | mutants | {' | '.join(COLUMNS)} | noticed |", f"|---|{'---|' * 7}"]
    total: Counter[str] = Counter()
    for file in sorted(Path("mutants").rglob("*.meta")):
        codes = json.loads(file.read_text())["exit_code_by_key"].values()
        if found := Counter(mutmut.status_by_exit_code[code] for code in codes):
            total += found
            lines.append(row(str(file.relative_to("mutants")).removesuffix(".meta"), found))
    sys.stdout.write("\n".join([*lines, row("all", total), ""]))


def row(name: str, found: Counter[str]) -> str:
    """Return a line of the table; a time-out is noticed, too."""
    noticed = (found["killed"] + found["timeout"]) / found.total()
    counts = " | ".join(str(found[column]) for column in COLUMNS)
    return f"| {name} | {found.total()} | {counts} | {noticed:.1%} |"


if __name__ == "__main__":
    isolation.PytestRunner = CollectedOnce
    mutmut.cli()
