"""Each planted truth can be found again in the events, by plain NumPy and pandas."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.compute as pc
import pytest

from tests.school import Lived

PLACES = ("northfield", "brightwater")


def said(known: Lived, place: str) -> dict[str, Any]:
    found: dict[str, Any] = known.truth["organisations"][place]
    return found


def events(known: Lived, place: str, columns: list[str], *types: str) -> pd.DataFrame:
    mine = pc.field("organisation_id") == said(known, place)["organisation_id"]
    frame: pd.DataFrame = (
        known.events.filter(mine & pc.field("event_type").isin(types)).select(columns).to_pandas()
    )
    if "day" in frame:
        frame["day"] = pd.to_datetime(frame["day"])
    return frame


def learners(known: Lived, place: str) -> pd.DataFrame:
    frame: pd.DataFrame = known.tables["learner"].to_pandas()
    return frame[frame["organisation_id"] == said(known, place)["organisation_id"]].set_index("learner_id")


def per_day(frame: pd.DataFrame, value: Any, who: pd.Index, days: pd.DatetimeIndex) -> np.ndarray:
    """Learner by day."""
    table = frame.assign(value=value).pivot_table(
        index="learner_id", columns="day", values="value", aggfunc="sum", fill_value=0
    )
    return table.reindex(index=who, columns=days, fill_value=0).to_numpy(float)


def logistic(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients and their standard errors, by Newton's method."""
    x = np.column_stack([np.ones(len(x)), x])
    beta = np.zeros(x.shape[1])
    for _ in range(40):
        p = 1 / (1 + np.exp(-x @ beta))
        information = (x * (p * (1 - p))[:, None]).T @ x
        beta = beta + np.linalg.solve(information, x.T @ (y - p))
    return beta, np.sqrt(np.diag(np.linalg.inv(information)))


@pytest.mark.parametrize("place", PLACES)
def test_what_drives_dropping_out(known_school: Lived, place: str) -> None:
    about = learners(known_school, place)
    days = pd.date_range(known_school.truth["since"], known_school.truth["until"])
    home = events(known_school, place, ["learner_id", "day", "object_id"], "page_view")
    home = home[home["object_id"] == "/home"]
    here = per_day(home, 1, about.index, days) > 0
    marks = events(
        known_school,
        place,
        ["learner_id", "day", "score"],
        *("quiz_submit", "exercise_complete", "assignment_submit"),
    )
    marks = marks[marks["score"] <= 100]
    points, count = (per_day(marks, v, about.index, days) for v in (marks["score"], 1))
    posts = per_day(
        events(known_school, place, ["learner_id", "day"], "post_create", "post_reply"), 1, about.index, days
    )
    begun = (
        events(known_school, place, ["learner_id", "day"], "course_enroll").groupby("learner_id")["day"].min()
    )
    started = (begun.reindex(about.index) - days[0]).dt.days.to_numpy()
    gone = day_of_leaving(known_school, place, about.index)
    advert = (about["acquired_by"] == "advert").to_numpy()
    cast = about.index.isin([int(i) for i in said(known_school, place)["cast"].values()])

    calendar = known_school.tables["school_day"].to_pandas()
    calendar = calendar[calendar["organisation_id"] == said(known_school, place)["organisation_id"]]
    kinds = dict(
        zip(
            pd.to_datetime(calendar["day"]),
            zip(calendar["kind"], calendar["label"], strict=True),
            strict=True,
        )
    )
    rows, left = [], []
    for n in range(14, len(days)):
        before = [kinds[d] for d in days[n - 14 : n]]
        if days[n].weekday() or kinds[days[n]][0] != "term":
            continue
        if any(k == "holiday" and label != "Founders' Day" for k, label in before):
            continue
        who = np.flatnonzero((started <= n - 14) & ~cast & ((gone < 0) | (gone >= n)))
        some = slice(max(n - 27, 0), n)
        n_scores = count[who, some].sum(axis=1)
        mean = np.where(n_scores > 0, points[who, some].sum(axis=1) / np.maximum(n_scores, 1), 70)
        wrote = posts[who, max(n - 28, 0) : n].sum(axis=1) > 0
        rows.append(np.column_stack([here[who, n - 14 : n].sum(axis=1), mean - 70, wrote, advert[who]]))
        left.append(gone[who] == n)
    y, x = np.concatenate(left), np.concatenate(rows)
    beta, error = logistic(x, y.astype(float))
    planted = said(known_school, place)["drop_out"]["coefficients"]
    names = ("active_days_14", "mean_score_28", "posted_28", "acquired_by_advert")
    for name, found, se in zip(names, beta[1:], error[1:], strict=True):
        assert abs(found - planted[name]) < 3.3 * se, (name, found, planted[name], se)
    assert beta[1] < -2 * error[1], "who is seldom there leaves"


