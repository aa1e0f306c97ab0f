"""What a child's data may be used for, for the parents: read, not pressed."""

from __future__ import annotations

from pages.cards import Card, bullets
from pages.consents import Use, allowed, uses, ways
from pages.parent.child import ChildSheet
from pages.sheet import Asking, Slot


class ChildDataPage(ChildSheet):
    slots = (Slot("uses", span=7, height=420), Slot("rights", span=5, height=240))

    async def uses(self, ask: Asking) -> Card:
        if not self.filters.child:
            return self.no_child()
        told = await self.visit.desk.look("consents")
        mine: list[Use] = next((r["purposes"] for r in told if r["learner_id"] == self.filters.child), [])
        title = self.say("consent.found_they", n=allowed(mine), all=len(mine), name=self.child)
        return Card(title, self.say("consent.sub"), body=uses(self, mine, "they"), after=ways(self, "they"))

    async def rights(self, ask: Asking) -> Card | None:
        if not self.filters.child:
            return None
        lines = [
            self.say(f"consent.right_{name}", name=self.child) for name in ("see", "copy", "mend", "end")
        ]
        return Card(self.say("consent.rights"), body=bullets(lines))
