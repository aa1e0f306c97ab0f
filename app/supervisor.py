"""Starts the parts, watches over them, stops them together."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import AsyncIterator, Callable, Sequence

from app.children import VARIABLE
from app.parts import Part

_FIRST_WAIT_S = 0.5
_LONGEST_WAIT_S = 30.0
_GRACE_S = 10.0  # to finish what is under way, after SIGTERM
_PROBE_S = 0.1
_LOOK_EVERY_S = 10.0
_MISSES = 6  # looks in a row without an answer, each of five seconds at most: the part hangs


class Supervisor:
    """Keeps the parts running. One that never came up ends all; one that dies or hangs later is restarted."""

    def __init__(
        self, parts: Sequence[Part], say: Callable[[str], None], look_every_s: float = _LOOK_EVERY_S
    ) -> None:
        self._parts = parts
        self._say = say
        self._look_every_s = look_every_s
        self._stopping = asyncio.Event()
        self._running: dict[str, asyncio.subprocess.Process] = {}
        self._up: dict[str, asyncio.Event] = {part.name: asyncio.Event() for part in parts}
        self._code = 0

    async def run(self, once_up: Callable[[], None]) -> int:
        """Until a signal or a part that cannot run; the exit code says which."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self.stop)
        tasks = [asyncio.ensure_future(self._keep(part)) for part in self._parts]
        tasks += [asyncio.ensure_future(self._look(part)) for part in self._parts]
        tasks.append(asyncio.ensure_future(self._greet(once_up)))
        await self._stopping.wait()
        await self._end_all()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return self._code

    def stop(self) -> None:
        self._stopping.set()

    async def _greet(self, once_up: Callable[[], None]) -> None:
        await asyncio.gather(*(up.wait() for up in self._up.values()))
        once_up()

    async def _look(self, part: Part) -> None:
        while not await part.answers():  # noqa: ASYNC110 - a port tells nobody when it opens
            await asyncio.sleep(_PROBE_S)
        self._up[part.name].set()
        missed = 0
        while True:
            await asyncio.sleep(self._look_every_s)
            missed = 0 if await part.lives() else missed + 1
            if missed >= _MISSES:
                missed = 0
                await self._end_hanging(part)

    async def _end_hanging(self, part: Part) -> None:
        """One that hangs is ended; whoever keeps it starts it again, as if it had died."""
        process = self._running[part.name]
        if process.returncode is None and not self._stopping.is_set():
            self._say(f"{part.name} has not answered for a while; ending it.")
            await _end(process)

    async def _keep(self, part: Part) -> None:
        wait_s = _FIRST_WAIT_S
        for name in part.after:
            await self._up[name].wait()
        while not self._stopping.is_set():
            began = asyncio.get_running_loop().time()
            process = self._running[part.name] = await _start(part)
            code = await process.wait()
            if self._stopping.is_set():
                return
            if not self._up[part.name].is_set():
                self._give_up(code)
                return
            lived_s = asyncio.get_running_loop().time() - began
            wait_s = _FIRST_WAIT_S if lived_s > _LONGEST_WAIT_S else min(wait_s * 2, _LONGEST_WAIT_S)
            self._say(f"{part.name} stopped (exit code {code}); starting it again.")
            await asyncio.sleep(wait_s)

    def _give_up(self, code: int) -> None:
        # The part has said why in one line of its own.
        self._code = code if code > 0 else 1
        self.stop()

    async def _end_all(self) -> None:
        """Pages first: they still need core to say good-bye."""
        for part in reversed(self._parts):
            process = self._running.get(part.name)
            if process is not None and process.returncode is None:
                await _end(process)


@contextlib.asynccontextmanager
async def beside(some: Sequence[Part]) -> AsyncIterator[None]:
    """Other parts, beside a process that is one itself; they are not restarted."""
    running = [await _start(part) for part in some]
    try:
        yield
    finally:
        for process in running:
            await _end(process)


async def _start(part: Part) -> asyncio.subprocess.Process:
    # A session of its own, so that Ctrl-C reaches only us; the pipe tells the child when we die.
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "app",
        *(["--debug"] if "--debug" in sys.argv[1:2] else []),
        *part.arguments,
        stdin=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL if part.quiet else None,
        env={**part.environment, VARIABLE: "1"},
        start_new_session=True,
    )


async def _end(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), _GRACE_S)
        except TimeoutError:
            process.kill()
            await process.wait()
