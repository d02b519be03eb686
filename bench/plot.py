#!/usr/bin/env python3
"""Draws what the benchmarks wrote as JSON: one SVG chart per figure, beside the file or in --out.

    scripts/bench plot FILE.json... [--out DIR]

Knows the files of `scripts/bench end-to-end --json`, `scripts/bench compare --json`, `sluice bench --json` and
`sluice tune --json` (whose own chart comes from `sluice tune -plot`). Needs nothing but Python.
"""
import argparse
import html
import json
import pathlib
import sys

WIDTH, MARGIN, ROW, BAR, LABEL, NUMBER = 860, 20, 26, 16, 250, 120
COLOURS = ["#1b7f5c", "#b8c4cc", "#d08a2e", "#5577aa"]


class Chart:
    """Horizontal bars in groups. A bar is (label, value, series); a range is drawn as a line over it."""

    def __init__(self, name, title, unit, note=""):
        self.name, self.title, self.unit, self.note = name, title, unit, note
        self.bars = []
        self.series = []

    def bar(self, label, value, series="", least=None, greatest=None):
        if series not in self.series:
            self.series.append(series)
        self.bars.append((label, value, series, least, greatest))
        return self

    def svg(self):
        head = 64 if any(self.series) else 48
        height = head + len(self.bars) * ROW + MARGIN + (18 if self.note else 0)
        most = max([1e-12, *(b[4] or b[1] for b in self.bars)])
        scale = (WIDTH - 2 * MARGIN - LABEL - NUMBER) / most
        out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
               f'viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="13">',
               f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
               self.text(MARGIN, 26, f"{self.title}, {self.unit}", "bold")]
        x = MARGIN
        for number, series in enumerate(self.series if any(self.series) else []):
            out.append(f'<rect x="{x}" y="36" width="12" height="12" fill="{COLOURS[number % 4]}"/>')
            out.append(self.text(x + 17, 46, series))
            x += 30 + 8 * len(series)
        for row, (label, value, series, least, greatest) in enumerate(self.bars):
            y = head + row * ROW
            colour = COLOURS[self.series.index(series) % 4]
            left = MARGIN + LABEL
            out.append(self.text(MARGIN, y + BAR - 3, label))
            out.append(f'<rect x="{left}" y="{y}" width="{max(1, value * scale):.1f}" height="{BAR}" '
                       f'fill="{colour}"/>')
            if least is not None:
                out.append(f'<path d="M{left + least * scale:.1f} {y + BAR / 2}H{left + greatest * scale:.1f}" '
                           'stroke="#222" stroke-width="2"/>')
            end = left + max(value, greatest or 0) * scale + 6
            out.append(self.text(end, y + BAR - 3, f"{value:.4g}"))
        if self.note:
            out.append(self.text(MARGIN, height - 10, self.note))
        return "\n".join([*out, "</svg>", ""])

    @staticmethod
    def text(x, y, words, weight="normal"):
        return f'<text x="{x:.1f}" y="{y}" font-weight="{weight}">{html.escape(words)}</text>'