def day_of_leaving(known: Lived, place: str, who: pd.Index) -> np.ndarray:
    since = date.fromisoformat(known.truth["since"])
    gone = said(known, place)["drop_out"]["learners"]
    return np.array([(date.fromisoformat(gone[str(i)]) - since).days if str(i) in gone else -1 for i in who])


@pytest.mark.parametrize("place", PLACES)
def test_who_dropped_out_is_not_seen_again(known_school: Lived, place: str) -> None:
    gone = said(known_school, place)["drop_out"]["learners"]
    seen = (
        events(known_school, place, ["learner_id", "day"], "lesson_start").groupby("learner_id")["day"].max()
    )
    assert len(gone) > 20
    for learner, day in gone.items():
        assert int(learner) not in seen.index or seen[int(learner)] < pd.Timestamp(day)


def difference(known: Lived, place: str, experiment: str) -> tuple[float, float]:
    """Treatment less control in completed lessons a started one, with its error (learners as clusters)."""
    shown = events(known, place, ["learner_id", "occurred_at", "object_id", "choice"], "experiment_exposure")
    shown = shown[shown["object_id"] == experiment].set_index("learner_id")
    lessons = events(
        known, place, ["learner_id", "occurred_at", "event_type"], "lesson_start", "lesson_complete"
    ).join(shown.add_suffix("_shown"), on="learner_id", how="inner")
    lessons = lessons[lessons["occurred_at"] > lessons["occurred_at_shown"]]
    counts = lessons.groupby(["choice_shown", "learner_id", "event_type"]).size().unstack(fill_value=0)
    share, variance = {}, {}
    for arm in ("control", "treatment"):
        begun = counts.loc[arm]["lesson_start"].to_numpy(float)
        done = counts.loc[arm]["lesson_complete"].to_numpy(float)
        share[arm] = done.sum() / begun.sum()
        variance[arm] = ((done - share[arm] * begun) ** 2).sum() / begun.sum() ** 2
    return share["treatment"] - share["control"], float(np.sqrt(sum(variance.values())))


@pytest.mark.parametrize("place", PLACES)
def test_one_experiment_works_and_the_other_does_not(known_school: Lived, place: str) -> None:
    planted = said(known_school, place)["experiments"]
    found, error = difference(known_school, place, planted["with_effect"]["experiment_id"])
    assert found > 3 * error
    assert abs(found - planted["with_effect"]["effect"]) < 3 * error + 0.01
    found, error = difference(known_school, place, planted["without_effect"]["experiment_id"])
    assert abs(found) < 3 * error


@pytest.mark.parametrize("place", PLACES)
def test_one_video_loses_people_in_its_fourth_minute(known_school: Lived, place: str) -> None:
    left = events(known_school, place, ["video_id", "position_s"], "video_pause")
    ended = events(known_school, place, ["video_id", "position_s"], "video_complete")
    both = pd.concat([left.assign(left=True), ended.assign(left=False)])
    worst: list[tuple[float, str, int]] = []
    for video, views in both.groupby("video_id"):
        for minute in range(9):
            reached = views[views["position_s"] >= 60 * minute]
            if len(reached) >= 80:
                lost = (reached["left"] & (reached["position_s"] < 60 * (minute + 1))).mean()
                worst.append((float(lost), str(video), minute))
    share, video, minute = max(worst)
    planted = said(known_school, place)["video"]
    assert (video, 60 * minute) == (planted["video_id"], planted["from_s"])
    assert abs(share - planted["share_lost"]) < 0.15


@pytest.mark.parametrize("place", PLACES)
def test_one_item_is_answered_worse_by_the_abler(known_school: Lived, place: str) -> None:
    answers = events(known_school, place, ["learner_id", "item_id", "correct"], "quiz_answer")
    answers["correct"] = answers["correct"].astype(float)
    able = answers.groupby("learner_id")["correct"].mean()
    answers["able"] = answers["learner_id"].map(able)
    often = answers.groupby("item_id").filter(lambda some: len(some) >= 60)
    fits = often.groupby("item_id")[["correct", "able"]].corr().iloc[0::2, 1].droplevel(1)
    assert fits.idxmin() == said(known_school, place)["item"]["item_id"]
    assert fits.min() < -0.1


