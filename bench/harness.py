"""Processes for the benchmarks: agents, the receiver, generators, and what each of them costs.

The receiver has the first CPU, what is measured has the last one. CPU time is read from the process's own
clock, to the nanosecond, and includes all threads, user and system.
"""
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

LEVELS = {"libdeflate-1": ["-compression", "gzip", "-level", "1"],
          "log": ["-compression", "gzip", "-level", "fast"],
          "zstd-1": ["-compression", "zstd", "-level", "1"],
          "none": ["-compression", "none"]}
SHAPES = ["nginx", "json", "short", "java", "long", "utf8"]


def fetch(url):
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.read().decode()


def metric(text, name):
    return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines()
               if line.startswith((name + "{", name + " ")))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def cpu_seconds(pid):
    """User and system time of a process: Linux builds the number of its clock from its id."""
    return time.clock_gettime((~pid << 3) | 2)


def status_of(pid):
    """The numbers of /proc/PID/status by name, in bytes where they are sizes."""
    numbers = {}
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        name, _, value = line.partition(":")
        words = value.split()
        if words and words[0].isdigit():
            numbers[name] = int(words[0]) * (1024 if words[-1] == "kB" else 1)
    return numbers


def switches_of(pid):
    """How often the threads of a process slept and were woken."""
    total = 0
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        for line in (task / "status").read_text().splitlines():
            if line.startswith("voluntary_ctxt_switches"):
                total += int(line.split()[1])
    return total


def wait_until(condition, what, process, timeout=60, pause=0.02):
    """Waits for a condition while the process lives; without it there is nothing to measure."""
    deadline = time.monotonic() + timeout
    while not condition():
        if process.poll() is not None:
            sys.exit(f"ended with {process.returncode} before this: {what}")
        if time.monotonic() > deadline:
            sys.exit(f"not within {timeout} s: {what}")
        time.sleep(pause)


class Bench:
    def __init__(self, build):
        self.sluice = str(build / "src/agent/sluice")
        self.limit = str(build / "bench/sluice-limit")
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="sluice-bench-"))
        self.cpus = sorted(os.sched_getaffinity(0))
        self.receiver = None
        self.running = []
        # `timeout` says SIGTERM: processes and files go then, too.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))

    def close(self):
        for process in [*self.running, *([self.receiver] if self.receiver else [])]:
            if process.poll() is None:
                process.kill()
                process.wait()
        shutil.rmtree(self.dir, ignore_errors=True)

    def pinned(self, cpu, args, **kwargs):
        process = subprocess.Popen(["taskset", "-c", str(cpu), *map(str, args)],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, **kwargs)
        self.running.append(process)
        return process

    # The receiver.

    def start_receiver(self, *flags):
        port_file = self.dir / "port"
        port_file.unlink(missing_ok=True)
        self.receiver = self.pinned(self.cpus[0], [self.sluice, "receive", "--listen",
                                                   "127.0.0.1:0", "--port-file", port_file,
                                                   "--quiet", *flags], stderr=subprocess.DEVNULL)
        wait_until(lambda: port_file.exists() and port_file.read_text().strip(),
                   "the receiver listens", self.receiver, pause=0.01)
        self.port = int(port_file.read_text())

    def receiver_stats(self):
        return json.loads(fetch(f"http://127.0.0.1:{self.port}/stats"))

    def stop_receiver(self):
        self.receiver.send_signal(signal.SIGTERM)
        self.receiver.wait()
        self.receiver = None

    # sluice.

    def start_agent(self, paths, *flags, endpoint=None):
        self.admin = free_port()
        state = tempfile.mkdtemp(dir=self.dir, prefix="state-")
        return self.pinned(self.cpus[-1], [
            self.sluice, "run", "-paths", paths, "-endpoint",
            endpoint or f"http://127.0.0.1:{self.port}/ingest", "-state", state, "-admin",
            f"127.0.0.1:{self.admin}", "-progress", "off", "-log-level", "error", *flags])

    def agent_metrics(self):
        try:
            return fetch(f"http://127.0.0.1:{self.admin}/metrics")
        except OSError:
            return ""

    def wait_metrics(self, agent):
        wait_until(self.agent_metrics, "the agent answers a scrape", agent)

    def wait_delivered(self, raw_bytes, agent, timeout=300):
        wait_until(lambda: metric(self.agent_metrics(), "sluice_source_acked_bytes_total") >= raw_bytes,
                   "everything is delivered", agent, timeout, pause=0.05)

    def wait_cool(self, agent):
        """Until no file is looked at every few milliseconds because it grew a moment ago, and all threads sleep.

        A scrape wakes them; so the second is asked of the kernel alone.
        """
        wait_until(lambda: metric(self.agent_metrics(), "sluice_shard_hot_files") == 0,
                   "no file is hot", agent, pause=0.5)
        seen = [-1]

        def all_sleep():
            seen.append(switches_of(agent.pid))
            return seen[-1] == seen[-2]
        wait_until(all_sleep, "the agent sleeps", agent, pause=0.5)

    @staticmethod
    def stop_agent(agent):
        agent.send_signal(signal.SIGTERM)
        _, status, usage = os.wait4(agent.pid, 0)
        agent.returncode = os.waitstatus_to_exitcode(status)
        if agent.returncode != 0:
            sys.exit(f"the agent ended with {agent.returncode}")
        return usage

    # The loop and the logs.

    def loop_rate(self, file, codec, seconds=1.5):
        done = subprocess.run(["taskset", "-c", str(self.cpus[-1]), self.limit, "--file", file,
                               "--codec", codec, "--seconds", str(seconds), "--json"],
                              check=True, capture_output=True, text=True)
        return json.loads(done.stdout)

    def generate(self, *flags):
        """Starts a generator beside the receiver; what it wrote is in `ledger`, which begins anew."""
        self.ledger = self.dir / "ledger.json"
        self.ledger.unlink(missing_ok=True)
        args = [self.sluice, "generate", "--out", self.dir / "logs", "--ledger", self.ledger,
                "--quiet", *flags]
        if self.pinned(self.cpus[0], args).wait() != 0:
            sys.exit("the generator failed")

    def written_bytes(self):
        return json.loads(self.ledger.read_text())["bytes"]

    def make_file(self, shape, size):
        shutil.rmtree(self.dir / "logs", ignore_errors=True)
        self.generate("--files", "1", "--shape", shape, "--bytes", size)
        return next((self.dir / "logs").glob("*.log"))
