"""PBKDF2 for clients that have shown nothing yet: beside the event loop, and bounded."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar
from weakref import WeakValueDictionary

T = TypeVar("T")


class Derivations:
    """Runs what costs PBKDF2: so many at once, and one for each host.

    So a host that asks for many waits for itself; another waits for one of each host at most.

    Args:
        at_once: the number of threads.
    """

    def __init__(self, at_once: int) -> None:
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix="PBKDF2")
        self._turn = asyncio.Semaphore(at_once)
        self._hosts: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def run(self, host: str, work: Callable[[], T]) -> T:
        """What `work` returns, once it is the turn of `host`. Its exceptions are passed on."""
        one_of_host = self._hosts.setdefault(host, asyncio.Lock())
        async with one_of_host, self._turn:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def close(self) -> None:
        """Begin no more; what is being computed is not waited for."""
        self._threads.shutdown(wait=False, cancel_futures=True)
