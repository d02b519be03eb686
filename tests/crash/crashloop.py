#!/usr/bin/env python3
"""Kills the agent again and again and looks whether a line is lost.

    scripts/crashloop --cycles N [--seed S] [--io uring|pread]
    scripts/crashloop --points [--cycles N]        dies at named points of the code instead

A cycle is one life of the agent, with a configuration of its own, under load, rotation and a receiver
that refuses, resets and delays. Lives are grouped in segments that share logs, state and receiver; at the
end of a segment the generator's ledger is the oracle. After every kill the durable positions are read:
what arrived beyond them is the most that the next life may deliver twice.
"""
import argparse
import os
import pathlib
import random
import shutil
import sys
import tempfile
import time

from parts import ROOT, Violation, percentile
from points import PointsSegment, PointTable
from segment import MIB, Segment

SEGMENT_CYCLES = 25


class Campaign:
    def __init__(self, args):
        self.args = args
        self.began = time.monotonic()
        self.lives = []
        self.totals = {"lines": 0, "bytes": 0, "duplicate": 0, "missing": 0, "ghost": 0,
                       "damaged": 0, "segments": 0}
        self.table = PointTable() if args.points else None
        self.evidence = pathlib.Path(args.evidence or tempfile.mkdtemp(prefix="sluice-crash-"))
        self.last_line = 0.0

    def after_life(self, life):
        self.lives.append(life)
        now = time.monotonic()
        every = 0.2 if sys.stderr.isatty() else 30
        if now - self.last_line < every:
            return
        self.last_line = now
        text = (f"{len(self.lives)}/{self.args.cycles} cycles, {len(self.lives) / (now - self.began):.2f}/s, "
                f"{self.totals['lines']} lines proved, loss 0, "
                f"most exposed {max(each.exposed for each in self.lives) / MIB:.1f} MiB, "
                f"first ack p99 {percentile(self.acks(), 0.99) * 1000:.0f} ms")
        print(f"\r\x1b[K{text}" if sys.stderr.isatty() else text, file=sys.stderr,
              end="" if sys.stderr.isatty() else "\n", flush=True)

    def acks(self, faults=None):
        return [life.first_ack_s for life in self.lives if life.first_ack_s is not None
                and (faults is None or life.met_faults == faults)]

    def run(self):
        done, number = 0, 0
        while done < self.args.cycles:
            cycles = min(SEGMENT_CYCLES, self.args.cycles - done)
            seed = f"{self.args.seed}/{number}"
            directory = self.evidence / f"segment-{number}"
            kind = PointsSegment if self.args.points else Segment
            extra = (self.table,) if self.args.points else ()
            segment = kind(self.args.sluice, directory, random.Random(seed), cycles, self.args.io,
                           self.after_life, *extra)
            try:
                outcome = segment.run()
            except Violation as violation:
                self.report()
                print(f"\nVIOLATED in segment {number} of seed {self.args.seed}, cycle "
                      f"{len(self.lives)}: {violation}\nevidence: {directory}")
                return 1
            for name in ("lines", "bytes", "duplicate", "missing", "ghost", "damaged"):
                self.totals[name] += getattr(outcome, name)
            self.totals["segments"] += 1
            shutil.rmtree(directory)
            done += cycles
            number += 1
        self.report()
        shutil.rmtree(self.evidence, ignore_errors=True)
        return self.table.verdict() if self.table else 0

    def report(self):
        seconds = time.monotonic() - self.began
        totals = self.totals
        exposed = [life.exposed / MIB for life in self.lives if life.defaults]
        others = [life.exposed / MIB for life in self.lives if not life.defaults]
        duplicates = sum(life.duplicate_bytes for life in self.lives)
        allowed = sum(life.allowed for life in self.lives)
        if sys.stderr.isatty():
            print(file=sys.stderr)
        print(f"cycles        {len(self.lives)} in {totals['segments']} segments, {seconds:.0f} s, "
              f"{len(self.lives) / seconds:.2f} cycles/s, seed {self.args.seed}, "
              f"io {self.args.io or 'mixed'}")
        print(f"lines         {totals['lines']} written ({totals['bytes'] / 1e6:.0f} MB), loss "
              f"{totals['missing']}, ghosts {totals['ghost']}, damaged {totals['damaged']}")
        print(f"duplicates    {totals['duplicate']} lines; {duplicates / 1e6:.1f} MB of "
              f"{allowed / 1e6:.1f} MB that the kills left without a durable position")
        print(f"exposed       at a kill, default flags: p50 {percentile(exposed, .5):.2f}, p99 "
              f"{percentile(exposed, .99):.2f}, max {max(exposed, default=0):.2f} MiB; "
              f"other flags: max {max(others, default=0):.2f} MiB")
        for name, acks in (("no fault met", self.acks(False)), ("faults met", self.acks(True))):
            print(f"first ack     {name}: {len(acks)} restarts, p50 {percentile(acks, .5) * 1e3:.0f} ms, "
                  f"p99 {percentile(acks, .99) * 1e3:.0f} ms, max {max(acks, default=0) * 1e3:.0f} ms")
        if self.table:
            print(self.table.text())


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cycles", type=int, default=100)
    parser.add_argument("--seed", default="1")
    parser.add_argument("--io", choices=["uring", "pread"])
    parser.add_argument("--points", action="store_true",
                        help="die at the named crash points (needs a build with -Dcrash_points=true)")
    parser.add_argument("--evidence", help="keep what a failure left here")
    args = parser.parse_args()
    build = "build-crash" if args.points else "build"
    args.sluice = os.environ.get("SLUICE", str(ROOT / build / "src/agent/sluice"))
    return Campaign(args).run()


if __name__ == "__main__":
    sys.exit(main())
