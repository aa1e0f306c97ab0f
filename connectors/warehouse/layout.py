"""DuckDB: months of learner_event lie by learner, so that a question about one learner skips the others.

Events come day by day, and folding adds them as they come. Once a month is over, and again when much came
late, its rows are written anew in order of learner, in an idle moment. Their order changes no answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from connectors.warehouse.duckdb_parts import Connection
from models.tables import LEARNER_EVENT

FEWEST = 250_000  # rows of a month: in two stretches of the file there is little to skip
MOST_LATE = 8  # written anew when more than one in so many rows came since
COUNTED = (
    "SELECT CAST(date_trunc('month', day) AS DATE) AS month, count(*) AS rows "
    f"FROM {LEARNER_EVENT.name} GROUP BY 1"
)


def waiting(connection: Connection) -> list[date]:
    """Months that are over and do not lie by learner."""
    found = connection.execute(
        f"SELECT c.month FROM ({COUNTED}) AS c LEFT JOIN laid_out AS l ON l.month = c.month "
        f"WHERE c.rows >= {FEWEST} AND (c.rows - coalesce(l.rows, 0)) * {MOST_LATE} > c.rows "
        f"AND c.month < (SELECT date_trunc('month', max(day)) FROM {LEARNER_EVENT.name}) ORDER BY 1"
    )
    return [month for (month,) in found.fetchall()]


def laying_out(month: date) -> Iterator[str]:
    name = LEARNER_EVENT.name
    inside = f"day >= DATE '{month}' AND day < DATE '{month}' + INTERVAL '1' MONTH"
    yield (
        f"CREATE OR REPLACE TEMP TABLE month_rows AS SELECT * FROM {name} WHERE {inside} "
        "ORDER BY organisation_id, learner_id, day"
    )
    yield f"DELETE FROM {name} WHERE {inside}"
    yield f"INSERT INTO {name} SELECT * FROM month_rows"
    yield f"DELETE FROM laid_out WHERE month = DATE '{month}'"
    yield f"INSERT INTO laid_out SELECT DATE '{month}', count(*) FROM month_rows"
    yield "DROP TABLE month_rows"


def all_laid_out() -> Iterator[str]:
    """After a rebuild, which makes each month in this order."""
    yield "DELETE FROM laid_out"
    yield f"INSERT INTO laid_out {COUNTED}"
