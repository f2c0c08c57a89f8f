"""Priorities as bytes that sort as Python sorts what they stand for.

Numbers (ints of any size and floats, by their value), strings (by code points), bytes, and tuples and
lists of these. No encoding is the beginning of another one, so that they can stand in a row, and
turned over for what is negative.
"""

import math
import struct
from typing import Any

__all__ = ["MAX", "key_of"]

MAX = 512
"""Bytes that the server takes."""

# What stands in front of an element. The end of a sequence sorts before whatever could follow, since the
# shorter of two that begin alike is less.
END, NEGATIVE, ZERO, POSITIVE, STRING, BYTES, TUPLE, LIST, REST = (bytes([tag]) for tag in range(1, 10))


def key_of(item: Any) -> tuple[bytes, Any]:
    """The priority of an item as bytes, and as what Python would compare.

    In a sequence it ends at the first element that has no order, a dict or None: that, and what stands
    behind it, goes along, as in `(priority, data)`. It ends where the server takes no more, too, but not
    in the first element.
    """
    encoded = _element(item)
    if encoded is None:
        raise TypeError(f"'<' not supported between instances of {_kind(item)!r} and {_kind(item)!r}")
    key, compared, _ = encoded
    if len(key) > MAX:
        first = _element(item[0]) if isinstance(item, (tuple, list)) else None
        if first is None or len(first[0]) >= MAX:
            raise ValueError(
                f"a priority takes {MAX} bytes at most, and this one {len(key)}: name a shorter one by key="
            )
    return key[:MAX], compared


def _element(item: Any) -> tuple[bytes, Any, bool] | None:
    """Bytes, what Python would compare, and whether that is all of it; None for what has no order."""
    if isinstance(item, (int, float)):
        return (number, item, True) if (number := _number(item)) is not None else None
    if isinstance(item, str):
        return STRING + _text(item.encode("utf-8", "surrogatepass")), item, True
    if isinstance(item, bytes):
        return BYTES + _text(item), item, True
    if isinstance(item, (tuple, list)):
        return _sequence(item)
    if item is None or isinstance(item, dict) or type(item).__lt__ is vars(object)["__lt__"]:
        return None
    raise TypeError(
        "a priority is made of numbers, strings, bytes, and tuples and lists of these: "
        f"name one for a {_kind(item)} by key="
    )


def _sequence(items: tuple[Any, ...] | list[Any]) -> tuple[bytes, Any, bool]:
    kind = tuple if isinstance(items, tuple) else list
    key, compared = [TUPLE if kind is tuple else LIST], []
    for item in items:
        element = _element(item)
        if element is not None:
            key.append(element[0])
            compared.append(element[1])
        if element is None or not element[2]:
            return b"".join([*key, REST]), kind(compared), False
    return b"".join([*key, END]), kind(compared), True


def _number(number: int | float) -> bytes | None:
    """Sign, exponent, and the binary digits after the first one, seven to a byte."""
    if number == 0:
        return ZERO
    if number != number:
        return None
    negative, magnitude = number < 0, abs(number)
    if magnitude == math.inf:
        digits = struct.pack(">I", 0xFFFFFFFF)
    else:
        # Exact: a float is an integer times a power of two.
        numerator, denominator = magnitude.as_integer_ratio()
        shift = denominator.bit_length() - 1
        length = numerator.bit_length() - 1
        digits = struct.pack(">I", length - shift + (1 << 31)) + _digits(numerator, length)
    if negative:
        return NEGATIVE + bytes(byte ^ 0xFF for byte in digits)
    return POSITIVE + digits


def _digits(numerator: int, length: int) -> bytes:
    """The lowest `length` binary digits from the left, without zeros at the end. A byte's lowest bit says
    whether more follow."""
    rest = numerator - (1 << length)
    places = -(-length // 7)
    rest <<= places * 7 - length
    groups = [(rest >> 7 * (places - 1 - place)) & 0x7F for place in range(places)]
    while groups and groups[-1] == 0:
        groups.pop()
    if not groups:
        return b"\0"
    return bytes([group << 1 | 1 for group in groups[:-1]] + [groups[-1] << 1])


def _text(text: bytes) -> bytes:
    """Ended by a zero, so that none may stand inside."""
    return text.replace(b"\1", b"\1\2").replace(b"\0", b"\1\1") + b"\0"


def _kind(item: Any) -> str:
    return "float (nan)" if item != item else type(item).__name__
