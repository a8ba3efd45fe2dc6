"""The plan of changes is pure: what is missing, what differs, what is too much, what is foreign."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.admin import ClusterState, TopicShrinks, TopicState, plan, wanted
from streams.rights import Operation, Pattern, Resource, Right
from streams.settings import KafkaSettings
from streams.topic import ALL_USERS
from streams.topics import LEDGER, REDUCERS, TOPICS

SETTINGS = KafkaSettings(security_protocol="PLAINTEXT")
WANTED = wanted(SETTINGS)
EMPTY = ClusterState(topics={}, rights=frozenset())


def right(name: str, user: str = "probe") -> Right:
    return Right(
        user=user,
        resource=Resource.TOPIC,
        pattern=Pattern.LITERAL,
        name=name,
        operation=Operation.WRITE,
    )


def test_an_empty_cluster_gets_everything() -> None:
    diff = plan(EMPTY, WANTED, prefix="aoi.")
    assert {topic.name for topic in diff.create} == {f"aoi.{topic.name}" for topic in TOPICS}
    assert set(diff.grant) == WANTED.rights
    assert not (diff.grow or diff.alter or diff.revoke)


def test_a_cluster_as_wanted_needs_nothing() -> None:
    assert plan(WANTED, WANTED, prefix="aoi.").empty


@given(st.sets(st.sampled_from(sorted(WANTED.rights))))
def test_exactly_the_missing_rights_are_granted(missing: set[Right]) -> None:
    have = replace(WANTED, rights=WANTED.rights - missing)
    assert set(plan(have, WANTED, prefix="aoi.").grant) == missing


def test_a_stale_right_under_our_prefix_is_revoked_and_a_foreign_one_is_told() -> None:
    stale, foreign = right("aoi.ledger"), right("payments")
    have = replace(WANTED, rights=WANTED.rights | {stale, foreign})
    diff = plan(have, WANTED, prefix="aoi.")
    assert diff.revoke == (stale,)
    assert diff.foreign == (foreign,)
    assert not diff.grant


def test_only_differing_configuration_is_altered() -> None:
    name = "aoi.ledger"
    config = dict(WANTED.topics[name].config) | {"retention.ms": "1"}
    have = replace(
        WANTED,
        topics=dict(WANTED.topics) | {name: TopicState(name=name, partitions=1, config=config)},
    )
    assert plan(have, WANTED, prefix="aoi.").alter == {name: {"retention.ms": "-1"}}


@pytest.mark.parametrize("count", [2, 8])
def test_partitions_never_shrink(count: int) -> None:
    name = f"aoi.{LEDGER.name}"
    state = replace(WANTED.topics[name], partitions=count)
    have = replace(WANTED, topics=dict(WANTED.topics) | {name: state})
    with pytest.raises(TopicShrinks, match=f"found {count}"):
        plan(have, WANTED, prefix="aoi.")


def test_partitions_grow() -> None:
    name = "aoi.incidents"
    state = replace(WANTED.topics[name], partitions=1)
    have = replace(WANTED, topics=dict(WANTED.topics) | {name: state})
    assert plan(have, WANTED, prefix="aoi.").grow == {name: WANTED.topics[name].partitions}


def test_only_the_executor_writes_the_ledger() -> None:
    writers = {
        given.user
        for given in WANTED.rights
        if given.name == "aoi.ledger" and given.operation == Operation.WRITE
    }
    assert writers == {"executor"}


def test_only_reducers_and_the_learner_have_transactions() -> None:
    users = {one.user for one in WANTED.rights if one.resource == Resource.TRANSACTIONAL_ID}
    assert users == {*map(str, REDUCERS), "learner"}


def test_no_group_or_transaction_of_one_user_is_open_to_another() -> None:
    names = {
        *(SETTINGS.group(str(user)) for user in ALL_USERS),
        *(SETTINGS.transactional_id(str(user), 7) for user in (*REDUCERS, "learner")),
    }
    for name in names:
        owners = {
            one.user
            for one in WANTED.rights
            if one.resource != Resource.TOPIC
            and (one.name == name if one.pattern == Pattern.LITERAL else name.startswith(one.name))
        }
        assert len(owners) == 1, (name, owners)