@pytest.mark.parametrize("place", PLACES)
def test_three_habits_part_the_learners(known_school: Lived, place: str) -> None:
    sat = events(known_school, place, ["learner_id", "day", "hour", "object_id"], "page_view")
    sat = sat[sat["object_id"] == "/home"]
    sat["weekend"] = sat["day"].dt.day_of_week >= 5
    habit = sat.groupby("learner_id").agg(
        weekend=("weekend", "mean"), hour=("hour", "mean"), count=("hour", "size")
    )
    habit = habit[habit["count"] >= 12]
    guess = np.where(habit["weekend"] > 0.6, "weekender", np.where(habit["hour"] > 18.2, "crammer", "steady"))
    planted = {
        int(i): name for name, s in said(known_school, place)["segments"].items() for i in s["learners"]
    }
    truth = np.array([planted[i] for i in habit.index])
    assert set(truth) == {"steady", "weekender", "crammer"}
    assert (guess == truth).mean() > 0.93


@pytest.mark.parametrize("place", PLACES)
def test_the_last_step_of_the_funnel_breaks_on_known_days(known_school: Lived, place: str) -> None:
    planted = said(known_school, place)["funnel"]
    days = pd.date_range(known_school.truth["since"], known_school.truth["until"])
    steps = events(known_school, place, ["session_id", "day", "object_id", "event_type"], "feature_used")
    checkout = steps[steps["object_id"] == "checkout"]
    paid = events(known_school, place, ["session_id", "day"], "order_paid")
    bought = checkout["session_id"].isin(paid["session_id"])
    at_all = checkout.groupby("day").size().reindex(days, fill_value=0).rolling(10).sum()
    good = checkout[bought].groupby("day").size().reindex(days, fill_value=0).rolling(10).sum()
    share = (good / at_all).where(at_all >= 8)
    worst = share.idxmin()
    broken = pd.Timestamp(planted["broken_until"]) - timedelta(days=1)
    assert abs((worst - broken).days) <= 3
    assert share.min() < 0.3 < 0.5 < good.sum() / at_all.sum()


