#!/usr/bin/env python3
"""The rows of docs/scenarios.md and the tests that prove them.

  scripts/scenarios.py           says what does not fit together; exit code 1 if anything does not
  scripts/scenarios.py --write   writes the names of the tests into the last column of each row

A test proves a row by carrying its id: `TEST(Scenes, ROT_9_...)`, `TEST_F(Suite, ROT_9_...)`,
`def test_rot_9_...`; `test_lin_10_and_11_...` and `test_del_1_rot_15_...` carry two. scripts/tidy.py
runs the check.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGE = "docs/scenarios.md"
GROUPS = "DSC|LIN|ROT|TRU|DEL|CRA|RES|SHU|TIM|SNK|DSK|SEC"
ROW = re.compile(rf"^\| ((?:{GROUPS})-\d+) \|")
IN_CPP = re.compile(rf"\bTEST(?:_F|_P)?\(\s*(\w+),\s*((?:{GROUPS})_\d+_\w+)\)")
IN_PYTHON = re.compile(rf"def (test_(?:{GROUPS})_\d+_\w+)\(", re.IGNORECASE)


def found_tests():
    """Row id to the names of its tests, in the order of files."""
    tests = {}

    def add(words, name):
        group = ""
        for word, number in zip(words, words[1:]):
            if re.fullmatch(GROUPS, word.upper()):
                group = word.upper()
            elif not word.isdigit() and (word != "and" or not number.isdigit()):
                break
            if number.isdigit():
                names = tests.setdefault(f"{group}-{number}", [])
                if name not in names:
                    names.append(name)

    for path in sorted((ROOT / "tests").rglob("*.cc")):
        for match in IN_CPP.finditer(path.read_text(encoding="utf-8", errors="replace")):
            add(match.group(2).split("_"), f"{match.group(1)}.{match.group(2)}")
    for path in sorted((ROOT / "tests").rglob("*.py")):
        for match in IN_PYTHON.finditer(path.read_text(encoding="utf-8", errors="replace")):
            add(match.group(1).split("_")[1:], match.group(1))
    return tests


def words_of(cell):
    """What stands in the last column before the names of the tests."""
    return "" if cell.startswith("`") else cell.split("<br>`")[0]


def problems():
    """Pairs of a line of the page and what is wrong there."""
    tests = found_tests()
    every_name = {name for names in tests.values() for name in names}
    wrong = []
    rows = set()
    for number, line in enumerate((ROOT / PAGE).read_text().split("\n"), 1):
        match = ROW.match(line)
        if not match:
            continue
        row = match.group(1)
        rows.add(row)
        cell = line.split(" | ")[-1].rstrip(" |")
        scripts = re.findall(r"`((?:scripts|tests)/[\w./]+)", cell)
        excused = "**open**" in cell or "**not here**" in cell or "**script**" in cell
        if row not in tests and not excused:
            wrong.append((number, f"no test carries the id {row}, and the row does not say why"))
        for script in scripts:
            if not (ROOT / script).exists():
                wrong.append((number, f"{row} names {script}, which is not there"))
        for name in re.findall(r"`(\w+\.\w+|test_\w+)`", cell):
            if name not in every_name:
                wrong.append((number, f"{row} names {name}, which is no test; scripts/scenarios.py "
                                      "--write names those that there are"))
    for row in sorted(set(tests) - rows):
        wrong.append((1, f"{tests[row][0]} carries the id {row}, which is no row"))
    return wrong


def write():
    tests = found_tests()
    lines = []
    for line in (ROOT / PAGE).read_text().split("\n"):
        match = ROW.match(line)
        if match:
            head, cell = line.rstrip().rstrip("|").rstrip().rsplit(" |", 1)
            names = "<br>".join(f"`{name}`" for name in tests.get(match.group(1), []))
            words = words_of(cell.strip())
            if names and words == "**open**: being built":
                words = ""
            said = "<br>".join(part for part in (words, names) if part)
            line = f"{head} | {said} |"
        lines.append(line)
    (ROOT / PAGE).write_text("\n".join(lines))


def main():
    if sys.argv[1:] == ["--write"]:
        write()
    wrong = problems()
    for number, text in wrong:
        print(f"{PAGE}:{number}: {text}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
