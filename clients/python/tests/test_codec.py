"""What was put is what is gotten, or put refuses it."""

import collections
import enum
import math
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import awaitd

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
pairs = re.compile("[\ud800-\udbff][\udc00-\udfff]")
texts = st.text(st.characters(exclude_categories=[])).filter(lambda text: not pairs.search(text))
plain_json = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)
tuples = st.recursive(
    scalars, lambda inner: st.lists(inner).map(tuple) | st.dictionaries(st.text(), inner), max_leaves=20
).filter(lambda item: isinstance(item, tuple))


def same(one: Any, other: Any) -> bool:
    """Equal, and of the same types all the way down."""
    if type(one) is not type(other):
        return False
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    return bool(one == other) and (
        one != 0 or not isinstance(one, float) or math.copysign(1, one) == math.copysign(1, other)
    )


@given(st.binary() | texts | plain_json | st.lists(plain_json).map(tuple) | tuples)
def test_items_come_back_exactly(item: Any) -> None:
    assert same(awaitd.plain.decode(*awaitd.plain.encode(item)), item)


@pytest.mark.parametrize("item", [b"", "", 0, -0.0, 2**70, [], {}, (), (1, ()), ((), [])[:1], "\ud800", ["\ud800"]])
def test_so_do_these(item: Any) -> None:
    assert same(awaitd.plain.decode(*awaitd.plain.encode(item)), item)


@pytest.mark.parametrize(
    ("item", "kind"),
    [
        (b"raw", "application/octet-stream"),
        ("text", "text/plain; charset=utf-8"),
        ({"json": [1]}, "application/json"),
        ((1, {"json": [1]}), "application/json; tuple=outer"),
        ((1, (2, 3)), "application/json; tuple=all"),
    ],
)
def test_other_programs_can_read_them(item: Any, kind: str) -> None:
    assert awaitd.plain.encode(item)[1] == kind


class Colour(enum.IntEnum):
    RED = 1


Point = collections.namedtuple("Point", "x y")
endless: list[Any] = []
endless.append(endless)


@pytest.mark.parametrize(
    "item",
    [
        object(),
        {1, 2},
        bytearray(b"b"),
        Colour.RED,
        [Colour.RED],
        Point(1, 2),
        collections.OrderedDict(a=1),
        {1: "key is no str"},
        {True: 1},
        math.nan,
        [math.inf],
        [(1, 2)],
        {"a": ()},
        ((1,), [2]),
        (b"bytes in JSON",),
        [10**5000],
        "\ud83d\ude00",
        ["\ud83d\ude00"],
        {"\ud83d\ude00": 1},
        endless,
    ],
)
def test_what_would_not_is_refused(item: Any) -> None:
    with pytest.raises(TypeError, match="codec=awaitd.pickle"):
        awaitd.plain.encode(item)


@given(st.sets(st.integers()) | st.complex_numbers(allow_nan=False) | plain_json)
def test_pickle_carries_any_object(item: Any) -> None:
    assert awaitd.pickle.decode(*awaitd.pickle.encode(item)) == item


def test_no_pickle_is_read_unasked() -> None:
    body, kind = awaitd.pickle.encode(object())
    with pytest.raises(TypeError, match="codec=awaitd.pickle"):
        awaitd.plain.decode(body, kind)


def test_what_others_put_can_be_read() -> None:
    """curl puts a form unless it is told otherwise, and text without a charset."""
    assert awaitd.plain.decode(b"a=1", "application/x-www-form-urlencoded") == b"a=1"
    assert awaitd.plain.decode(b"a", "text/plain") == "a"
    assert awaitd.plain.decode(b"[1]", "Application/JSON; charset=utf-8") == [1]
    assert awaitd.pickle.decode(b"[1]", "application/json") == [1]
