#!/usr/bin/env python3
"""The other figures about crashes, stops and limits, each a campaign of its own on the real binary.

    tests/crash/campaigns.py stops [--cycles 50]    SIGTERM under load and under outage
    tests/crash/campaigns.py restarts [--cycles 50] restarts within a minute (CRA-12)
    tests/crash/campaigns.py instance               a second agent on the same state (CRA-11)
    tests/crash/campaigns.py dead-rows [--rows N]   start with rows of files that are gone (CRA-14)
    tests/crash/campaigns.py many-files             10,000 files within a second
    tests/crash/campaigns.py descriptors            5,000 files under RLIMIT_NOFILE 256 (RES-1)
    tests/crash/campaigns.py rotations              100 rotations per second for a minute

Each prints its figures and exits with 1 when one is missed; then the directory stays.
"""
import argparse
import json
import os
import pathlib
import shutil
import signal
import sys
import tempfile
import time

from parts import (ROOT, Agent, Generator, Receiver, Violation, durable_bytes, percentile, wait_until)
import rows

STOP_TIMEOUT_S = 3


class Bench:
    """A directory with logs and state, and what runs in it."""

    def __init__(self, args):
        self.args = args
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="sluice-campaign-"))
        (self.directory / "logs").mkdir()
        self.running = []

    def start(self, program):
        self.running.append(program)
        return program

    def receiver(self, *faults):
        flags = [word for fault in faults for word in ("--fault", fault)]
        return self.start(Receiver(self.args.sluice, self.directory, flags))

    def generator(self, *flags):
        return self.start(Generator(self.args.sluice, self.directory, flags))

    def agent(self, receiver, *flags, pattern="*.log*", env=None):
        io = ["-io", self.args.io] if self.args.io else []
        return self.start(Agent(self.args.sluice, self.directory, receiver.url, pattern,
                                [*io, *flags], env))

    def said(self, text):
        return (self.directory / "agent.log").read_text(errors="replace").count(text)

    def wait_running(self, agent, times=1):
        wait_until(lambda: self.said(" running ") >= times or not agent.alive(), "the agent runs")

    def end(self, good):
        for program in self.running:
            if program.alive():
                program.kill()
        if good:
            shutil.rmtree(self.directory, ignore_errors=True)
        else:
            print(f"evidence: {self.directory}")


def expect(condition, what):
    if not condition:
        raise Violation(what)


def timed_stop(agent):
    began = time.monotonic()
    agent.send(signal.SIGTERM)
    code = agent.wait()
    return code, time.monotonic() - began


def has_unread_request(port):
    """Whether bytes lie in a connection of this port that its owner has not taken."""
    for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, _, state, queues = line.split()[:5]
        if int(local.split(":")[1], 16) == port and state == "01" and int(queues.split(":")[1], 16):
            return True
    return False


def stops(bench, args):
    """Each stop ends within the timeout and a second; a stop that delivered all repeats nothing."""
    receiver = bench.receiver("delay=20ms:0.2")
    generator = bench.generator("--files", "4", "--rate", "3MB/s", "--duration", "1h",
                                "--rotate", "rename", "--rotate-every", "500ms")
    took = {"load": [], "outage": []}
    exposed = 0
    before = receiver.let_go()
    for cycle in range(args.cycles):
        kind = "outage" if cycle % 2 else "load"
        acks = receiver.acks()
        agent = bench.agent(receiver, "-shutdown-timeout", f"{STOP_TIMEOUT_S}s")
        # Each cycle stops an agent of another age. What an outage left without a position has come
        # again before that, or a clean stop could not have stored it.
        wait_until(lambda: receiver.acks() > acks + cycle, f"{cycle + 1} acks")
        owed = before["duplicate_bytes"] + exposed
        wait_until(lambda: receiver.ask("/verify")["duplicate_bytes"] >= owed,
                   "what the outage left unanswered comes again")
        if kind == "outage":
            receiver.proc.send_signal(signal.SIGSTOP)  # takes nothing, answers nothing
            wait_until(lambda: has_unread_request(receiver.port), "a request without an answer")
        code, seconds = timed_stop(agent)
        receiver.proc.send_signal(signal.SIGCONT)
        took[kind].append(seconds)
        expect(code == 0, f"stop {cycle} ended with {code}")
        expect(seconds <= STOP_TIMEOUT_S + 1, f"stop {cycle} under {kind} took {seconds:.2f} s")
        after = receiver.let_go()
        again = after["duplicate_bytes"] - before["duplicate_bytes"]
        expect(again <= exposed, f"life {cycle} repeated {again} bytes, {exposed} had no position")
        exposed = after["bytes"] - durable_bytes(bench.directory)
        expect(kind == "outage" or exposed == 0,
               f"after a clean stop {exposed} delivered bytes have no position")
        before = after
    ledger = generator.stop()
    agent = bench.agent(receiver)
    wait_until(lambda: receiver.ask("/verify")["unique"] >= ledger["lines"], "everything arrives")
    expect(timed_stop(agent)[0] == 0, "the last stop failed")
    report = receiver.finish()
    expect(report["complete"], f"missing {report['missing']}, ghosts {report['ghost']}")
    for kind, seconds in took.items():
        print(f"stops under {kind}: {len(seconds)}, p50 {percentile(seconds, .5):.2f} s, max "
              f"{max(seconds):.2f} s of {STOP_TIMEOUT_S} s allowed and one more")
    print(f"lines {ledger['lines']}, loss 0; after {len(took['load'])} clean stops no duplicate; "
          f"{report['duplicate']} lines came twice, all of requests that an outage left unanswered")