def test_revenue_grows_and_swings_with_a_season(known_school: Lived) -> None:
    planted = said(known_school, "brightwater")["revenue"]
    views = events(known_school, "brightwater", ["day", "object_id"], "page_view")
    views = views[views["object_id"].str.startswith("/catalogue/")]
    since = pd.Timestamp(known_school.truth["since"])
    week = ((views["day"] - since).dt.days // 7).to_numpy()
    count = np.bincount(week, minlength=26)[:26].astype(float)
    t = np.arange(26) + 0.5
    beta = np.array([np.log(count.mean()), 0.0, 0.0])

    def rate(b: np.ndarray) -> np.ndarray:
        return np.exp(b[0] + b[1] * t) * (1 + b[2] * np.sin(2 * np.pi * t / planted["season_weeks"]))

    for _ in range(50):  # Gauss-Newton on counts weighted like Poisson ones
        now = rate(beta)
        slope = np.column_stack([(rate(beta + e) - now) / 1e-5 for e in np.eye(3) * 1e-5])
        weight = 1 / now
        information = (slope * weight[:, None]).T @ slope
        beta = beta + np.linalg.solve(information, (slope * weight[:, None]).T @ (count - now))
    error = np.sqrt(np.diag(np.linalg.inv(information)))
    assert abs(beta[1] - planted["growth_a_week"]) < 3 * error[1] and beta[1] > 4 * error[1]
    assert abs(beta[2] - planted["season"]) < 3 * error[2] and beta[2] > 4 * error[2]
    paid = events(known_school, "brightwater", ["day", "amount_cents"], "order_paid")
    half = pd.Timestamp(since) + timedelta(days=91)
    assert (
        paid[paid["day"] >= half]["amount_cents"].sum()
        > 1.15 * paid[paid["day"] < half]["amount_cents"].sum()
    )


def predictions(known: Lived, place: str) -> pd.DataFrame:
    """Each outcome with the probability it was given, and the day of that prediction."""
    served = events(known, place, ["learner_id", "day", "payload"], "prediction_served")
    came = events(known, place, ["learner_id", "day", "payload"], "prediction_outcome")
    served["p"] = served["payload"].str.extract(r'"probability":([0-9.]+)')[0].astype(float)
    came["p_then"] = came["payload"].str.extract(r'"probability":([0-9.]+)')[0].astype(float)
    came["y"] = came["payload"].str.contains('"outcome":true')
    pairs = pd.merge_asof(
        came.sort_values("day"),
        served[["learner_id", "day", "p"]].rename(columns={"day": "served"}).sort_values("served"),
        left_on="day",
        right_on="served",
        by="learner_id",
        allow_exact_matches=False,
    )
    assert (pairs["p"] == pairs["p_then"]).mean() > 0.97
    return pairs.dropna()


@pytest.mark.parametrize("place", PLACES)
def test_the_model_drifts_from_a_known_day_and_is_unfair_before_it(known_school: Lived, place: str) -> None:
    planted = said(known_school, place)["model"]
    pairs, about = predictions(known_school, place), learners(known_school, place)
    pairs["other"] = (
        pairs["learner_id"].map(about["language"]) != {"northfield": "de", "brightwater": "en"}[place]
    )
    gap = (pairs["p"] - pairs["y"]).groupby(pairs["served"]).agg(["sum", "size"]).sort_index()
    total, n = gap["sum"].cumsum(), gap["size"].cumsum()
    before, after = total / n, (total.iloc[-1] - total) / (n.iloc[-1] - n)
    balance = np.sqrt(n * (n.iloc[-1] - n))
    change = ((after - before) * balance).idxmax()
    assert abs((change - pd.Timestamp(planted["drifts_since"])).days) <= 7
    calm = pairs[pairs["served"] < pd.Timestamp(planted["drifts_since"])]
    rates = calm.groupby("other").agg(p=("p", "mean"), y=("y", "mean"))
    excess = (rates["p"] - rates["y"]).to_dict()
    assert abs(excess[False]) < 0.06
    assert excess[True] - excess[False] > 0.1


def test_one_week_of_one_source_is_bad(known_school: Lived) -> None:
    for place in PLACES:
        planted = said(known_school, place)["bad_week"]
        mine = pc.field("organisation_id") == said(known_school, place)["organisation_id"]
        columns = ["day", "source", "occurred_at", "received_at", "device_type", "score", "learner_id"]
        frame = known_school.events.filter(mine).select([*columns, "event_type", "session_id"]).to_pandas()
        since = pd.Timestamp(known_school.truth["since"])
        # Weeks counted so that the bad one is one of them: a week that is half bad is half as bad.
        offset = (pd.Timestamp(planted["since"]) - since).days % 7
        frame["week"] = ((pd.to_datetime(frame["day"]) - since).dt.days - offset) // 7
        frame["late"] = frame["received_at"] - frame["occurred_at"] > timedelta(hours=12)
        frame["bare"] = frame["device_type"].isna()
        frame["over"] = frame["score"] > 100
        frame["again"] = frame.duplicated(["session_id", "event_type", "occurred_at", "learner_id"])
        by = frame.groupby(["source", "week"])[["late", "bare", "over", "again"]].mean()
        worst = (planted["source"], (pd.Timestamp(planted["since"]) - since).days // 7)
        for sign in ("late", "bare", "over", "again"):
            assert by[sign].idxmax() == worst, sign
            assert by[sign].drop(index=worst).max() < by[sign].max() / 3, sign
        assert abs(by["late"][worst] - planted["late"]) < 0.05
        assert abs(by["bare"][worst] - planted["missing_device"]) < 0.05


@pytest.mark.parametrize("place", PLACES)
def test_one_learner_has_hardly_any_data(known_school: Lived, place: str) -> None:
    poor = int(said(known_school, place)["data_poor_learner"])
    mine = known_school.events.filter(pc.field("learner_id") == poor)
    assert 0 < len(mine) < 12
    rich = known_school.events.filter(
        pc.field("learner_id") == int(next(iter(said(known_school, place)["cast"].values())))
    )
    assert len(rich) > 1000


def test_growth_stays_sane_over_ten_years() -> None:
    from connectors.demo.learners import demand

    ten_years = demand(np.array([0, 3652]), 3653)
    assert 1 < ten_years[1] / ten_years[0] < 5
