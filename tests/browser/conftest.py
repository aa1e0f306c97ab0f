from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from app import chromium
from app.tour import Running, Walker, demo, walker
from app.tour.school import make


@pytest.fixture(scope="session")
def small_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A school of 150 learners up to today; to be copied by whoever changes it."""
    if chromium.find() is None:
        pytest.skip(f"no Chromium on this machine; install it or name it in {chromium.VARIABLE}")
    data = tmp_path_factory.mktemp("hw")
    make(data)
    return data


@pytest.fixture(scope="session")
def running(small_data: Path) -> Iterator[Running]:
    """The small school behind its real processes. Read only: all browser tests share it."""
    with demo(small_data) as running:
        yield running


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def walks(running: Running) -> AsyncIterator[Walker]:
    async with walker(running.address) as walks:
        yield walks


@pytest.fixture(scope="module")
def own(small_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A school of one file's own: what is done there moves its data, and its processes are killed."""
    data = tmp_path_factory.mktemp("hw") / "own"
    shutil.copytree(small_data, data, ignore=shutil.ignore_patterns("lock", "*.log", "*.sock"))
    with demo(data) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def guests(own: Running) -> AsyncIterator[Walker]:
    async with walker(own.address) as walks:
        yield walks
