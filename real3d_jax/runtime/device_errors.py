"""Tells of a device that fails amid a step, while the program waits for the others, which wait for that one."""

import queue
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any

_OWN_WORDS = 5.0  # seconds in which the main thread may find the error itself


class DeviceErrors:
    """A context in which each device's part of results is waited for in a thread of its own.

    Where one device fails, by its memory say, those that exchange something with it never end. Whoever waits for all of
    them, or for another process that does, hears nothing of the failure.

    Args:
      tell: is called, in one of the threads, with the error and with what failed ("device cuda:2"), unless the context
        is left within seconds, since the main thread has found the error, too.
    """

    def __init__(self, tell: Callable[[BaseException, str], None]):
        self._tell = tell
        self._parts: dict[Any, queue.SimpleQueue[Any]] = {}
        self._left = threading.Event()

    def __enter__(self) -> "DeviceErrors":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._left.set()
        for parts in self._parts.values():
            parts.put(None)

    def follow(self, result: Any) -> None:
        """Waits for an array (`jax.Array`) that may not be computed yet; returns at once."""
        for shard in result.addressable_shards:
            if shard.device not in self._parts:
                self._parts[shard.device] = queue.SimpleQueue()
                threading.Thread(target=self._wait, args=(shard.device,), name="device errors", daemon=True).start()
            self._parts[shard.device].put(shard.data)

    def _wait(self, device: Any) -> None:
        while (part := self._parts[device].get()) is not None:
            try:
                part.block_until_ready()
            except Exception as error:
                if not self._left.wait(_OWN_WORDS):
                    self._tell(error, f"device {device}")
                return
