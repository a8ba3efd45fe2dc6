"""The security guide names tests that exist, one a layer, and a rights table that is current."""

import ast
import re
from pathlib import Path

import pytest

from streams import contract
from streams.rights import Operation, Resource, wanted
from streams.settings import KafkaSettings

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs" / "security.md"
POLICY = ROOT / "SECURITY.md"
TEST_ID = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")
LINK = re.compile(r"\]\(([^)#]+)\)")
LAYERS_WANTED = 30


def layers() -> list[str]:
    """Return the rows of the tables of layers."""
    text = GUIDE.read_text()
    section = text[text.index("## Layers") : text.index("## Separate users")]
    rows = [line for line in section.split("\n") if line.startswith("| ")]
    return [row for row in rows if row != "| layer | test |"]


def functions(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name for node in tree.body if isinstance(node, kinds)}


def test_every_layer_names_its_test() -> None:
    assert len(layers()) >= LAYERS_WANTED
    assert [row for row in layers() if not TEST_ID.search(row)] == []


@pytest.mark.parametrize(("file", "name"), sorted(set(TEST_ID.findall(GUIDE.read_text()))))
def test_a_test_that_is_named_exists(file: str, name: str) -> None:
    assert name in functions(ROOT / file)


def test_nothing_that_looks_like_a_test_is_misspelt() -> None:
    text = GUIDE.read_text()
    assert len(re.findall(r"::", text)) == len(TEST_ID.findall(text))


@pytest.mark.parametrize("page", [GUIDE, POLICY], ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in LINK.findall(page.read_text()):
        assert (page.parent / target).exists(), target


def test_the_rights_table_is_the_brokers() -> None:
    """Each cell of the page is an access rule, and each access rule of a topic is in the page."""
    page = (ROOT / contract.RIGHTS_PAGE).read_text()
    assert page == contract.files()[contract.RIGHTS_PAGE], "run `aoi contract generate`"
    (preface,) = (line for line in page.split("\n") if line.startswith("Every user reads"))
    everyone = set(re.findall(r"`([\w.]+)`", preface))
    told: set[tuple[str, str, str]] = set()
    for row in page.split("\n"):
        cells = [cell.strip() for cell in row.split("|")[1:-1]]
        if len(cells) != 6 or cells[0] in {"user", "---"}:
            continue
        for operation, cell in ((Operation.WRITE, cells[3]), (Operation.READ, cells[4])):
            told |= {(cells[0], operation, name) for name in re.findall(r"`([\w.]+)`", cell)}
        told |= {(cells[0], Operation.READ, name) for name in everyone}
    settings = KafkaSettings(topic_prefix="")
    given = {
        (one.user, one.operation, one.name)
        for one in wanted(settings)
        if one.resource == Resource.TOPIC
    }
    assert told == given
