"""The processes of a crash campaign: the faulty receiver, the generator, the agent; and what the agent's
checkpoint store says when nobody has it open."""
import http.client
import json
import os
import pathlib
import shutil
import signal
import sqlite3
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))
from signals import send_when_taken

# A machine that does other work, too: a deadline is not a measurement.
PATIENCE_S = float(os.environ.get("SLUICE_CRASH_PATIENCE", "60"))


class Violation(Exception):
    """A promise was broken; the evidence is kept."""


def wait_until(condition, what, timeout=PATIENCE_S, pause=0.01):
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise Violation(f"not within {timeout:.0f} s: {what}")
        time.sleep(pause)


class Program:
    """A running process whose output goes to a file of the evidence."""

    def __init__(self, command, log, env=None):
        self.log = pathlib.Path(log)
        with open(self.log, "ab") as out:
            self.started = time.monotonic()
            self.proc = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL,
                                         stdout=out, stderr=out,
                                         env={**os.environ, **(env or {})})

    def alive(self):
        return self.proc.poll() is None

    def send(self, sig):
        """Sends a signal once the process can take it: it may have been started a moment ago."""
        try:
            send_when_taken(self.proc, sig, PATIENCE_S)
        except AssertionError as late:
            raise Violation(str(late)) from None

    def kill(self, sig=signal.SIGKILL):
        self.send(sig)
        return self.wait()

    def wait(self, timeout=PATIENCE_S):
        try:
            return self.proc.wait(timeout)
        except subprocess.TimeoutExpired:
            self.proc.kill()
            self.proc.wait()
            raise Violation(f"did not end within {timeout:.0f} s; see {self.log}") from None


class Receiver(Program):
    """`sluice receive --verify`, asked over one kept connection."""

    def __init__(self, sluice, directory, flags):
        port_file = directory / "port"
        self.report_file = directory / "report.json"
        super().__init__([sluice, "receive", "--listen", "127.0.0.1:0", "--port-file", port_file,
                          "--verify", "--ledger", directory / "ledger.json", "--report",
                          self.report_file, "--quiet", *flags], directory / "receiver.log")
        wait_until(lambda: port_file.exists() and port_file.read_text().strip(), "receiver listens")
        self.port = int(port_file.read_text())
        self.url = f"http://127.0.0.1:{self.port}/ingest"
        self.http = None

    def ask(self, path, timeout=PATIENCE_S):
        """Asks until there is an answer: an outage refuses us, too."""
        deadline = time.monotonic() + timeout
        while True:
            try:
                if self.http is None:
                    self.http = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
                self.http.request("GET", path)
                return json.loads(self.http.getresponse().read())
            except (OSError, http.client.HTTPException, ValueError):
                if self.http is not None:
                    self.http.close()
                self.http = None
                if not self.alive() or time.monotonic() > deadline:
                    raise Violation("the receiver does not answer") from None
                time.sleep(0.005)

    def stats(self):
        return self.ask("/stats")

    def acks(self):
        return self.stats()["status"].get("200", 0)

    def let_go(self):
        """Waits until what a killed agent had sent is taken and its connections are closed."""
        wait_until(lambda: self.stats()["connections"] <= 1, "the dead agent's connections close")
        return self.ask("/verify")

    def finish(self):
        self.kill(signal.SIGTERM)
        return json.loads(self.report_file.read_text())


class Generator(Program):
    def __init__(self, sluice, directory, flags):
        self.ledger_file = directory / "ledger.json"
        super().__init__([sluice, "generate", "--out", directory / "logs", "--ledger",
                          self.ledger_file, "--quiet", *flags], directory / "generator.log")

    def stop(self):
        if not self.alive():
            raise Violation("the generator ended by itself; see generator.log")
        if self.kill(signal.SIGTERM) != 0:
            raise Violation("the generator failed; see generator.log")
        return json.loads(self.ledger_file.read_text())


class Agent(Program):
    def __init__(self, sluice, directory, url, pattern, flags, env=None):
        self.directory = directory
        with open(directory / "agent.log", "a", encoding="utf-8") as log:
            log.write(f"--- {time.monotonic():.3f} {' '.join(flags)} {env or ''}\n")
        super().__init__([sluice, "run", "-paths", directory / "logs" / pattern, "-endpoint", url,
                          "-state", directory / "state", "-admin", "off", "-progress", "off",
                          *flags], directory / "agent.log", env)


def durable_bytes(directory):
    """The sum of all positions in the checkpoint store. Read from a copy, so that nothing of it
    changes: the last commit may be in the log only."""
    copy = directory / "state-copy"
    shutil.rmtree(copy, ignore_errors=True)
    copy.mkdir()
    for name in ("checkpoints.db", "checkpoints.db-wal"):
        source = directory / "state" / name
        if source.exists():
            shutil.copyfile(source, copy / name)
    if not (copy / "checkpoints.db").exists():
        return 0
    store = sqlite3.connect(copy / "checkpoints.db")
    try:
        return store.execute("SELECT coalesce(sum(byte_offset), 0) FROM checkpoint").fetchone()[0]
    finally:
        store.close()


def percentile(values, share):
    if not values:
        return float("nan")
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