def pairs_chart(name, runs):
    chart = Chart(name, "Raw MB per CPU second: agent and raw loop in turn", "medians",
                  "the ratio is that of the pairs, least to greatest in the JSON")
    for run in runs:
        for series in ("agent", "loop"):
            rates = sorted(pair[series] for pair in run["pairs"])
            label = f"{run['shape']}, {run['codec']}" if series == "agent" else f"  (ratio {run['median']:.2f})"
            chart.bar(label, rates[len(rates) // 2], series, rates[0], rates[-1])
    return chart


def live_charts(name, title, cases):
    cpu = Chart(f"{name}-cpu", f"{title}: CPU", "per cent of a core")
    delay = Chart(f"{name}-latency", f"{title}: written to received", "ms")
    for case, figures in cases.items():
        cpu.bar(case, figures["cpu_share"] * 100)
        for point in ("p50", "p99"):
            delay.bar(f"{case}, {point}", figures["latency_ms"][point], point)
    return [cpu, delay]


def ramp_chart(figures):
    chart = Chart("W4-ramp", f"W4: rising rate, ended by {figures['ended_by']}", "MB/s written",
                  "behind: not acknowledged one second after the writers ended")
    for step in figures["steps"]:
        chart.bar(f"{step['asked_mb_per_s']:.0f} MB/s asked", step["mb_per_s"],
                  "kept up" if step["behind_s"] < 1 else "behind")
    return chart


def many_files_chart(figures):
    return (Chart("W3-many-files", f"W3: {figures['files']} files", "per cent of a core")
            .bar("ten of them growing", figures["active"]["cpu_share"] * 100)
            .bar("all idle", figures["idle"]["cpu_share"] * 100))


def compare_charts(figures):
    work = Chart("compare-cpu", f"The same {figures['raw_bytes'] / 1e6:.0f} MB of {figures['shape']} lines",
                 "raw MB per CPU second")
    memory = Chart("compare-memory", "The same work: peak resident set", "MiB")
    for peer in figures["peers"]:
        for label, side in ((f"sluice, {peer['codec']}", "sluice"), (peer["peer"], "theirs")):
            series = "sluice" if side == "sluice" else "peer"
            work.bar(label, peer[side]["raw_mb_per_cpu_s"], series)
            memory.bar(label, peer[side]["rss_mib"], series)
    return [work, memory] if figures["peers"] else []


def bench_charts(figures):
    stages = Chart("bench-stages", f"One core: {figures['log']}", "CPU s per GB of raw log")
    for stage in figures["stages"]:
        stages.bar(stage["stage"], stage["cpu_seconds_per_raw_gb"])
    flags = Chart("bench-flags", "Other flags, sending included", "raw MB per CPU second")
    for row in figures["levels"] + figures["batches"]:
        flags.bar(row["flags"], row["raw_mb_per_cpu_second"], "now" if row["current"] else "other")
    return [stages, flags]


def tune_charts(figures):
    chart = Chart("tune", f"sluice tune: {figures['log']}, {figures['destination']}", "raw MB/s")
    for step in figures["steps"]:
        for candidate in step["candidates"]:
            chart.bar(f"-{step['flag']} {candidate['value']}", candidate["raw_mb_per_second"],
                      "recommended" if candidate["chosen"] else "tried")
    return [chart] if chart.bars else []


def charts_of(page):
    charts = []
    if "ceiling" in page:
        charts += bench_charts(page)
    if "steps" in page and "trials" in page:
        charts += tune_charts(page)
    if "compare" in page:
        charts += compare_charts(page["compare"])
    if "catch_up" in page:
        charts.append(pairs_chart("catch-up", [page["catch_up"]]))
    if "W1" in page:
        charts.append(pairs_chart("W1-catch-up", page["W1"]))
    for name, title in (("W2", "W2: 100 growing files"), ("W5", "W5: a destination in trouble"),
                        ("W6", "W6: rotation")):
        if name in page:
            charts += live_charts(name, title, page[name])
    if "W3" in page:
        charts.append(many_files_chart(page["W3"]))
    if "W4" in page:
        charts.append(ramp_chart(page["W4"]))
    return charts


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=pathlib.Path)
    parser.add_argument("--out", type=pathlib.Path, help="directory for the charts; default: beside each file")
    args = parser.parse_args()
    for file in args.files:
        charts = charts_of(json.loads(file.read_text()))
        if not charts:
            sys.exit(f"{file}: no figures that this program knows")
        directory = args.out or file.parent
        directory.mkdir(parents=True, exist_ok=True)
        for chart in charts:
            path = directory / f"{file.stem}-{chart.name}.svg"
            path.write_text(chart.svg())
            print(path)


if __name__ == "__main__":
    main()
