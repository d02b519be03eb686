"""Lives that end at a named point of the code: SLUICE_CRASHPOINT kills the process there, the n-th time
it is reached."""
import collections
import pathlib
import re
import signal
import time

from parts import ROOT, Violation
from segment import Segment

LIFE_MAX_S = 3.0
# Reached only with a spool and a receiver that is away, which this campaign has not. They are not tried yet;
# tests/e2e/test_spool.py kills an agent that replays its spool, at no named point.
NOT_HERE = ("spool.", "lane.spool.")


def all_points():
    """The names in the source, in the order of the files."""
    names = []
    for path in sorted(pathlib.Path(ROOT / "src").rglob("*.cc")):
        names += re.findall(r'SLUICE_CRASHPOINT\("([^"]+)"\)', path.read_text(encoding="utf-8"))
    return sorted(set(names))


class PointTable:
    HITS_WANTED = 3  # of each point, when a campaign is long enough to try each ten times

    def __init__(self):
        self.tried = collections.Counter()
        self.hit = collections.Counter()
        # Tried in turn; and those that only the first lives of a segment can reach.
        points = [name for name in all_points() if not name.startswith(NOT_HERE)]
        self.names = [name for name in points if not name.startswith("store.create.")]
        self.extra = [name for name in points if name not in self.names]

    def next(self, rng):
        """The least tried one, so that a campaign tries all alike."""
        least = min(self.tried[name] for name in self.names)
        return rng.choice([name for name in self.names if self.tried[name] == least])

    def text(self):
        return "\n".join(f"point         {name:28} died there {self.hit[name]} of {self.tried[name]} times"
                         for name in self.names + self.extra)

    def verdict(self):
        rare = [name for name in self.names + self.extra
                if self.tried[name] >= 10 and self.hit[name] < self.HITS_WANTED]
        if rare:
            print(f"VIOLATED: crash points that were hardly reached: {', '.join(rare)}")
        return 1 if rare else 0


class PointsSegment(Segment):
    def __init__(self, *args):
        *common, self.table = args
        super().__init__(*common)
        self.creations = ["store.create.before", "store.create.after"]

    def environment(self):
        # A store is created once in a segment, by its first lives.
        if self.creations:
            self.point = self.creations.pop(0)
        else:
            self.point = self.table.next(self.rng)
        often = self.point.startswith(("lane.", "steward.ack"))
        once = self.point.startswith(("lock.", "stop.", "store.create."))
        counts = [1, 2, 3, 10, 40] if often else [1] if once else [1, 1, 2]
        return {"SLUICE_CRASHPOINT": f"{self.point}:{self.rng.choice(counts)}"}

    def generator_flags(self):
        """Always rotating: two points are about it."""
        while True:
            live, backlog = super().generator_flags()
            if "--rotate-every" in live or "--rotate-bytes" in live:
                return live, backlog

    def end_of(self, agent, life):
        """Lets it run into its point; stops it cleanly half of the time, for the points of a stop."""
        self.table.tried[self.point] += 1
        begin = time.monotonic()
        stops = self.point.startswith("stop.") or self.rng.random() < 0.2
        deadline = begin + (self.rng.uniform(0.2, 1.0) if stops else LIFE_MAX_S)
        while agent.alive() and time.monotonic() < deadline:
            time.sleep(0.005)
        if agent.alive() and stops:
            agent.send(signal.SIGTERM)
            deadline = time.monotonic() + 5
            while agent.alive() and time.monotonic() < deadline:
                time.sleep(0.005)
        if not agent.alive():
            code = agent.proc.returncode
            if code == -signal.SIGKILL:
                self.table.hit[self.point] += 1
            elif not (stops and code == 0):
                raise Violation(f"the agent ended by itself with {code}")
        agent.kill(signal.SIGKILL)
