"""What a tour saw, as JSON for programs and as one page of HTML for people."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from markupsafe import Markup

from app.tour.walker import Seen

_HEAD = """<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Tour</title><style>
body { font: 16px/24px system-ui, sans-serif; margin: 24px; color: #1A2230; background: #F6F7F9 }
table { border-collapse: collapse; background: #fff }
td, th { padding: 8px 12px; text-align: start; border: 1px solid #D9DFE7 }
td.number { text-align: end } .bad { color: #B3261E; white-space: pre-wrap }
.all { display: flex; flex-wrap: wrap; gap: 24px; align-items: start }
figure { margin: 0 } img { max-inline-size: 440px; border: 1px solid #D9DFE7 }
</style></head><body>"""
_PICTURE = Markup('<figure><figcaption>{0}</figcaption><a href="{1}"><img src="{1}" alt="{0}"></a></figure>')
_COLUMNS = ("page", "role", "size", "theme", "frame ms", "complete ms", "requests", "KiB", "what is wrong")


def write(seen: Sequence[Seen], folder: Path) -> None:
    told = [{**asdict(one), "clean": one.clean} for one in seen]
    (folder / "report.json").write_text(json.dumps(told, indent=1, ensure_ascii=False))
    (folder / "report.html").write_text(_page(seen))


def _page(seen: Sequence[Seen]) -> str:
    clean = sum(one.clean for one in seen)
    head = Markup("").join(Markup("<th>{}</th>").format(name) for name in _COLUMNS)
    rows = Markup("").join(_row(one) for one in seen)
    pictures = Markup("").join(
        Markup(
            '<figure><figcaption>{0}</figcaption><a href="{1}"><img src="{1}" alt="{0}"></a></figure>'
        ).format(one.name, one.picture)
        for one in seen
        if one.picture
    )
    body = Markup(
        "<h1>{} of {} looks are clean</h1><table><thead><tr>{}</tr></thead><tbody>{}</tbody></table>"
        '<h2>Pictures</h2><div class="all">{}</div></body></html>'
    ).format(clean, len(seen), head, rows, pictures)
    return _HEAD + str(body)


def _row(one: Seen) -> Markup:
    wrong = "\n".join([*one.errors, *one.foreign, *one.findings])
    cells = [one.place.path.split("?")[0], one.place.role, one.size, one.theme]
    numbers = [one.frame_ms, one.complete_ms, one.requests, one.kib]
    return Markup("<tr>{}{}<td class=bad>{}</td></tr>").format(
        Markup("").join(Markup("<td>{}</td>").format(cell) for cell in cells),
        Markup("").join(Markup("<td class=number>{:,.0f}</td>").format(number) for number in numbers),
        wrong,
    )
