"""Measured claims. Each bench prints one JSON object of one shape, or a table; `./headway bench NAME`."""

from __future__ import annotations

BENCHES = {
    "query": ("bench.query", "Every measure by its usual dimensions, beside the bare engine."),
    "ingest": ("bench.ingest", "Events over HTTP at a steady rate, beside bare decode, Arrow and insert."),
    "fuzz": ("bench.fuzz", "Hostile bodies against decoder and gate, for ten minutes."),
    "generate": ("bench.generate", "How fast the demo school is made."),
    "stream": ("bench.stream", "What the live stream costs per event and per listener."),
    "charts": ("bench.charts", "What a drawing costs, beside Bokeh and HoloViews."),
    "pages": ("bench.pages", "What each page costs in the browser, on the server, on the wire."),
    "bell": ("bench.bell", "So many pupils open their page within one second."),
    "anomalies": ("bench.anomalies", "Alarms on labelled streams: right, found, late, false."),
    "learners": ("bench.learners", "One learner, a class, a student's page, at any number of events."),
    "live": ("bench.live", "Open pages at an update a second: processor, memory, delay to the pixel."),
    "start": ("bench.start", "From a fresh clone to a page that answers, and the second start."),
    "mastery": ("bench.mastery", "Tracing of skills on answer sequences: AUC on answers it has not seen."),
}
