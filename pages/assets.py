"""Files of the frame under names that hold their content's hash, so that a browser keeps them for good."""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "assets"
SERVED = (".css", ".js", ".svg", ".woff2", ".png", ".webmanifest")


@dataclass(frozen=True, slots=True)
class Asset:
    href: str
    kind: str
    content: bytes
    packed: bytes


@cache
def assets() -> dict[str, Asset]:
    """By file name as written in `assets/`."""
    return {
        path.relative_to(FOLDER).as_posix(): _read(path)
        for path in sorted(FOLDER.rglob("*"))
        if path.suffix in SERVED
    }


def _read(path: Path) -> Asset:
    content = path.read_bytes()
    mark = hashlib.sha256(content).hexdigest()[:16]
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    kind = f"{kind}; charset=utf-8" if kind.startswith("text/") else kind
    return Asset(
        f"/assets/{path.stem}-{mark}{path.suffix}", kind, content, gzip.compress(content, 9, mtime=0)
    )


@cache
def by_href() -> dict[str, Asset]:
    return {asset.href: asset for asset in assets().values()}


def href(name: str) -> str:
    return assets()[name].href
