"""What may take long takes long, now and then, and other threads get in between: hostile, and legal all the same.

Only what the product does is late; a test looks as early as it can. Imports nothing that the process would not have
imported by itself: a patch comes with what it patches.
"""

from __future__ import annotations

import functools
import importlib.machinery
import os
import random
import re
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine
from types import ModuleType
from typing import Any

SHARE = 0.2
LONGEST_SECONDS = 0.15
# All that one process waits: bounds of tests hold on a busy machine, not on one that stands still.
SHARE_OF_THE_TIME, FREE_SECONDS = 0.5, 3.0
SWITCH_SECONDS = 1e-5
FILE_CALLS = ("replace", "rename", "unlink", "link", "rmdir", "fsync")
OURS = re.compile(r"^(?!.*/(?:site-packages|lib/python3[^/]*)/).*/(?:src|tests|benchmarks)/.*\.py$")
NOT_THE_PRODUCT = ("/tests/", "/benchmarks/", "/mesh_core/testing.py")

_draw = random.Random()
_main_waits = True
_began, _waited = time.monotonic(), 0.0
_sleep, _async_sleep = time.sleep, None


def shake(seed: str, *, main_waits: bool = True) -> None:
    """From now on, in this process. `main_waits`: False where the main thread is the test's own."""
    global _main_waits
    _main_waits = main_waits
    begin(seed)
    sys.setswitchinterval(SWITCH_SECONDS)
    for name in FILE_CALLS:
        late = _late_call(call := getattr(os, name))
        setattr(os, name, late)
        for supported in (os.supports_dir_fd, os.supports_follow_symlinks):
            if call in supported:
                supported.add(late)
    for name, patch in (("asyncio", _shake_asyncio), ("redis.asyncio.client", _shake_redis)):
        if name in sys.modules:
            patch(sys.modules[name])
        else:
            sys.meta_path.insert(0, _Patched(name, patch))


def begin(seed: str) -> None:
    """Draw anew: the same test with the same seed waits as often and as long."""
    global _began, _waited
    _draw.seed(seed)
    _began, _waited = time.monotonic(), 0.0


def _seconds() -> float:
    """How long to wait this time; mostly not at all."""
    global _waited
    seconds = _draw.random() * LONGEST_SECONDS if _draw.random() < SHARE else 0.0
    if _waited + seconds > FREE_SECONDS + SHARE_OF_THE_TIME * (time.monotonic() - _began):
        return 0.0
    _waited += seconds
    return seconds


def _asked_by_the_product() -> bool:
    """Is the nearest of our own files above the caller one of the product's?"""
    frame = sys._getframe(2)
    while frame is not None:
        kind = _kind(frame.f_code.co_filename)
        if kind is not None and frame.f_code.co_filename != __file__:
            return kind
        frame = frame.f_back
    return False


@functools.cache
def _kind(file: str) -> bool | None:
    """True: of the product; False: of its tests; None: neither."""
    return not any(part in file for part in NOT_THE_PRODUCT) if OURS.search(file) else None


def _late_call(call: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(call)
    def late(*arguments: Any, **named: Any) -> Any:
        waits = (_main_waits or threading.current_thread() is not threading.main_thread()) and _asked_by_the_product()
        if not waits:
            return call(*arguments, **named)
        _sleep(_seconds())
        try:
            return call(*arguments, **named)
        finally:
            _sleep(_seconds())

    return late


def _late_await(call: Callable[..., Awaitable[Any]], *, before: bool = True) -> Callable[..., Coroutine[Any, Any, Any]]:
    @functools.wraps(call)
    async def late(*arguments: Any, **named: Any) -> Any:
        if not _asked_by_the_product():
            return await call(*arguments, **named)
        if before and (seconds := _seconds()):
            await _async_sleep(seconds)
        result = await call(*arguments, **named)
        if seconds := _seconds():
            await _async_sleep(seconds)
        return result

    return late


class _LateStart(Coroutine):
    """A coroutine whose task begins a little later; cancelled before that it never began, as asyncio has it, too."""

    def __init__(self, of: Coroutine[Any, Any, Any], seconds: float):
        self._of = of
        self._late = self._begin(seconds)
        # What closes an asynchronous generator has neither.
        self.__name__ = getattr(of, "__name__", type(of).__name__)
        self.__qualname__ = getattr(of, "__qualname__", self.__name__)

    async def _begin(self, seconds: float) -> Any:
        await _async_sleep(seconds)
        return await self._of

    def send(self, value: Any) -> Any:
        return self._late.send(value)

    def throw(self, *error: Any) -> Any:
        try:
            return self._late.throw(*error)
        except BaseException:
            self._of.close()
            raise

    def close(self) -> None:
        self._late.close()
        self._of.close()

    def __await__(self) -> Any:
        return self._late.__await__()


def _shake_asyncio(asyncio: ModuleType) -> None:
    global _async_sleep
    _async_sleep = asyncio.sleep
    loop = asyncio.BaseEventLoop
    create_task, run_in_executor = loop.create_task, loop.run_in_executor

    def late_task(self: Any, coroutine: Any, **named: Any) -> Any:
        if asyncio.iscoroutine(coroutine) and _asked_by_the_product() and (seconds := _seconds()):
            coroutine = _LateStart(coroutine, seconds)
        return create_task(self, coroutine, **named)

    def late_thread(self: Any, executor: Any, function: Callable[..., Any], *arguments: Any) -> Any:
        if not _asked_by_the_product():
            return run_in_executor(self, executor, function, *arguments)
        before, after = _seconds(), _seconds()

        def late() -> Any:
            _sleep(before)
            try:
                return function(*arguments)
            finally:
                _sleep(after)

        return run_in_executor(self, executor, late)

    async def late_sleep(delay: float, result: Any = None) -> Any:
        extra = _seconds() if delay > 0 and _asked_by_the_product() else 0.0
        return await _async_sleep(delay + extra, result)

    loop.create_task, loop.run_in_executor = late_task, late_thread
    asyncio.sleep = asyncio.tasks.sleep = late_sleep
    asyncio.Event.wait = _late_await(asyncio.Event.wait, before=False)


def _shake_redis(client: ModuleType) -> None:
    client.Redis.execute_command = _late_await(client.Redis.execute_command)
    client.Pipeline.execute = _late_await(client.Pipeline.execute)
    client.PubSub.execute_command = _late_await(client.PubSub.execute_command)


class _Patched:
    """Finds one module as Python does, and patches it once it is there."""

    def __init__(self, name: str, patch: Callable[[ModuleType], None]):
        self._name = name
        self._patch = patch

    def find_spec(self, name: str, path: Any, target: Any = None) -> Any:
        if name != self._name:
            return None
        sys.meta_path.remove(self)
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        execute = spec.loader.exec_module

        def execute_and_patch(module: ModuleType) -> None:
            execute(module)
            self._patch(module)

        spec.loader.exec_module = execute_and_patch
        return spec
