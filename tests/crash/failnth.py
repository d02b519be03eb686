#!/usr/bin/env python3
"""Fails the n-th call of one kind in the real agent, for each n, and looks whether a line is lost.

    scripts/failnth [--kind KIND ...] [--mode once|on] [--first N] [--stride N]

The script of a run: two files are there, the agent starts (pread backend), more lines come, one file is
rotated, the agent is stopped. tests/crash/failnth_shim.cc makes the n-th call fail, once or from then on.
The agent goes on and delivers all, or ends with a clear word; then a second run without faults must
deliver what is missing, end with 0, and nothing may be there that was not written.
"""
import argparse
import gzip
import http.server
import json
import os
import pathlib
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))
from signals import send_when_taken

KINDS = ["open", "pread", "stat", "directory", "fsync", "write", "pwrite", "rename", "unlink", "mkdir",
         "ftruncate", "fcntl", "flock", "mmap", "thread", "epoll_create", "epoll_ctl", "epoll_wait",
         "eventfd", "signalfd", "inotify", "inotify_watch", "socket", "connect", "send", "recv",
         "setsockopt", "getsockopt", "read", "lseek", "realpath", "malloc"]
# Interrupted for ever is not a failure but a machine that does nothing else.
ONLY_ONCE = {"epoll_wait"}
# There are tens of thousands: all of the first, then a sample.
SAMPLED = {"malloc": 400}
LINES = 20
STOP_S = 2
# How long a run may take to deliver everything when one call failed once.
LIVE_S = 10
# The same when calls go on failing: nobody expects it, it is only given a chance.
CHANCE_S = 0.7


class Destination:
    """Keeps the lines that came."""

    def __init__(self):
        self.lines = set()
        outer = self

        class Taker(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                outer.lines.update(record["line"] for record in json.loads(body))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request, client_address):
                pass  # the agent breaks connections as it is told to

        self.server = Server(("127.0.0.1", 0), Taker)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/ingest"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Broken(Exception):
    pass


class Script:
    def __init__(self, sluice, shim, kind, n, mode, directory):
        self.sluice, self.shim, self.kind, self.n, self.mode = sluice, shim, kind, n, mode
        self.directory = directory
        self.logs = directory / "logs"
        self.logs.mkdir(parents=True)
        self.count = directory / "count"
        self.count.write_bytes(bytes(8))
        self.written = set()
        self.destination = Destination()
        self.log = directory / "agent.log"

    def run(self):
        """Returns how many calls of the kind there were, and what became of the agent."""
        try:
            self.write("a.log")
            self.write("b.log")
            fate = self.faulty_run()
            self.clean_run()
            return self.calls(), fate
        finally:
            self.destination.close()

    def calls(self):
        return struct.unpack("<q", self.count.read_bytes())[0]

    def write(self, name):
        lines = [f"{name} {len(self.written) + i}" for i in range(LINES)]
        self.written.update(lines)
        with open(self.logs / name, "a", encoding="utf-8") as file:
            file.write("".join(line + "\n" for line in lines))

    def agent(self, log, env):
        with open(self.directory / log, "wb") as out:
            return self.start_agent(out, env)

    def start_agent(self, out, env):
        return subprocess.Popen(
            [self.sluice, "run", "-paths", self.logs / "*.log*", "-endpoint", self.destination.url,
             "-state", self.directory / "state", "-io", "pread", "-admin", "off", "-progress", "off",
             "-shards", "1", "-memory", "32MiB", "-shutdown-timeout", f"{STOP_S}s",
             "-checkpoint-interval", "50ms", "-reconcile-interval", "300ms", "-retry-min-delay", "10ms",
             "-retry-max-delay", "100ms"],
            stdin=subprocess.DEVNULL, stdout=out, stderr=out, env={**os.environ, **env})

    def all_there(self):
        return self.destination.lines >= self.written

    def wait(self, condition, seconds, agent):
        deadline = time.monotonic() + seconds
        while not condition() and agent.poll() is None and time.monotonic() < deadline:
            time.sleep(0.002)
        return condition()

    def faulty_run(self):
        patience = LIVE_S if self.mode == "once" else CHANCE_S
        agent = self.agent("agent.log", {"LD_PRELOAD": str(self.shim), "FAILNTH_COUNT": str(self.count),
                            "FAILNTH": f"{self.kind}:{self.n}:{self.mode}"})
        try:
            delivered = self.wait(self.all_there, patience, agent)
            self.write("a.log")
            os.rename(self.logs / "a.log", self.logs / "a.log.1")
            self.write("a.log")
            self.write("b.log")
            if delivered or self.mode == "on":
                delivered = self.wait(self.all_there, patience, agent)
            if agent.poll() is None:
                if self.mode == "once" and not delivered:
                    raise Broken(f"goes on, but {len(self.missing())} lines do not come within "
                                 f"{LIVE_S} s")
                self.stop(agent)
            code = self.end_of(agent, STOP_S + 1.5)
        finally:
            if agent.poll() is None:
                agent.kill()
                agent.wait()
        return self.judge(code)

    def stop(self, agent):
        try:
            send_when_taken(agent, signal.SIGTERM, LIVE_S)
        except AssertionError as late:
            raise Broken(str(late)) from None

    def end_of(self, agent, seconds):
        try:
            return agent.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Broken(f"does not end within {seconds} s of SIGTERM") from None

    def judge(self, code):
        text = self.log.read_text(encoding="utf-8", errors="replace")
        if "check failed" in text or "runtime error" in text:
            raise Broken("a check of its own failed: " + text.strip().splitlines()[-1])
        if code == 0:
            return "went on"
        # Without memory even words may fail; the end must only be one.
        if self.kind == "malloc" and code in (1, 78, 127, -signal.SIGABRT):
            return "ended"
        if code in (1, 78) and text.strip():
            return "ended"
        raise Broken(f"ended with {code} and the words: {text.strip()[-300:]!r}")

    def clean_run(self):
        agent = self.agent("clean.log", {})

        def done():
            return self.all_there() and b" running " in (self.directory / "clean.log").read_bytes()
        try:
            if not self.wait(done, LIVE_S, agent):
                if self.all_there():
                    raise Broken("the run without faults did not start")
                raise Broken(f"LOSS: {len(self.missing())} lines are missing after a run without faults, "
                             f"for example {sorted(self.missing())[0]!r}; exit code {agent.poll()}")
            self.stop(agent)
            code = self.end_of(agent, STOP_S + 1.5)
            if code != 0:
                raise Broken(f"the run without faults ended with {code}")
        finally:
            if agent.poll() is None:
                agent.kill()
                agent.wait()
        ghosts = self.destination.lines - self.written
        if ghosts:
            raise Broken(f"GHOST: {sorted(ghosts)[0]!r} was never written")

    def missing(self):
        return self.written - self.destination.lines


