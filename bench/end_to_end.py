#!/usr/bin/env python3
"""The agent as shipped against the raw one-core loop, in the same run on the same core.

    scripts/bench end-to-end [--shape nginx] [--codec libdeflate-1] [--pairs 7] [--json F]
    scripts/bench end-to-end --memory       resident set with 100 files at full speed, default flags
    scripts/bench end-to-end --idle         CPU of 1,000 idle files over 60 s
    scripts/bench end-to-end --latency      written-to-received at 1,000 lines/s, default flags

A pair is the loop and then the agent on the same file (page-cached), both pinned to the last CPU; the
receiver has the first. The score of a pair is raw MB per CPU second of the agent (user and system, all its
threads, from start to exit) divided by the loop's. What is reported is the median of the pairs and their
spread; the machine's noise is in both halves of a pair.
"""
import argparse
import json
import os
import pathlib
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

LEVELS = {"libdeflate-1": ["-compression", "gzip", "-level", "1"],
          "log": ["-compression", "gzip", "-level", "fast"],
          "zstd-1": ["-compression", "zstd", "-level", "1"],
          "none": ["-compression", "none"]}


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


class Bench:
    def __init__(self, build):
        self.sluice = str(build / "src/agent/sluice")
        self.limit = str(build / "bench/sluice-limit")
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="sluice-bench-"))
        self.cpus = sorted(os.sched_getaffinity(0))
        self.receiver = None

    def close(self):
        if self.receiver:
            self.receiver.kill()
            self.receiver.wait()
        shutil.rmtree(self.dir, ignore_errors=True)

    def pinned(self, cpu, args, **kwargs):
        return subprocess.Popen(["taskset", "-c", str(cpu), *map(str, args)],
                                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, **kwargs)

    def start_receiver(self, *flags):
        port_file = self.dir / "port"
        port_file.unlink(missing_ok=True)
        self.receiver = self.pinned(self.cpus[0], [self.sluice, "receive", "--listen",
                                                   "127.0.0.1:0", "--port-file", port_file,
                                                   "--quiet", *flags])
        while not port_file.exists() or not port_file.read_text().strip():
            if self.receiver.poll() is not None:
                sys.exit("the receiver did not start")
            time.sleep(0.01)
        self.port = int(port_file.read_text())

    def stop_receiver(self):
        self.receiver.send_signal(signal.SIGTERM)
        self.receiver.wait()
        self.receiver = None

    def start_agent(self, paths, *flags):
        self.admin = free_port()
        state = tempfile.mkdtemp(dir=self.dir, prefix="state-")
        return self.pinned(self.cpus[-1], [
            self.sluice, "run", "-paths", paths, "-endpoint",
            f"http://127.0.0.1:{self.port}/ingest", "-state", state, "-admin",
            f"127.0.0.1:{self.admin}", "-progress", "off", "-log-level", "error", *flags])

    def agent_metrics(self):
        try:
            return fetch(f"http://127.0.0.1:{self.admin}/metrics")
        except OSError:
            return ""

    def wait_delivered(self, raw_bytes, agent, timeout=300):
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if metric(self.agent_metrics(), "sluice_source_acked_bytes_total") >= raw_bytes:
                return
            if agent.poll() is not None:
                sys.exit("the agent ended early")
            time.sleep(0.05)
        sys.exit("the agent did not deliver in time")

    @staticmethod
    def stop_agent(agent):
        agent.send_signal(signal.SIGTERM)
        _, status, usage = os.wait4(agent.pid, 0)
        agent.returncode = os.waitstatus_to_exitcode(status)
        if agent.returncode != 0:
            sys.exit(f"the agent ended with {agent.returncode}")
        return usage

    def loop_rate(self, file, codec):
        done = subprocess.run(["taskset", "-c", str(self.cpus[-1]), self.limit, "--file", file,
                               "--codec", codec, "--seconds", "1.5", "--json"],
                              check=True, capture_output=True, text=True)
        return json.loads(done.stdout)

    def make_file(self, shape, size):
        subprocess.run([self.sluice, "generate", "--out", self.dir / "logs", "--files", "1",
                        "--shape", shape, "--bytes", size, "--quiet"], check=True)
        return next((self.dir / "logs").glob("*.log"))


