#!/usr/bin/env python3
"""Style as a test: who may include whom, essays, sizes, banned words and calls.

The rules are those of src/README.md. Prints every violation with file and line; exit code 1 if there
is one. Runs in a second, so it runs on every check.
"""
import pathlib
import re
import subprocess
import sys

import scenarios

ROOT = pathlib.Path(__file__).resolve().parent.parent
COLUMNS_MAX = 100
FILE_LINES_MAX = 600
# Tables and worlds that are longer for a reason.
LONG_FILES = {"src/control/option_table.cc"}
THIRD_PARTY = {
    "split": {"hwy"},
    "encode": {"hwy", "simdjson.h", "xxhash.h"},
    "compress": {"hwy", "libdeflate.h", "zlib.h", "zstd.h", "zstd_errors.h", "isa-l.h", "isa-l"},
    "batch": {"xxhash.h"},
    "read": {"xxhash.h"},
    "discover": {"xxhash.h"},
    "checkpoint": {"xxhash.h"},
    "spool": {"xxhash.h"},
}
BANNED_NAMES = {"util", "utils", "common", "helper", "helpers", "manager", "handler", "misc"}
BANNED_IN_FLOW = [
    (re.compile(r"std::chrono|clock_gettime|\btime\(|gettimeofday"), "reads a clock; take `now`"),
    (re.compile(r"sleep_for|usleep\(|\bsleep\("), "sleeps"),
    (re.compile(r"\brand\(|random_device|mt19937"), "makes its own randomness; take it"),
    (re.compile(r"#include <(unistd|fcntl|sys/[a-z]+|poll|pthread)\.h>"), "reaches into the system"),
    (re.compile(r"\bstd::(mutex|thread|condition_variable)\b"), "is threaded; shells are not"),
]
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
INCLUDE = re.compile(r'#include\s+([<"])([^>"]+)[>"]')

problems = []


def say(path, line, text):
    problems.append(f"{path}:{line}: {text}")


def include_problem(parts, kind, target):
    """Why `target` may not be included from the file with path `parts`; None if it may."""
    plane = parts[0]
    if plane == "include":
        allowed = target.startswith("sluice/") or (kind == "<" and "/" not in target
                                                   and not target.endswith(".h"))
        return None if allowed else "contracts include the standard library only"
    if plane != "src":
        return None
    room = parts[1]
    first = target.split("/")[0]
    planes = {"flow", "platform", "control", "receive", "measure", "agent"}
    if room == "flow":
        if first in planes - {"flow"}:
            return f"flow does not know {first}"
        if len(parts) == 3:  # a shell
            if kind == "<" and ("." in target or "/" in target):
                return "a shell includes contracts and stages only"
            return None
        stage = parts[2]
        if first == "flow" and target.split("/")[1] != stage:
            return "a stage never includes another stage"
        if kind == "<" and ("." in target or "/" in target):
            if first not in THIRD_PARTY.get(stage, set()):
                return f"third-party header in stage {stage}"
        return None
    if room in {"platform", "control", "receive"} and first in planes - {room}:
        return f"{room} does not know {first}"
    if room == "measure" and first == "agent":
        return "measure is handed what the agent knows"
    return None


def check_file(path):
    text = (ROOT / path).read_text(encoding="utf-8", errors="replace")
    lines = text.split("\n")
    parts = path.split("/")
    name = pathlib.PurePath(path).stem
    if not lines[0].startswith("// SPDX-License-Identifier: Apache-2.0") and parts[0] in {
            "include", "src"} and path.endswith(".h"):
        say(path, 1, "the first line is the SPDX line")
    if len(lines) > FILE_LINES_MAX and path not in LONG_FILES:
        say(path, len(lines), f"more than {FILE_LINES_MAX} lines: which questions does it answer?")
    if BANNED_NAMES & set(re.split(r"[_\-/.]", path)):
        say(path, 1, "a name that says nothing (util, common, helper, manager, handler, misc)")
    if path.endswith(".h") and parts[0] in {"include", "src"}:
        essay = [line for line in lines[1:14] if line.startswith("//")]
        if len(essay) < 4:
            say(path, 2, "a header opens with its essay: in, out, owns, thread, limits, why")
        if "#pragma once" not in text and not name.endswith("-inl"):
            say(path, 1, "no #pragma once")
    for number, line in enumerate(lines, 1):
        # The formatter leaves string literals whole, and so does the reader.
        if len(line) > COLUMNS_MAX + (20 if '"' in line else 0):
            say(path, number, f"{len(line)} columns")
        if UNFINISHED.search(line):
            say(path, number, "unfinished work")
        match = INCLUDE.search(line)
        if match:
            why = include_problem(parts, match.group(1), match.group(2))
            if why:
                say(path, number, f"{match.group(2)}: {why}")
        if parts[0] == "src" and len(parts) > 1 and parts[1] == "flow":
            code = line.split("//")[0]
            for pattern, why in BANNED_IN_FLOW:
                if pattern.search(code):
                    say(path, number, why)


def check_dead_headers(files):
    included = set()
    for path in files:
        for match in INCLUDE.finditer((ROOT / path).read_text(errors="replace")):
            included.add(match.group(2))
    for path in files:
        if path.endswith(".h") and path.startswith(("include/", "src/")):
            short = path.split("/", 1)[1]
            base = short.split("/")[-1]
            if short not in included and base not in included:
                say(path, 1, "nobody includes it")


def main():
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.h", "*.cc"],
        cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\n")
    files = [path for path in listed if path and (ROOT / path).exists()]
    for path in files:
        check_file(path)
    check_dead_headers(files)
    for line, text in scenarios.problems():
        say(scenarios.PAGE, line, text)
    for problem in problems:
        print(problem)
    print(f"tidy: {len(files)} files, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
