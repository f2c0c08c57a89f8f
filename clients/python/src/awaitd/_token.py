"""What a program shows to be let in. Nothing that this package says has it: no log, no error, no `repr`."""

import os

VARIABLE = "AWAITD_TOKEN"
FILE_VARIABLE = "AWAITD_TOKEN_FILE"


class Token:
    """A token, and where it comes from."""

    __slots__ = ("_file", "_text")

    def __init__(self, text: str | None = None) -> None:
        """What was given, else what the environment says, else none."""
        self._file: str | None = None
        self._text: str | None = None
        if text is not None:
            self._text = _good(text, "the token")
            return
        said, file = os.environ.get(VARIABLE), os.environ.get(FILE_VARIABLE)
        if said and file:
            raise ValueError(f"{VARIABLE} and {FILE_VARIABLE} are both set: unset one")
        if said:
            self._text = _good(said, VARIABLE)
        elif file:
            self._file, self._text = file, _read(file)

    def __repr__(self) -> str:
        return "<a token>" if self._text else "<no token>"

    @property
    def header(self) -> dict[str, str]:
        """As it is sent."""
        return {} if self._text is None else {"Authorization": f"Bearer {self._text}"}

    def renewed(self, sent: dict[str, str]) -> bool:
        """The server knows nobody by what was sent: reads the file once more, and says whether another token is in
        it now."""
        if self._file is not None:
            try:
                self._text = _read(self._file)
            except (OSError, ValueError):
                return False
        return self.header != sent


def _read(file: str) -> str:
    """Without the new line that most editors leave at the end."""
    with open(file, encoding="utf-8", errors="replace") as opened:
        return _good(opened.read(), f"what is in {file}")


def _good(text: str, what: str) -> str:
    """What is wrong is said without saying what is there."""
    text = text.rstrip("\r\n")
    if not text or not all("!" <= letter <= "~" for letter in text):
        raise ValueError(f"{what} is no token: one is a line of visible ASCII, such as awd_…")
    return text