def restarts(bench, args):
    """Offsets never go back, and the backlog shrinks."""
    backlog = bench.generator("--files", "4", "--bytes", "400MB")
    expect(backlog.wait() == 0, "the generator failed")
    receiver = bench.receiver()
    generator = bench.generator("--files", "4", "--rate", "1MB/s", "--duration", "1h")
    began = time.monotonic()
    durable, steps = 0, []
    for cycle in range(args.cycles):
        agent = bench.agent(receiver)
        # The pace is what is tried: that many lives within a minute.
        time.sleep(max(0.0, began + (cycle + 1) * 60 / args.cycles - time.monotonic()))
        expect(agent.alive(), f"life {cycle} ended by itself")
        agent.kill(signal.SIGKILL if cycle % 2 else signal.SIGTERM)
        now = durable_bytes(bench.directory)
        expect(now >= durable, f"life {cycle} moved positions back from {durable} to {now}")
        steps.append(now - durable)
        durable = now
    ledger = generator.stop()
    agent = bench.agent(receiver)
    wait_until(lambda: receiver.ask("/verify")["unique"] >= ledger["lines"], "everything arrives")
    agent.kill(signal.SIGTERM)
    report = receiver.finish()
    expect(report["complete"], f"missing {report['missing']}")
    print(f"{args.cycles} restarts in {time.monotonic() - began:.0f} s: positions never went back; "
          f"lives without progress {steps.count(0)}; {durable / 1e6:.0f} of {ledger['bytes'] / 1e6:.0f} "
          f"MB durable at the last kill; loss 0")


def instance(bench, args):
    receiver = bench.receiver()
    generator = bench.generator("--rate", "1MB/s", "--duration", "1h")
    first = bench.agent(receiver)
    bench.wait_running(first)
    second = bench.agent(receiver)
    code = second.wait()
    seconds = time.monotonic() - second.started
    expect(code != 0 and seconds <= 5, f"the second ended with {code} after {seconds:.1f} s")
    acks = receiver.acks()
    wait_until(lambda: receiver.acks() > acks, "the first goes on")
    after_kill = []
    for life in range(20):
        first.kill(signal.SIGKILL)
        first = bench.agent(receiver)
        bench.wait_running(first, 2 + life)
        expect(first.alive(), "a restart right after kill -9 was refused")
        after_kill.append(time.monotonic() - first.started)
    ledger = generator.stop()
    wait_until(lambda: receiver.ask("/verify")["unique"] >= ledger["lines"], "everything arrives")
    expect(first.kill(signal.SIGTERM) == 0, "the stop failed")
    expect(receiver.finish()["complete"], "a line is missing")
    print(f"the second agent ended with {code} after {seconds:.2f} s, the first went on; 20 restarts "
          f"right after kill -9: running after p50 {percentile(after_kill, .5) * 1e3:.0f} ms, max "
          f"{max(after_kill) * 1e3:.0f} ms")


def dead_rows(bench, args):
    receiver = bench.receiver()
    generator = bench.generator("--files", "3", "--bytes", "3MB")
    expect(generator.wait() == 0, "the generator failed")
    lines = json.loads(generator.ledger_file.read_text())["lines"]
    agent = bench.agent(receiver)
    wait_until(lambda: receiver.ask("/verify")["unique"] >= lines, "everything arrives")
    agent.kill(signal.SIGTERM)
    rows.add_dead(bench.directory / "state", bench.directory / "logs", args.rows, args.old_days)
    agent = bench.agent(receiver)
    bench.wait_running(agent, 2)
    seconds = time.monotonic() - agent.started
    expect(agent.alive(), "the agent ended by itself")
    again = bench.generator("--files", "3", "--bytes", "3MB")
    expect(again.wait() == 0, "the generator failed")
    lines = json.loads(again.ledger_file.read_text())["lines"]
    wait_until(lambda: receiver.ask("/verify")["unique"] >= lines, "everything arrives")
    code, stop = timed_stop(agent)
    report = receiver.finish()
    expect(report["complete"] and report["duplicate"] == 0 and code == 0,
           f"missing {report['missing']}, duplicate {report['duplicate']}, code {code}")
    left = rows.count(bench.directory / "state")
    print(f"{args.rows} rows of dead files, {args.old_days} days old: running after {seconds:.2f} s, "
          f"stopped in {stop:.2f} s, {left} rows left; no live row lost, loss 0, duplicates 0")
    expect(seconds <= 2, f"the start took {seconds:.2f} s")


