"""What the tests in this folder find."""

from support.fixtures import no_child_survives, server

__all__ = ["no_child_survives", "server"]
