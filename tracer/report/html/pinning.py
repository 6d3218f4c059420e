"""The view of `explain pinning` and of `explain async`, tracer.explain/2."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tracer.report.html import blocks
from tracer.report.html.blocks import Block, Column, section
from tracer.report.html.host import (
    answer,
    few,
    interval,
    is_judged,
    measured,
    ratio_text,
    share_text,
    time_text,
    tone_of,
)
from tracer.report.scale import is_wide, scaled
from tracer.units import counted, duration


def view(document: Mapping[str, Any]) -> dict[str, Any]:
    """Of the question that the document is of."""
    return _pinning(document) if document["question"] == "pinning" else _asynchrony(document)


def _measured(document: Mapping[str, Any]) -> dict[str, Any]:
    missing = [f"not tested here: {name} ({why})" for name, why in document["missing"].items()]
    return measured(document, counted(document["rounds"], "block") + ".", *missing)


# ---- explain pinning ----


def _pinning(document: Mapping[str, Any]) -> dict[str, Any]:
    unit = document["unit"]
    return {
        "title": f"Why is {blocks.name(document['workload'])} slower free to move than pinned?",
        "sections": [
            answer(document, few(document["rounds"]), _advice(document)),
            section(
                "steps",
                "The experiment",
                _step_times(document["steps"], unit),
                _step_gains(document["steps"]),
                _steps(document["steps"], unit),
                lead="Each suspected mechanism switched off: untraced times with their intervals.",
                short="Experiment",
            ),
            section("cpus", "By number of CPUs", *_rungs(document["rungs"], unit), short="CPUs"),
            section(
                "theories",
                "The theories",
                _theories(document["theories"]),
                _prediction(document["prediction"]),
                lead="What each predicted before the runs, what was seen, and the verdict. Several"
                " can cover the same time.",
                short="Theories",
            ),
            section(
                "path", "The critical path in both", _lines(document["lines"], unit), short="Path"
            ),
            _measured(document),
        ],
    }


def _advice(document: Mapping[str, Any]) -> Block | None:
    tried = [row for row in document["advice"] if row["gain"]]
    if not tried:
        return None
    judged = is_judged(document, document["rounds"])
    gains = [
        interval(
            row["text"],
            ratio_text(row["gain"]),
            row["gain"],
            tone_of(row["gain"]["low"], row["gain"]["high"], judged, is_gain=True),
        )
        for row in tried
    ]
    return blocks.intervals(
        "What to do: how many times as fast", gains, reference=1.0, about="1: no difference"
    )


def _step_times(steps: Sequence[Mapping[str, Any]], unit: str) -> Block:
    rows = [
        interval(step["label"], time_text(step["ns"]), step["ns"], "dim" * bool(step["no_effect"]))
        for step in steps
    ]
    note = "Grey: it did not act here, and is no evidence." * any(s["no_effect"] for s in steps)
    return blocks.intervals(f"Time per {unit}", rows, note=note)


def _step_gains(steps: Sequence[Mapping[str, Any]]) -> Block | None:
    rows = [
        interval(step["label"], share_text(step["recovered"]), step["recovered"])
        for step in steps
        if step["recovered"] and not step["no_effect"]
    ]
    about = "0: as slow as free to move; 1: as fast as pinned"
    return (
        blocks.intervals("Share of the gap that is gone", rows, reference=0.0, about=about)
        if rows
        else None
    )


def _steps(steps: Sequence[Mapping[str, Any]], unit: str) -> Block:
    columns = [Column("condition", is_text=True), Column("time"), Column("low"), Column("high")]
    columns += [Column(name) for name in ("crossing", "preempted", "IPIs")]
    columns += [Column("no evidence, for it", is_text=True)]
    rows = [
        [
            step["label"],
            *(blocks.time(step["ns"][end]) for end in ("median", "low", "high")),
            *(blocks.per_unit(step[key]) for key in ("crossings", "involuntary", "interrupts")),
            step["no_effect"] or "",
        ]
        for step in steps
    ]
    return blocks.table(
        "", columns, rows, note=f"Counts per {unit}, from traced runs: wake-ups to another CPU,"
        " preemptions, interrupts sent.",
    )  # fmt: skip


def _rungs(rungs: Sequence[Mapping[str, Any]], unit: str) -> list[Block]:
    if len(rungs) < 2:
        return []
    x = [rung["cpus"] for rung in rungs]
    divisor, of = scaled(max(rung["ns"]["median"] for rung in rungs))
    series: list[dict[str, Any]] = [
        {
            "name": "untraced",
            "x": x,
            **{
                name: [rung["ns"][end] / divisor for rung in rungs]
                for name, end in (("y", "median"), ("low", "low"), ("high", "high"))
            },
        }
    ]
    for name, key in (("traced", "traced_ns"), ("traced, CPU asleep", "asleep_ns")):
        known = [rung for rung in rungs if rung[key] is not None]
        series.append(
            {
                "name": name,
                "dashed": True,
                "x": [rung["cpus"] for rung in known],
                "y": [rung[key] / divisor for rung in known],
            }
        )
    return [
        blocks.lines(
            f"Time per {unit} by number of CPUs",
            "CPUs that its threads may use",
            f"{of} per {unit}",
            series,
            x_log=is_wide(x, 8),
        )
    ]


def _theories(rows: Sequence[Mapping[str, Any]]) -> Block:
    names = ("number", "theory", "verdict", "predicted", "seen", "so")
    columns = [Column(name, is_text=name != "number") for name in names]
    return blocks.table(
        "",
        columns,
        [
            [
                blocks.number(row["number"]),
                row["name"],
                row["verdict"],
                row["predicts"],
                row["signal"]["text"] if row["signal"] else "",
                row["why"],
            ]
            for row in rows
        ],
    ) | {"wraps": True}


def _prediction(found: Mapping[str, Any] | None) -> Block | None:
    if found is None:
        return None
    return blocks.text(f"The prediction, stored before the first pinned run: {found['verdict']}")


def _lines(lines: Sequence[Mapping[str, Any]], unit: str) -> Block | None:
    columns = [Column(f"per {unit}", is_text=True)]
    columns += [Column(name) for name in ("unpinned", "one CPU", "difference")]
    rows = [
        [line["name"], *map(blocks.time, (line["unpinned_ns"], line["pinned_ns"],
                                          line["unpinned_ns"] - line["pinned_ns"]))]
        for line in lines
    ]  # fmt: skip
    return blocks.table("", columns, rows) if rows else None


# ---- explain async ----


def _asynchrony(document: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "title": "What do async tasks cost, what do threads, and when?",
        "sections": [
            answer(document, few(document["rounds"])),
            section(
                "taxes",
                "What a hop pays beyond its read and write",
                _taxes("with threads", document["thread_tax"]),
                _taxes("with async", document["async_tax"]),
                short="Costs",
            ),
            section("tokens", "By bytes in flight", *_points(document["tokens"], "bytes in flight"),
                    short="In flight"),
            section("work", "By work at each hop", *_points(document["work"], "steps of work"),
                    short="Work"),
            _measured(document),
        ],
    }  # fmt: skip


def _taxes(title: str, taxes: Sequence[Mapping[str, Any]]) -> Block | None:
    rows = [interval(tax["what"], time_text(tax["ns"]), tax["ns"]) for tax in taxes]
    return blocks.intervals(title, rows) if rows else None


def _points(points: Sequence[Mapping[str, Any]], what: str) -> list[Block]:
    if not points:
        return []
    x = [point["value"] for point in points]
    times = [point[key] for point in points for key in ("threads_ns", "async_ns")]
    divisor, of = scaled(max(times))
    series = [
        {"name": name, "x": x, "y": [point[f"{name}_ns"] / divisor for point in points]}
        for name in ("threads", "async")
    ]
    ratios = [
        interval(
            f"{point['value']:,} {what}",
            f"{ratio_text(point['ratio'])} ({duration(point['threads_ns'])} / "
            f"{duration(point['async_ns'])})",
            point["ratio"],
        )
        for point in points
    ]
    return [
        blocks.lines("Time per hop", what, f"{of} per hop", series, x_log=is_wide(x),
                     y_log=is_wide(times, 8)),
        blocks.intervals("threads / async", ratios, reference=1.0, about="1: no difference"),
    ]  # fmt: skip