def many_files(bench, args):
    receiver = bench.receiver()
    agent = bench.agent(receiver, pattern="*.log")
    bench.wait_running(agent)
    began = time.monotonic()
    generator = bench.generator("--files", str(args.files), "--lines", str(3 * args.files),
                                "--shape", "short")
    expect(generator.wait() == 0, "the generator failed")
    created = time.monotonic() - began
    lines = json.loads(generator.ledger_file.read_text())["lines"]
    wait_until(lambda: receiver.ask("/verify")["unique"] >= lines, "everything arrives", 120)
    seconds = time.monotonic() - began
    code, _ = timed_stop(agent)
    report = receiver.finish()
    expect(code == 0 and report["complete"], f"code {code}, missing {report['missing']}")
    print(f"{args.files} files made in {created:.2f} s: {lines} lines delivered after {seconds:.1f} s; "
          f"loss 0, duplicates {report['duplicate']}")
    expect(seconds <= 30, f"it took {seconds:.1f} s")


def descriptors(bench, args):
    """`ulimit -n 256` for soft and hard, so that the agent cannot raise it."""
    receiver = bench.receiver()
    generator = bench.generator("--files", "5000", "--lines", "50000", "--shape", "nginx")
    expect(generator.wait() == 0, "the generator failed")
    lines = json.loads(generator.ledger_file.read_text())["lines"]
    limited = bench.directory / "limited"
    limited.write_text(f"#!/bin/sh\nulimit -n 256\nexec {args.sluice} \"$@\"\n")
    limited.chmod(0o755)
    began = time.monotonic()
    agent = bench.start(Agent(limited, bench.directory, receiver.url, "*.log",
                              ["-io", args.io or "auto"]))
    most = 0
    while receiver.ask("/verify")["unique"] < lines:
        expect(agent.alive(), f"the agent ended by itself with {agent.proc.returncode}")
        most = max(most, len(os.listdir(f"/proc/{agent.proc.pid}/fd")))
        expect(time.monotonic() - began < 120, "not all delivered within 120 s")
        time.sleep(0.05)
    seconds = time.monotonic() - began
    code, _ = timed_stop(agent)
    report = receiver.finish()
    expect(code == 0 and report["complete"] and report["duplicate"] == 0,
           f"code {code}, missing {report['missing']}, duplicate {report['duplicate']}")
    print(f"5000 files under RLIMIT_NOFILE 256: {lines} lines after {seconds:.1f} s, at most {most} "
          f"descriptors; loss 0, duplicates 0")


def rotations(bench, args):
    """100 files that rotate once a second each."""
    receiver = bench.receiver()
    agent = bench.agent(receiver)
    bench.wait_running(agent)
    generator = bench.generator("--files", "100", "--rate", "20000lines/s", "--duration",
                                f"{args.seconds}s", "--rotate", "rename", "--rotate-every", "1s",
                                "--keep", "5", "--shape", "short")
    expect(generator.wait(args.seconds + 60) == 0, "the generator failed")
    lines = json.loads(generator.ledger_file.read_text())["lines"]
    wait_until(lambda: receiver.ask("/verify")["unique"] >= lines, "everything arrives", 120)
    code, _ = timed_stop(agent)
    report = receiver.finish()
    expect(code == 0 and report["complete"] and report["duplicate"] == 0,
           f"code {code}, missing {report['missing']}, duplicate {report['duplicate']}")
    print(f"100 rotations per second for {args.seconds} s: {lines} lines, loss 0, duplicates 0")


CAMPAIGNS = {"stops": stops, "restarts": restarts, "instance": instance, "dead-rows": dead_rows,
             "many-files": many_files, "descriptors": descriptors, "rotations": rotations}


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("campaign", choices=[*CAMPAIGNS, "all"])
    parser.add_argument("--cycles", type=int, default=50)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--old-days", type=int, default=2)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--io", choices=["uring", "pread"])
    args = parser.parse_args()
    args.sluice = os.environ.get("SLUICE", str(ROOT / "build/src/agent/sluice"))
    worst = 0
    for name in CAMPAIGNS if args.campaign == "all" else [args.campaign]:
        bench = Bench(args)
        good = False
        try:
            CAMPAIGNS[name](bench, args)
            good = True
        except Violation as violation:
            print(f"VIOLATED {name}: {violation}")
            worst = 1
        finally:
            bench.end(good)
    return worst


if __name__ == "__main__":
    sys.exit(main())
