#!/usr/bin/env python3
"""Runs the end-to-end tests of this folder against the binary named by $SLUICE.

    SLUICE=build/src/agent/sluice SLUICE_E2E_IO=pread tests/e2e/run.py [-k PART_OF_NAME] [--report F]
"""
import argparse
import json
import pathlib
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent


def flatten(suite):
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from flatten(test)
        else:
            yield test


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("-k", default="")
    parser.add_argument("--report")
    args = parser.parse_args()
    sys.path.insert(0, str(HERE))
    found = unittest.defaultTestLoader.discover(str(HERE), pattern="test_*.py")
    chosen = unittest.TestSuite(test for test in flatten(found) if args.k in test.id())
    result = unittest.TextTestRunner(verbosity=2, stream=sys.stdout).run(chosen)
    failed = len(result.failures) + len(result.errors) + len(result.unexpectedSuccesses)
    skipped = len(result.skipped)
    if args.report:
        with open(args.report, "w") as out:
            json.dump({"passed": result.testsRun - failed - skipped, "failed": failed,
                       "skipped": skipped}, out)
    return 1 if failed or result.testsRun == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
