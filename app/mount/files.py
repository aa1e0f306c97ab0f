"""Bokeh's and Panel's files, compressed once for the process instead of once for each browser."""

from __future__ import annotations

import gzip
import mimetypes
from functools import lru_cache
from pathlib import Path

from bokeh.embed.bundle import extension_dirs
from bokeh.settings import settings as bokeh_settings
from tornado.web import HTTPError

from app.mount.handlers import Plain
from app.mount.headers import FOR_GOOD

_A_DAY = "public, max-age=86400"
_PACKED = (".js", ".css", ".json", ".svg", ".map", ".wasm")


class Library(Plain):
    """/static/... as pages name it. `?v=` is the file's hash, so such a name may be kept for good."""

    async def get(self, name: str) -> None:
        kind, plain, packed = read(name)
        self.set_header("Content-Type", kind)
        self.set_header("Cache-Control", FOR_GOOD if self.get_query_argument("v", "") else _A_DAY)
        self.set_header("Vary", "Accept-Encoding")
        if packed is not None and "gzip" in self.request.headers.get("Accept-Encoding", ""):
            self.set_header("Content-Encoding", "gzip")
            self.finish(packed)
        else:
            self.finish(plain)


@lru_cache(maxsize=256)
def read(name: str) -> tuple[str, bytes, bytes | None]:
    path = _found(name)
    content = path.read_bytes()
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    packed = gzip.compress(content, 6, mtime=0) if path.suffix in _PACKED else None
    return kind, content, packed


def _found(name: str) -> Path:
    root = Path(bokeh_settings.bokehjs_path())
    if name.startswith("extensions/"):
        _, package, name = (*name.split("/", 2), "")[:3]
        if package not in extension_dirs:
            raise HTTPError(404)
        root = Path(extension_dirs[package])
    path = (root / name).resolve()
    if not path.is_relative_to(root.resolve()) or not path.is_file():
        raise HTTPError(404)
    return path