def numbers(kind, first, stride):
    n = first
    while True:
        yield n
        every = stride or (1 if n < SAMPLED.get(kind, 1 << 60) else max(1, n // 40))
        n += every


def try_kind(args, kind, mode, evidence):
    began = time.monotonic()
    runs, fates = 0, {"went on": 0, "ended": 0}
    for n in numbers(kind, args.first, args.stride):
        directory = evidence / f"{kind}-{mode}-{n}"
        script = Script(args.sluice, args.shim, kind, n, mode, directory)
        try:
            calls, fate = script.run()
        except Broken as broken:
            print(f"VIOLATED  {kind} call {n}, {mode}: {broken}\n          evidence: {directory}\n"
                  f"          again: scripts/failnth --kind {kind} --mode {mode} --first {n}",
                  flush=True)
            return False
        if calls < n:
            shutil.rmtree(directory)
            break
        fates[fate] += 1
        runs += 1
        shutil.rmtree(directory)
    print(f"{kind:14} {mode:5} {runs:5} runs, the last failed call was {n - 1 if runs else 0}: "
          f"went on {fates['went on']}, ended with a word {fates['ended']} "
          f"({time.monotonic() - began:.0f} s)", flush=True)
    return True


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kind", action="append", choices=KINDS)
    parser.add_argument("--mode", choices=["once", "on"])
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--stride", type=int, default=0)
    parser.add_argument("--evidence")
    args = parser.parse_args()
    args.sluice = os.environ.get("SLUICE", str(ROOT / "build/src/agent/sluice"))
    args.shim = os.environ.get("FAILNTH_SHIM", str(ROOT / "build/tests/crash/failnth_shim.so"))
    evidence = pathlib.Path(args.evidence or tempfile.mkdtemp(prefix="sluice-failnth-"))
    good = True
    for kind in args.kind or KINDS:
        for mode in [args.mode] if args.mode else ["once", "on"]:
            if mode == "on" and kind in ONLY_ONCE:
                continue
            good = try_kind(args, kind, mode, evidence) and good
    print("failnth: no line lost, whichever call failed" if good else "failnth: VIOLATED")
    if good:
        shutil.rmtree(evidence, ignore_errors=True)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
