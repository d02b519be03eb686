#!/usr/bin/env python3
"""Runs the built tests and ends with one line: N passed, N failed.

    scripts/run_tests.py --build build-asan [--only unit sim e2e fuzz]

unit: every GoogleTest program of the build. sim: a campaign of the simulated world. e2e: the shipped
binary against real files and a real receiver, on both read backends. fuzz: every fuzzer of build-fuzz
for a few seconds.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
UNIT_TIMEOUT_S = 900
SIM_SEEDS = 3000
FUZZ_SECONDS = 8

PARTS = ["unit", "sim", "e2e", "fuzz"]

SANITIZER_ENV = {
    "ASAN_OPTIONS": "abort_on_error=1:detect_leaks=1:strict_string_checks=1",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
    "TSAN_OPTIONS": "halt_on_error=1:second_deadlock_stack=1",
}


class Tally:
    def __init__(self):
        self.passed = 0
        self.failed = 0
        self.skipped = 0

    def add(self, name, passed, failed, skipped=0, seconds=0.0, detail=""):
        self.passed += passed
        self.failed += failed
        self.skipped += skipped
        mark = "FAILED" if failed else "ok"
        print(f"{mark:>6}  {name}: {passed} passed, {failed} failed"
              f"{f', {skipped} skipped' if skipped else ''} ({seconds:.1f} s)", flush=True)
        if failed and detail:
            print(detail, flush=True)


def run(command, env=None, timeout=UNIT_TIMEOUT_S):
    began = time.monotonic()
    try:
        done = subprocess.run(command, cwd=ROOT, env={**os.environ, **SANITIZER_ENV, **(env or {})},
                              stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              errors="replace", timeout=timeout)
        return done.returncode, done.stdout + done.stderr, time.monotonic() - began
    except subprocess.TimeoutExpired as late:
        text = (late.stdout or b"").decode(errors="replace") if late.stdout else ""
        return -1, f"{text}\nno end after {timeout} s", time.monotonic() - began


def run_unit(build, tally):
    programs = sorted(path for path in build.glob("tests/*/*_test") if os.access(path, os.X_OK))
    if not programs:
        tally.add("unit", 0, 1, detail="no test program was built")
    for program in programs:
        with tempfile.NamedTemporaryFile(suffix=".json") as report:
            code, text, seconds = run([str(program), f"--gtest_output=json:{report.name}",
                                       "--gtest_brief=1"])
            try:
                result = json.load(open(report.name))
                failed = result["failures"] + result.get("errors", 0)
                skipped = sum(1 for suite in result["testsuites"] for case in suite["testsuite"]
                              if case.get("result") == "SKIPPED")
                passed = result["tests"] - failed - skipped
            except (OSError, ValueError, KeyError):
                passed, failed, skipped = 0, 1, 0
            if code != 0 and failed == 0:
                failed = 1
            tally.add(program.name, passed, failed, skipped, seconds, text[-8000:])


def run_sim(build, tally, seeds):
    program = build / "tests/sim/sluice-sim"
    code, text, seconds = run([str(program), "--campaign", str(seeds)], timeout=1800)
    tally.add(f"sim, {seeds} seeds", seeds if code == 0 else 0, 0 if code == 0 else 1,
              seconds=seconds, detail=text[-8000:])


def run_e2e(build, tally, backends, pattern):
    for backend in backends:
        with tempfile.NamedTemporaryFile(suffix=".json") as report:
            code, text, seconds = run(
                [sys.executable, "tests/e2e/run.py", "--report", report.name] +
                (["-k", pattern] if pattern else []),
                env={"SLUICE": str(build / "src/agent/sluice"), "SLUICE_E2E_IO": backend},
                timeout=2400)
            try:
                result = json.load(open(report.name))
            except (OSError, ValueError):
                result = {"passed": 0, "failed": 1, "skipped": 0}
            if code != 0 and result["failed"] == 0:
                result["failed"] = 1
            tally.add(f"e2e, {backend}", result["passed"], result["failed"], result["skipped"],
                      seconds, text[-12000:])


def run_fuzz(tally):
    programs = sorted((ROOT / "build-fuzz/tests/fuzz").glob("*_fuzz"))
    if not programs:
        tally.add("fuzz", 0, 1, detail="no fuzzer was built: scripts/build fuzz")
    for program in programs:
        name = program.name.removesuffix("_fuzz")
        with tempfile.TemporaryDirectory() as corpus:
            seeds = [str(path) for path in [ROOT / "tests/fuzz/corpus" / name] if path.is_dir()]
            code, text, seconds = run(
                [str(program), corpus, *seeds, f"-max_total_time={FUZZ_SECONDS}",
                 f"-artifact_prefix={corpus}/"])
            tally.add(program.name, int(code == 0), int(code != 0), seconds=seconds,
                      detail=text[-6000:])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--seeds", type=int, default=SIM_SEEDS)
    parser.add_argument("--backends", nargs="+", choices=["uring", "pread"],
                        default=["uring", "pread"], help="e2e: read backends to try")
    parser.add_argument("-k", dest="k", default="", help="e2e: only tests whose name contains this")
    args = parser.parse_args()
    build = (ROOT / args.build).resolve()
    tally = Tally()
    if "unit" in args.only:
        run_unit(build, tally)
    if "sim" in args.only:
        run_sim(build, tally, args.seeds)
    if "e2e" in args.only:
        run_e2e(build, tally, args.backends, args.k)
    if "fuzz" in args.only:
        run_fuzz(tally)
    skipped = f", {tally.skipped} skipped" if tally.skipped else ""
    print(f"{tally.passed} passed, {tally.failed} failed{skipped}")
    return 1 if tally.failed or not tally.passed else 0


if __name__ == "__main__":
    sys.exit(main())
