"""`sluice bench` and `sluice tune` on this machine: sane numbers, advice that can be pasted, nothing left behind."""
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time
import unittest
import xml.etree.ElementTree

import world
from world import Inbox, Process, World, is_sanitized, wait_until

PATIENCE_S = 3 * world.PATIENCE_S
ROOT = pathlib.Path(__file__).resolve().parents[2]
SVG = "{http://www.w3.org/2000/svg}"


class Measuring(World):
    def setUp(self):
        super().setUp()
        self.tmp = self.dir / "tmp"
        self.tmp.mkdir()

    def measure(self, *args):
        """Runs to the end; stdout. Fails the test when it does not end with 0 or leaves something."""
        done = subprocess.run([world.SLUICE, *map(str, args)], capture_output=True, text=True,
                              timeout=PATIENCE_S, env={**self.plain_environment(), "TMPDIR": self.tmp})
        self.assertEqual(done.returncode, 0, done.stderr[-2000:])
        self.assertEqual(list(self.tmp.iterdir()), [], "the private directory is gone")
        return done.stdout

    @staticmethod
    def plain_environment():
        return {name: value for name, value in os.environ.items() if not name.startswith("SLUICE_")}

    def draw(self, figures):
        """The charts that `scripts/bench plot` makes of these figures."""
        page = self.dir / "figures.json"
        page.write_text(json.dumps(figures))
        charts = self.dir / "charts"
        subprocess.run([sys.executable, ROOT / "bench/plot.py", page, "--out", charts], check=True,
                       capture_output=True, timeout=PATIENCE_S)
        return {path.stem: xml.etree.ElementTree.parse(path).getroot() for path in charts.iterdir()}

    def check_accepts(self, *flags):
        done = subprocess.run([world.SLUICE, "check", *map(str, flags)], capture_output=True,
                              text=True, timeout=PATIENCE_S, env=self.plain_environment())
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_bench_prints_sane_numbers_as_json_and_as_tables(self):
        figures = json.loads(self.measure("bench", "--seconds", "2", "--json", "--quiet"))
        self.assertGreater(figures["ceiling"]["raw_mb_per_cpu_second"], 1)
        self.assertGreater(figures["rounds"], 0)
        self.assertAlmostEqual(sum(stage["share"] for stage in figures["stages"]), 1, places=2)
        self.assertEqual(sum(row["current"] for row in figures["levels"]), 1)
        for row in figures["levels"] + figures["batches"]:
            self.assertGreater(row["raw_mb_per_cpu_second"], 0, row)
            self.assertGreater(row["ratio"]["median"], 0, row)
            self.assertLessEqual(row["ratio"]["least"], row["ratio"]["greatest"], row)
            self.check_accepts(*row["flags"].split())
        plain = next(row for row in figures["levels"] if "none" in row["flags"])
        best = next(row for row in figures["levels"] if row["flags"] == "-level 6")
        self.assertGreater(plain["wire_per_raw"], 1, "records are longer than lines")
        self.assertLess(best["wire_per_raw"], 0.5)
        self.assertEqual([row["shards"] for row in figures["shards"]][0], 1)
        charts = self.draw(figures)
        self.assertEqual(set(charts), {"figures-bench-stages", "figures-bench-flags"})
        bars = list(charts["figures-bench-stages"].iter(SVG + "rect"))
        self.assertEqual(len(bars), 1 + len(figures["stages"]), "a background and a bar per stage")
        text = self.measure("bench", "--seconds", "0.5", "-level", "6", "--quiet")
        self.assertRegex(text, r"Ceiling of one core with -level 6 .*\n  [\d.]+ MB/s")

    def test_bench_measures_the_users_own_lines(self):
        sample = self.dir / "own.log"
        sample.write_text("".join(f"{n} same same same {n * 7919}\n" for n in range(20000)))
        figures = json.loads(self.measure("bench", "--seconds", "0.5", "--json", "--sample", sample))
        self.assertIn(str(sample), figures["log"])
        self.assertAlmostEqual(figures["line_bytes"], sample.stat().st_size / 20000, delta=0.1)

    def test_tune_recommends_flags_that_check_accepts(self):
        plot = self.dir / "tune.svg"
        figures = json.loads(self.measure("tune", "--seconds", "10", "--json", "--quiet",
                                          "--plot", plot))
        tried = [step for step in figures["steps"] if step["candidates"]]
        self.assertTrue(tried)
        for step in tried:
            self.assertEqual(sum(c["chosen"] for c in step["candidates"]), 1, step)
            self.assertTrue(step["why"])
            for candidate in step["candidates"]:
                for figure in ("raw_mb_per_second", "cpu_seconds_per_raw_gb", "wire_per_raw", "rss_mib",
                               "speed_ratio", "cpu_ratio", "wire_ratio"):
                    self.assertGreater(candidate[figure], 0, (step["flag"], candidate))
        self.check_accepts(*figures["flags"].split())
        config = self.dir / "advice.yaml"
        config.write_text(figures["yaml"])
        self.check_accepts("-c", config)
        chart = xml.etree.ElementTree.parse(plot).getroot()
        bars = [bar for bar in chart.iter(SVG + "rect") if bar.get("class")]
        self.assertEqual(len(bars), 4 * sum(len(step["candidates"]) for step in tried))
        self.assertEqual(set(self.draw(figures)), {"figures-tune"})
        if not is_sanitized():
            self.assertLess(figures["seconds"], 15)

    def test_tune_sends_to_a_real_destination_as_its_configuration_says(self):
        inbox = Inbox()
        self.addCleanup(inbox.close)
        sample = self.dir / "own.log"
        sample.write_text("".join(f"line {n}\n" for n in range(2000)))
        figures = json.loads(self.measure(
            "tune", "--seconds", "8", "--json", "--to", inbox.url, "--sample", sample, "--log-bytes",
            "8MiB", "-headers", "X-Team: logs", "-state", self.state, "-paths", self.logs / "*.log"))
        self.assertEqual(figures["destination"], inbox.url)
        self.assertTrue(all(headers.get("X-Team") == "logs" for headers in inbox.headers))
        self.assertTrue(set(inbox.lines()) <= set(sample.read_text().split("\n")))
        self.assertFalse(self.state.exists(), "the user's state is not touched")

    def test_a_destination_that_refuses_is_named_and_ends_it(self):
        inbox = Inbox()
        inbox.status = 401
        self.addCleanup(inbox.close)
        done = subprocess.run([world.SLUICE, "tune", "--seconds", "5", "--to", inbox.url, "--log-bytes",
                               "8MiB"], capture_output=True, text=True, timeout=PATIENCE_S,
                              env={**self.plain_environment(), "TMPDIR": self.tmp})
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, "the destination took nothing.*credentials")

    def test_an_interrupt_ends_agents_and_removes_files(self):
        for command in ("bench", "tune"):
            with self.subTest(command):
                run = Process([command, "--seconds", "60"], env={"TMPDIR": str(self.tmp)})
                wait_until(lambda: any(self.tmp.glob("*/sample-*.log")), "it has begun")
                began = time.monotonic()
                self.assertEqual(run.stop(signal.SIGINT), 1)
                self.assertLess(time.monotonic() - began, PATIENCE_S / 3)
                self.assertTrue(run.said("interrupted"))
                self.assertEqual(list(self.tmp.iterdir()), [])

    def test_mistakes_are_said_with_what_is_expected(self):
        self.assertRegex(self.ends(78, "bench", "--seconds", "soon"), "'soon'.*-seconds.*as in 10")
        self.assertRegex(self.ends(78, "tune", "--prefer", "fun"), "'fun'.*speed . cpu . bytes")
        self.assertRegex(self.ends(78, "bench", "-levle", "6"), "'-levle'.*'-level'")
        self.assertRegex(self.ends(78, "tune", "--to", "ftp://x/"), "ftp://x/")
        self.assertRegex(self.ends(1, "bench", "--sample", self.dir / "none.log"), "none.log")

    def test_the_page_holds_the_help(self):
        page = (ROOT / "docs/performance.md").read_text()
        for command in ("bench", "tune"):
            text = self.measure(command, "--help")
            self.assertIn(text.strip(), page, f"docs/performance.md holds `sluice {command} --help`")
            for flag in re.findall(r"^  (-[a-z-]+)", text, re.M):
                self.assertIn(flag, page)


if __name__ == "__main__":
    unittest.main()
