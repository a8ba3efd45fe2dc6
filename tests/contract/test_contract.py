"""The committed contract is the generated one, covers every public topic, and fits real events."""

from pathlib import Path
from typing import Any

import jsonschema
import orjson
import pytest
import yaml
from jsonschema import Draft202012Validator

from agents.contracts.model_base import Fact
from streams import contract, schema
from streams.topic import Visibility
from streams.topics import TOPICS

PUBLIC = schema.public_facts()


def read(fact: type[Fact]) -> dict[str, Any]:
    path = contract.ROOT / contract.SCHEMAS / f"{schema.name_of(fact)}.json"
    content: dict[str, Any] = orjson.loads(path.read_bytes())
    return content


def asyncapi() -> dict[str, Any]:
    text = (contract.ROOT / contract.ASYNCAPI).read_text(encoding="utf-8")
    content: dict[str, Any] = yaml.safe_load(text)
    return content


def test_the_committed_files_are_as_generated() -> None:
    found = contract.differences()
    assert found == [], "\n".join(one.diff for one in found)


def test_the_committed_schemas_break_nothing() -> None:
    for fact in PUBLIC:
        assert schema.breaking_changes(read(fact), schema.schema_of(fact)) == []


def test_there_is_a_sample_of_every_public_fact(samples: dict[type[Fact], Fact]) -> None:
    assert set(samples) == set(PUBLIC)


@pytest.mark.parametrize("fact", PUBLIC, ids=lambda fact: fact.__name__)
def test_a_real_event_fits_its_schema(fact: type[Fact], samples: dict[type[Fact], Fact]) -> None:
    Draft202012Validator.check_schema(read(fact))
    value = orjson.loads(orjson.dumps(samples[fact].model_dump(mode="json")))
    checker = Draft202012Validator.FORMAT_CHECKER
    jsonschema.validate(value, read(fact), cls=Draft202012Validator, format_checker=checker)
    assert fact.model_validate(value) == samples[fact]


@pytest.mark.parametrize("fact", PUBLIC, ids=lambda fact: fact.__name__)
def test_the_schema_refuses_what_the_model_refuses(
    fact: type[Fact], samples: dict[type[Fact], Fact]
) -> None:
    whole = samples[fact].model_dump(mode="json")
    for name in read(fact)["required"]:
        less = {key: value for key, value in whole.items() if key != name}
        assert not Draft202012Validator(read(fact)).is_valid(less)
        with pytest.raises(ValueError, match=name):
            fact.model_validate(less)


def test_every_public_topic_is_a_channel_with_its_facts() -> None:
    channels = asyncapi()["channels"]
    public = {one.name: one for one in TOPICS if one.visibility is not Visibility.INTERNAL}
    assert set(channels) == set(public)
    for name, topic in public.items():
        assert set(channels[name]["messages"]) == {fact.__name__ for fact in topic.facts}
        assert channels[name]["address"] == f"aoi.{name}"


def test_every_public_topic_has_one_operation_in_its_direction() -> None:
    actions = {
        operation["channel"]["$ref"].removeprefix("#/channels/"): operation["action"]
        for operation in asyncapi()["operations"].values()
    }
    for topic in TOPICS:
        if topic.visibility is Visibility.INTERNAL:
            assert topic.name not in actions
        else:
            is_in = topic.visibility is Visibility.PUBLIC_IN
            assert actions[topic.name] == ("receive" if is_in else "send")


def test_every_reference_of_the_asyncapi_document_points_somewhere() -> None:
    document = asyncapi()
    folder = contract.ROOT / contract.ASYNCAPI.parent

    def walk(node: object) -> None:
        if isinstance(node, dict):
            reference = node.get("$ref")
            if isinstance(reference, str) and reference.startswith("#/"):
                found: Any = document
                for part in reference.removeprefix("#/").split("/"):
                    found = found[part]
            elif isinstance(reference, str):
                assert (folder / reference).is_file()
            for inner in node.values():
                walk(inner)
        elif isinstance(node, list):
            for inner in node:
                walk(inner)

    walk(document)


def test_the_page_names_every_topic() -> None:
    page = (contract.ROOT / contract.TOPICS_PAGE).read_text(encoding="utf-8")
    assert all(f"| `{topic.name}` |" in page for topic in TOPICS)


def test_generating_writes_what_differs_and_nothing_else(tmp_path: Path) -> None:
    written = contract.generate(tmp_path)
    assert set(written) == set(contract.files())
    assert contract.generate(tmp_path) == []
    left_over = tmp_path / contract.SCHEMAS / "GoneFact.v1.json"
    left_over.write_text("{}")
    (tmp_path / contract.ASYNCAPI).write_text("asyncapi: 3.1.0\n")
    assert {one.path for one in contract.differences(tmp_path)} == {
        contract.ASYNCAPI,
        contract.SCHEMAS / "GoneFact.v1.json",
    }


def test_a_breaking_schema_is_written_only_when_told(tmp_path: Path) -> None:
    contract.generate(tmp_path)
    target = tmp_path / contract.SCHEMAS / "AlertReceived.v1.json"
    before = orjson.loads(target.read_bytes())
    before["properties"]["region"] = {"type": "string"}
    target.write_bytes(orjson.dumps(before))
    with pytest.raises(contract.BreaksContract, match=r"region: was removed"):
        contract.generate(tmp_path)
    assert orjson.loads(target.read_bytes()) == before
    assert contract.generate(tmp_path, allow_breaking=True) == [
        contract.SCHEMAS / "AlertReceived.v1.json"
    ]
