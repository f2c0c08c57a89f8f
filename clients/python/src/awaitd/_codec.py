"""Items as bytes, and back: exactly what was put is what is gotten, or put says that it cannot be.

    bytes                            as they are    application/octet-stream
    str                              UTF-8          text/plain; charset=utf-8
    None, bool, int, float, list,
    and dict with keys that are str  JSON           application/json
    a tuple of these                 JSON           application/json; tuple=outer
    tuples within tuples, no lists   JSON           application/json; tuple=all

"Exactly" means equal, and of the same types all the way down. So subclasses (an IntEnum, a namedtuple, a
defaultdict) are refused, and NaN and the infinities, which JSON does not have, and strings with two surrogates
in a row that JSON takes for one character.
"""

import json
import math
import pickle as _pickle
import re
from typing import Any, Protocol

__all__ = ["Codec", "pickle", "plain"]

_PAIR = re.compile("[\ud800-\udbff][\udc00-\udfff]")

OCTETS, TEXT, JSON = "application/octet-stream", "text/plain; charset=utf-8", "application/json"
OUTER, ALL = f"{JSON}; tuple=outer", f"{JSON}; tuple=all"
PICKLE = "application/x-python-pickle"


class Codec(Protocol):
    """What `codec=` takes: any object with these two methods."""

    def encode(self, item: Any, /) -> tuple[bytes, str]:
        """A body and its Content-Type; TypeError for what it cannot carry exactly."""
        ...

    def decode(self, body: bytes, content_type: str, /) -> Any:
        """What was put."""
        ...


class Plain:
    """Bytes, text and JSON: what every other program can read, too."""

    def encode(self, item: Any, /) -> tuple[bytes, str]:
        if type(item) is bytes:
            return item, OCTETS
        if type(item) is str:
            try:
                return item.encode(), TEXT
            except UnicodeEncodeError:  # A lone surrogate, which JSON has an escape for.
                pass
        tuples = _tuples(item)
        return _json(item), {0: JSON, 1: OUTER, 2: ALL}[tuples]

    def decode(self, body: bytes, content_type: str, /) -> Any:
        kind, _, parameters = content_type.lower().replace(" ", "").partition(";")
        if kind == JSON:
            item = json.loads(body)
            if parameters == "tuple=outer":
                return tuple(item)
            return _all_tuples(item) if parameters == "tuple=all" else item
        if kind == PICKLE:
            raise TypeError("this item is a pickle, which runs code when it is read: codec=awaitd.pickle reads it")
        return body.decode() if kind == "text/plain" else body

    def __reduce__(self) -> str:
        return "plain"  # A pickled queue has this very codec.


class Pickle:
    """Whatever pickle can carry. Whoever can put into the queue can run code in whoever gets from it."""

    def encode(self, item: Any, /) -> tuple[bytes, str]:
        return _pickle.dumps(item), PICKLE

    def decode(self, body: bytes, content_type: str, /) -> Any:
        return _pickle.loads(body) if content_type == PICKLE else plain.decode(body, content_type)

    def __reduce__(self) -> str:
        return "pickle"


plain: Codec = Plain()
pickle: Codec = Pickle()


def _json(item: Any) -> bytes:
    try:
        return json.dumps(item, separators=(",", ":")).encode()
    except (ValueError, RecursionError) as error:  # More digits than Python writes; a list within itself.
        raise _refused(item, str(error)) from error


def _tuples(item: Any) -> int:
    """0: there is none; 1: the outermost alone; 2: every sequence is one. TypeError for all else."""
    try:
        lists, inner = _sequences(item, True)
    except RecursionError:
        raise _refused(item, "it is nested too deeply") from None
    if type(item) is not tuple:
        if inner:
            raise _refused(item, "a tuple within something else would come back as a list")
        return 0
    if lists and inner:
        raise _refused(item, "tuples and lists within a tuple cannot be told apart in JSON")
    return 2 if inner else 1


def _sequences(item: Any, outermost: bool) -> tuple[bool, bool]:
    """Whether there are lists, and tuples that are not the outermost; TypeError for what JSON has not."""
    kind = type(item)
    if item is None or kind is bool or kind is int:
        return False, False
    if kind is str:
        _no_pairs(item)
        return False, False
    if kind is float:
        if math.isfinite(item):
            return False, False
        raise _refused(item, "JSON has finite numbers alone")
    if kind is list or kind is tuple:
        below = item
    elif kind is dict:
        if any(type(key) is not str for key in item):
            raise _refused(item, "its keys are not all str")
        for key in item:
            _no_pairs(key)
        below = item.values()
    else:
        raise _refused(item, "it is neither bytes nor str nor plain JSON")
    found = [_sequences(each, False) for each in below]
    lists = kind is list or any(lists for lists, _ in found)
    return lists, (kind is tuple and not outermost) or any(tuples for _, tuples in found)


def _no_pairs(text: str) -> None:
    if not text.isascii() and _PAIR.search(text):
        raise _refused(text, "two of its surrogates would come back as one character")


def _all_tuples(item: Any) -> Any:
    if isinstance(item, list):
        return tuple(map(_all_tuples, item))
    return {key: _all_tuples(value) for key, value in item.items()} if isinstance(item, dict) else item


def _refused(item: Any, why: str) -> TypeError:
    return TypeError(
        f"a {type(item).__name__} cannot be carried exactly: {why}. Put bytes, str or JSON, or choose another "
        "codec for the queue: codec=awaitd.pickle carries any object, if all who put are trusted"
    )
