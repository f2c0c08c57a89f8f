"""Priorities as bytes sort as Python sorts the priorities."""

import datetime
import decimal
import fractions
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from awaitd._order import MAX, key_of

numbers = st.integers() | st.floats(allow_nan=False) | st.booleans() | st.integers(-(2**200), 2**200)
strings = st.text(st.characters(exclude_categories=[]), max_size=50)
close = st.sampled_from(
    [0, -0.0, 1, 1.5, -1, 2**53, 2**53 + 1, float(2**53), 2**64, 5e-324, -5e-324, math.inf, -math.inf, 0.1, 1e300]
)


def agree(one: Any, other: Any) -> None:
    first, second = key_of(one)[0], key_of(other)[0]
    assert (first < second) == (one < other)
    assert (first == second) == (one == other)


@given(numbers | close, numbers | close)
def test_numbers(one: float, other: float) -> None:
    agree(one, other)


@given(strings, strings)
def test_strings(one: str, other: str) -> None:
    agree(one, other)


@given(st.binary(max_size=50), st.binary(max_size=50))
def test_bytes(one: bytes, other: bytes) -> None:
    agree(one, other)


rows = st.tuples(numbers | close, strings, st.lists(numbers, max_size=4).map(tuple), strings)


@given(rows, rows)
def test_tuples(one: tuple[Any, ...], other: tuple[Any, ...]) -> None:
    agree(one, other)
    agree(one[:2], other)
    agree(one[2], other[2])
    agree((one[0], one[1][:1]), (one[0], other[1][:1]))
    agree(list(one), list(other))


class Older:
    """Has an order, but of its own."""

    def __lt__(self, other: object) -> bool:
        return True


@pytest.mark.parametrize("item", [datetime.date(2026, 1, 1), decimal.Decimal(1), fractions.Fraction(1), {1}, Older()])
def test_another_order_is_a_type_error(item: Any) -> None:
    for each in (item, (item, "x"), (1, [item])):
        with pytest.raises(TypeError, match="key="):
            key_of(each)


@given(st.tuples(st.integers(0, 1), strings, strings), st.tuples(st.integers(0, 1), strings, strings))
def test_a_long_tuple_is_cut(one: tuple[int, str, str], other: tuple[int, str, str]) -> None:
    one, other = ((number, text * 30, more) for number, text, more in (one, other))
    first, second = key_of(one)[0], key_of(other)[0]
    assert len(first) <= MAX
    assert first <= second if one < other else second <= first
    if one[0] < other[0]:
        assert first < second


@given(st.lists(numbers | close))
def test_as_sorted_does(items: list[float]) -> None:
    assert sorted(items) == sorted(items, key=lambda item: key_of(item)[0])


def test_what_has_no_order_ends_the_priority() -> None:
    assert key_of((2, {"any": "json"})) == key_of((2, None, 7))
    assert key_of((1, {}))[0] < key_of((2, {}))[0]
    assert key_of((2, ("a", {}), 1)) == key_of((2, ("a", None), 9))


@pytest.mark.parametrize("item", [None, {}, math.nan, object()])
def test_no_order_at_all_is_a_type_error(item: Any) -> None:
    with pytest.raises(TypeError, match="not supported between"):
        key_of(item)


def test_too_long_a_priority_is_refused() -> None:
    key_of("x" * (MAX - 2))
    with pytest.raises(ValueError, match="key="):
        key_of("x" * (MAX - 1))
    with pytest.raises(ValueError, match="key="):
        key_of(("x" * MAX, 1))
    assert key_of((1, "a" + "x" * MAX))[0] < key_of((1, "b" + "x" * MAX))[0]
    key_of((1, list(range(300))))
