"""What every page for parents begins with: one child, chosen, and never two added up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from pages.cards import Card
from pages.filters import Filters
from pages.sheet import Sheet


class ChildSheet(Sheet):
    def read_query(self, query: Mapping[str, str]) -> Filters:
        """A child is always chosen: two children's numbers are never added up."""
        read = super().read_query(query)
        mine = [child.value for child in self.visit.me.children]
        if read.child in mine:
            return read
        problems = (*read.problems, "filter.unknown_choice") if read.child else read.problems
        return replace(read, child=mine[0] if mine else None, problems=problems)

    @property
    def child(self) -> str:
        """The first name, or "" where there is no child to see."""
        found = (c.label for c in self.visit.me.children if c.value == self.filters.child)
        return next(found, "").split(" ")[0]

    def no_child(self) -> Card:
        return Card(self.say("parent.no_child"), empty=self.say("parent.no_child_means"))
