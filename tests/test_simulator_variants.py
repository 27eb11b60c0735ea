"""Variants: a number and its choices are the same thing, and texts pass through as data."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.sector_model import Option, Product
from simulator.variants import MAX_NAME, Variants

PRODUCT = Product(id="washer", name="Washer", price=100)
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="|"), min_size=1, max_size=200)


@st.composite
def options(draw: st.DrawFn) -> list[Option]:
    made = []
    for place in range(draw(st.integers(1, 6))):
        choices = draw(st.lists(TEXT, min_size=1, max_size=5, unique=True))
        made.append(Option(name=f"o{place}", choices=choices, weights=[1.0] * len(choices)))
    return made


@settings(max_examples=60, deadline=None)
@given(options=options(), data=st.data())
def test_number_and_choices_are_the_same_thing(options: list[Option], data: st.DataObject) -> None:
    variants = Variants(options, PRODUCT)
    picked = data.draw(st.lists(st.integers(0, variants.count - 1), min_size=1, max_size=8, unique=True))
    columns = variants.columns(np.array(picked))
    assert variants.numbers(columns).tolist() == picked
    for place, number in enumerate(picked):
        choices = variants.choices(number)
        assert variants.number(choices) == number
        assert choices == tuple(int(column[place]) for column in columns)
        assert variants.options(number) == {o.name: o.choices[c] for o, c in zip(options, choices, strict=True)}
    names = [variants.name(number) for number in picked]
    assert len(set(names)) == len(names)
    assert all(len(name) <= MAX_NAME and re.fullmatch(r"[\w~-]+", name) for name in names)


def test_every_variant_once_the_last_option_fastest() -> None:
    colour = Option(name="colour", choices=["white", "grey"], weights=[1, 1], price=[0, 8])
    size = Option(name="size", choices=["8 kg", "10 kg", "A+"], weights=[1, 1, 1], price=[0, 50, -20])
    variants = Variants([colour, size], PRODUCT)
    names = [variants.name(number) for number in range(variants.count)]
    assert names == ["white-8_kg", "white-10_kg", "white-A", "grey-8_kg", "grey-10_kg", "grey-A"]
    assert [variants.price(number) for number in range(6)] == [100, 150, 80, 108, 158, 88]
    assert variants.price(4, 0.5) == 79


def test_choices_that_look_alike_keep_different_names() -> None:
    option = Option(name="o", choices=["A+", "A-", "A_0", "?"], weights=[1, 1, 1, 1])
    variants = Variants([option], PRODUCT)
    assert [variants.name(number) for number in range(4)] == ["A_0", "A_1", "A_0_2", "__3"]


def test_what_is_no_variant_is_refused() -> None:
    option = Option(name="o", choices=["a", "b"], weights=[1, 1])
    variants = Variants([option], PRODUCT)
    for number in (-1, 2):
        with pytest.raises(ValueError, match=f"no variant {number}, there are 2"):
            variants.choices(number)
    with pytest.raises(ValueError, match="no choice 2"):
        variants.number([2])
    with pytest.raises(ValueError, match="2 choices for 1 options"):
        variants.number([0, 0])
    many = Option(name="o", choices=[str(n) for n in range(50)], weights=[1.0] * 50)
    with pytest.raises(ValueError, match=r"20 options make .* variants"):
        Variants([many] * 20, PRODUCT)
