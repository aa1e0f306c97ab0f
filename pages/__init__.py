"""What people see. PAGES is the menu, in its order; `pages/README.md` says how a page is written."""

from __future__ import annotations

from pages.admin import AdminPage
from pages.assessments import AssessmentsPage
from pages.compare import ComparePage
from pages.content import ContentPage
from pages.interventions import InterventionsPage
from pages.learner import LearnerPage
from pages.parent import ParentPage
from pages.parent.data import ChildDataPage
from pages.parent.letter import LetterPage
from pages.parent.over_time import ChildOverTimePage
from pages.places import Page, Visit
from pages.quality import QualityPage
from pages.settings import SettingsPage
from pages.student import StudentPage
from pages.student.achievements import AchievementsPage
from pages.student.data import MyDataPage
from pages.student.progress import ProgressPage
from pages.teacher import TeacherPage

PAGES: tuple[Page, ...] = (
    Page("/student", "page.student", "open-page:student", StudentPage, "person", ("period",), ("student",)),
    Page("/progress", "page.progress", "open-page:progress", ProgressPage, "trend", ("frame",)),
    Page("/achievements", "page.achievements", "open-page:achievements", AchievementsPage, "star"),
    Page("/my-data", "page.my_data", "open-page:my-data", MyDataPage, "shield"),
    Page(
        "/parent", "page.parent", "open-page:parent", ParentPage, "family", ("child", "period"), ("guardian",)
    ),
    Page(
        "/over-time", "page.over_time", "open-page:over-time", ChildOverTimePage, "trend", ("child", "period")
    ),
    Page("/letter", "page.letter", "open-page:letter", LetterPage, "letter", ("child",)),
    Page("/child-data", "page.child_data", "open-page:child-data", ChildDataPage, "shield", ("child",)),
    Page(
        "/teacher",
        "page.teacher",
        "open-page:teacher",
        TeacherPage,
        "board",
        ("class", "period"),
        ("teacher",),
    ),
    Page(
        "/interventions",
        "page.interventions",
        "open-page:interventions",
        InterventionsPage,
        "bell",
        ("class",),
    ),
    Page(
        "/content",
        "page.content",
        "open-page:content",
        ContentPage,
        "book",
        ("course", "class", "period"),
    ),
    Page(
        "/assessments",
        "page.assessments",
        "open-page:assessments",
        AssessmentsPage,
        "check",
        ("course", "class", "period"),
    ),
    Page("/compare", "page.compare", "open-page:compare", ComparePage, "chart", ("class", "period")),
    Page(
        "/learner",
        "page.learner",
        "open-page:learner",
        LearnerPage,
        "person",
        ("period",),
        in_menu=False,
        named=True,
    ),
    Page(
        "/admin",
        "page.admin",
        "open-page:admin",
        AdminPage,
        "building",
        ("period", "course", "class"),
        ("administrator",),
    ),
    Page("/settings", "page.settings", "open-page:settings", SettingsPage, "gear"),
    Page("/quality", "page.quality", "open-page:quality", QualityPage, "shield", ("period",)),
)

__all__ = ["PAGES", "Page", "Visit"]