def catch_up(bench, args):
    file = bench.make_file(args.shape, args.size)
    raw = file.stat().st_size
    bench.start_receiver("--count", "--raw")
    pairs = []
    for number in range(args.pairs):
        loop = bench.loop_rate(file, args.codec)
        loop_rate = loop["raw_mb_per_cpu_second"]
        agent = bench.start_agent(file, *LEVELS[args.codec], "-shards", "1")
        bench.wait_delivered(raw, agent)
        usage = bench.stop_agent(agent)
        cpu = usage.ru_utime + usage.ru_stime
        pairs.append({"loop": loop_rate, "agent": raw / cpu / 1e6, "cpu_s": cpu,
                      "rss_mib": usage.ru_maxrss / 1024})
        pairs[-1]["ratio"] = pairs[-1]["agent"] / loop_rate
        print(f"  pair {number + 1}: loop {loop_rate:6.1f}, agent {pairs[-1]['agent']:6.1f} "
              f"raw MB per CPU s, ratio {pairs[-1]['ratio']:.3f}", flush=True)
    bench.stop_receiver()
    ratios = sorted(pair["ratio"] for pair in pairs)
    print(f"{args.shape}, {args.codec}: ratio median {statistics.median(ratios):.3f}, "
          f"from {ratios[0]:.3f} to {ratios[-1]:.3f}, {len(ratios)} pairs; resident set "
          f"{max(pair['rss_mib'] for pair in pairs):.1f} MiB")
    return {"shape": args.shape, "codec": args.codec, "raw_bytes": raw, "pairs": pairs,
            "median": statistics.median(ratios), "min": ratios[0], "max": ratios[-1]}


def memory(bench, args):
    subprocess.run([bench.sluice, "generate", "--out", bench.dir / "logs", "--files", "100",
                    "--shape", "nginx", "--bytes", "512MiB", "--quiet"], check=True)
    raw = sum(path.stat().st_size for path in (bench.dir / "logs").glob("*.log"))
    bench.start_receiver("--count", "--raw")
    agent = bench.start_agent(bench.dir / "logs" / "*.log")
    bench.wait_delivered(raw, agent)
    usage = bench.stop_agent(agent)
    bench.stop_receiver()
    rss = usage.ru_maxrss / 1024
    print(f"resident set at most {rss:.1f} MiB with 100 files at full speed, default flags")
    return {"rss_mib": rss}


def idle(bench, args):
    logs = bench.dir / "logs"
    logs.mkdir()
    for number in range(args.files):
        (logs / f"idle-{number}.log").write_text("one line\n")
    bench.start_receiver("--count")
    agent = bench.start_agent(logs / "*.log")
    bench.wait_delivered(9 * args.files, agent)
    stat = pathlib.Path(f"/proc/{agent.pid}/stat")

    def cpu():
        fields = stat.read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def runtime_ns():
        return sum(int((task / "schedstat").read_text().split()[0])
                   for task in pathlib.Path(f"/proc/{agent.pid}/task").iterdir())
    time.sleep(5)  # the files cool down; this is what is measured
    before = runtime_ns()
    time.sleep(args.seconds)
    share = (runtime_ns() - before) / 1e9 / args.seconds
    bench.stop_agent(agent)
    bench.stop_receiver()
    print(f"{args.files} idle files: {share * 100:.4f} % of a core over {args.seconds:.0f} s")
    return {"files": args.files, "share": share}


def latency(bench, args):
    report = bench.dir / "report.json"
    bench.start_receiver("--verify", "--ledger", bench.dir / "ledger.json", "--report", report)
    agent = bench.start_agent(bench.dir / "logs" / "*.log")
    subprocess.run([bench.sluice, "generate", "--out", bench.dir / "logs", "--files", "10",
                    "--shape", "nginx", "--rate", f"{args.lines_rate}lines/s", "--duration",
                    f"{args.seconds:.0f}s", "--ledger", bench.dir / "ledger.json", "--quiet"],
                   check=True)
    written = json.loads((bench.dir / "ledger.json").read_text())["bytes"]
    bench.wait_delivered(written, agent)
    usage = bench.stop_agent(agent)
    bench.stop_receiver()
    result = json.loads(report.read_text())
    took = result["latency_ms"]
    print(f"{args.lines_rate} lines/s: p50 {took['p50']:.1f}, p99 {took['p99']:.1f}, p99.9 "
          f"{took['p999']:.1f} ms; agent CPU "
          f"{(usage.ru_utime + usage.ru_stime) / args.seconds * 100:.2f} % of a core; "
          f"{result['missing']} missing, {result['duplicate']} duplicate")
    return {"latency_ms": took, "lines_per_s": args.lines_rate}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True)
    parser.add_argument("--shape", default="nginx", choices=["nginx", "json", "short"])
    parser.add_argument("--codec", default="libdeflate-1", choices=sorted(LEVELS))
    parser.add_argument("--size", default="768MiB")
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--idle", action="store_true")
    parser.add_argument("--latency", action="store_true")
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--lines-rate", type=int, default=1000)
    parser.add_argument("--json", help="write the figures into this file")
    args = parser.parse_args()
    bench = Bench(pathlib.Path(args.build).resolve())
    try:
        chosen = [f for on, f in ((args.memory, memory), (args.idle, idle),
                                  (args.latency, latency)) if on] or [catch_up]
        figures = {f.__name__: f(bench, args) for f in chosen}
        if args.json:
            pathlib.Path(args.json).write_text(json.dumps(figures, indent=1))
    finally:
        bench.close()


if __name__ == "__main__":
    main()
