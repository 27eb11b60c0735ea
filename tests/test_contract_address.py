"""Addresses check themselves, and topics lead back to them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract import KINDS, Address, ContractError, topic_filter

NAMES = st.text(st.characters(codec="utf-8", exclude_characters="/+#$", exclude_categories=("C", "Z")), min_size=1)


@given(st.lists(NAMES.map(lambda n: n[:64]), min_size=5, max_size=5), st.sampled_from(sorted(KINDS)))
def test_an_address_survives_its_topic(levels: list[str], kind: str) -> None:
    address = Address(*levels)
    topic = address.topic(kind)
    if len(topic) <= 512:
        assert Address.of_topic(topic) == (address, kind)
    assert Address.parse(address.path) == address


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("", "is empty"),
        ("a/b", "'/'"),
        ("+", "'+'"),
        ("a#", "'#'"),
        ("$SYS", "begins with $"),
        ("a\nb", "'\\n'"),
        ("a\x00", "'\\x00'"),
        ("\ud800", "'\\ud800'"),
        (" a", "white space"),
        ("a" * 65, "65 characters"),
    ],
)
def test_names_that_mqtt_or_a_terminal_would_take_as_commands_are_refused(name: str, said: str) -> None:
    with pytest.raises(ContractError, match="bad-address") as caught:
        Address("e", "s", "a", "l", name)
    assert said in caught.value.detail
    assert "machine" in caught.value.detail


def test_any_other_text_is_a_name() -> None:
    for name in ("<script>alert(1)</script>"[:20], "压机 2", 'a"b', "a\\b", "a,b=c d"):
        assert Address("e", "s", "a", "l", name.replace("/", "")).machine == name.replace("/", "")


@pytest.mark.parametrize(
    "topic", ["", "qilu", "qilu/v1/a/b/c/d/state", "qilu/v1/a/b/c/d/e/f/state", "qilu/v2/a/b/c/d/e/state", "q" * 70_000]
)
def test_a_topic_of_another_form_is_refused(topic: str) -> None:
    with pytest.raises(ContractError, match="bad-topic"):
        Address.of_topic(topic)


def test_the_filter_fits_every_topic() -> None:
    levels = topic_filter().split("/")
    assert len(levels) == len(Address("a", "b", "c", "d", "e").topic("state").split("/"))
    assert topic_filter("acme", "birth") == "qilu/v1/acme/+/+/+/+/birth"
