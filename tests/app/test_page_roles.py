from __future__ import annotations

from config.roles import OPEN_PAGE, read_roles
from pages import PAGES

ROLES = read_roles()


def test_every_page_is_opened_by_some_role() -> None:
    held = {action for role in ROLES.by_name.values() for action in role.actions}
    closed = [page.path for page in PAGES if page.action not in held]
    assert not closed, f"nobody may open {closed}: add the action to config/roles.toml"


def test_a_page_has_the_action_of_its_own_name() -> None:
    assert [page.path for page in PAGES if page.action != OPEN_PAGE + page.path.strip("/")] == []


def test_who_lands_on_a_page_may_open_it() -> None:
    shut_out = [
        (page.path, role) for page in PAGES for role in page.home_of if page.action not in ROLES[role].actions
    ]
    assert shut_out == []
