"""The first questions once more, in marimo: `./headway notebook --marimo`, or run it as a script."""

import marimo

app = marimo.App(width="medium")


@app.cell
def _():
    from datetime import timedelta

    import panel as pn

    from app.notebook import charts, open_desk

    desk = open_desk()
    return charts, desk, pn, timedelta


@app.cell
def _(desk):
    weeks = desk.ask("active_learners, mean_score, lessons_completed by week")
    weeks.pandas()
    return (weeks,)


@app.cell
def _(charts, desk, pn, timedelta):
    span = pn.widgets.IntSlider(label="Weeks", start=2, end=12, value=6)

    def drawn(weeks):
        asked = desk.ask(f"active_learners by day since {desk.today - timedelta(weeks=weeks)}")
        days = (desk.today - timedelta(weeks=weeks)).strftime("%d %B")
        return desk.chart(
            charts.line, asked, f"Active learners by day since {days}", x="day", today=desk.today
        )

    pn.Column(span, pn.bind(drawn, span))
    return (drawn,)


if __name__ == "__main__":
    app.run()
