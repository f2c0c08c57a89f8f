"""asyncio, except that what tasks meet at lives on a server, for all programs that name it.

    from awaitd import asyncio

    queue = asyncio.Queue(maxsize=100, name="emails")

All else is asyncio's own, but for `wait_for` in Python 3.11, which is as in 3.12. Without a `name=` a
thing is this program's alone, and goes when it ends.
The server is that of `AWAITD_URL`, or the local one.
"""

import asyncio as _asyncio
import sys
from asyncio import subprocess as subprocess
from asyncio.base_events import *
from asyncio.coroutines import *
from asyncio.events import *
from asyncio.exceptions import *
from asyncio.futures import *
from asyncio.protocols import *
from asyncio.runners import *
from asyncio.streams import *
from asyncio.subprocess import *
from asyncio.taskgroups import *
from asyncio.tasks import *
from asyncio.threads import *
from asyncio.timeouts import *
from asyncio.transports import *
from typing import TYPE_CHECKING, Any

from awaitd.barriers import Barrier as Barrier
from awaitd.barriers import BrokenBarrierError as BrokenBarrierError
from awaitd.events import Event as Event
from awaitd.locks import Condition as Condition
from awaitd.locks import Lock as Lock
from awaitd.queues import LifoQueue as LifoQueue
from awaitd.queues import PriorityQueue as PriorityQueue
from awaitd.queues import Queue as Queue
from awaitd.queues import QueueEmpty as QueueEmpty
from awaitd.queues import QueueFull as QueueFull
from awaitd.queues import QueueShutDown as QueueShutDown
from awaitd.semaphores import BoundedSemaphore as BoundedSemaphore
from awaitd.semaphores import Semaphore as Semaphore

if sys.platform == "win32":
    from asyncio.windows_events import *
else:
    from asyncio.unix_events import *

if not TYPE_CHECKING:
    if sys.version_info < (3, 12):

        async def wait_for(fut: Any, timeout: float | None) -> Any:
            """That of Python 3.12: the task that calls it is the one that gets the item."""
            if timeout is not None and timeout <= 0:
                return await _asyncio.wait_for(fut, timeout)
            async with _asyncio.timeout(timeout):
                return await fut

    __all__ = sorted({*_asyncio.__all__, "QueueShutDown"})

    def __getattr__(name: str) -> Any:
        """Whatever else asyncio has, its modules too."""
        return getattr(_asyncio, name)

    def __dir__() -> list[str]:
        return sorted({*globals(), *dir(_asyncio)})
