"""What the writer must know before the first event: all that is stored already."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pyarrow as pa

from connectors.intake.admission import WITHDRAWN
from connectors.intake.eventids import fingerprints, read_ids
from connectors.intake.fingerprints import Fingerprints
from connectors.intake.quarantine import Quarantine
from connectors.intake.schools import Schools
from connectors.metadata import Consent
from connectors.metadata.consents import Basis
from connectors.warehouse import Warehouse
from connectors.warehouse.stored import quarantined_ids, stored_consents, stored_days


def recall(
    warehouse: Warehouse, schools: Schools, prints: Fingerprints | None, quarantine: Quarantine, key: int
) -> None:
    if prints is not None and not len(prints):
        _recall_ids(warehouse, prints, key)
    for organisation_id, event_id in quarantined_ids(warehouse):
        quarantine.remember(organisation_id, event_id)
    _recall_consents(warehouse, schools)


def _recall_ids(warehouse: Warehouse, prints: Fingerprints, key: int) -> None:
    for day in stored_days(warehouse):
        ids = warehouse.event_ids(day).combine_chunks()
        organisations = np.asarray(ids["organisation_id"])
        for organisation_id in np.unique(organisations).tolist():
            mine = ids["event_id"].filter(pa.array(organisations == organisation_id)).combine_chunks()
            texts = mine.chunk(0) if isinstance(mine, pa.ChunkedArray) else mine
            prints.add(fingerprints(organisation_id, read_ids(texts)[1], key))


def _recall_consents(warehouse: Warehouse, schools: Schools) -> None:
    """A kill between a commit and its record in the metadata database is made good here."""
    given: defaultdict[int, list[Consent]] = defaultdict(list)
    for row in stored_consents(warehouse):
        basis: Basis = "guardian-consent" if '"given_by":"guardian"' in (row["payload"] or "") else "consent"
        if row["event_type"] == WITHDRAWN:
            basis = "withdrawn"
        given[row["organisation_id"]].append(
            Consent(
                row["learner_id"], basis, row["occurred_at"], purpose=row["choice"], event_id=row["event_id"]
            )
        )
    for organisation_id, consents in given.items():
        schools.record(organisation_id, consents)
