#!/usr/bin/env python3
"""The demonstration behind scripts/demo: generator, agent and receiver, all the real thing.

Prints a row a second while it runs and a table at the end. Exit code 1 if a line is missing or damaged.
"""
import argparse
import json
import os
import pathlib
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request


def start(args, **kwargs):
    return subprocess.Popen(args, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, **kwargs)


def wait_for_file(path, process, said, seconds=20):
    deadline = time.monotonic() + seconds
    while not path.exists() or not path.read_text().strip():
        if process.poll() is not None or time.monotonic() > deadline:
            sys.exit(f"sluice: the receiver did not start; it said:\n{said.read_text()}")
        time.sleep(0.02)
    return path.read_text().strip()


def fetch(url):
    with urllib.request.urlopen(url, timeout=5) as answer:
        return answer.read().decode()


def metric(text, name):
    """The sum of all series of one metric."""
    return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines()
               if line.startswith((name + "{", name + " ")))


def follow_progress(agent_admin, stats_url, done):
    """One row a second, made from what agent and receiver say about themselves."""
    head = "\n  second   lines received      MB/s   lag in kB   open files   rotated   in flight\n"
    before = 0
    began = clock = time.monotonic()
    while not done.wait(1.0):
        try:
            stats = json.loads(fetch(stats_url))
            text = fetch(agent_admin + "/metrics")
        except OSError:
            continue
        now = time.monotonic()
        rate = (stats["bytes_lines"] - before) / (now - clock) / 1e6
        before, clock = stats["bytes_lines"], now
        print(f"{head}  {now - began:6.0f}   {stats['lines']:14,}   {rate:7.1f}   "
              f"{metric(text, 'sluice_source_lag_bytes') / 1e3:9.1f}   "
              f"{int(metric(text, 'sluice_open_files')):10}   "
              f"{int(metric(text, 'sluice_files_rotated_total')):7}   "
              f"{int(metric(text, 'sluice_adaptive_concurrency_in_flight')):9}", flush=True)
        head = ""


def free_port():
    import socket
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--sluice", required=True)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--rate", default="20MB/s")
    parser.add_argument("--files", type=int, default=4)
    args = parser.parse_args()
    # Asked to end, it cleans up like after Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)

    here = pathlib.Path(tempfile.mkdtemp(prefix="sluice-demo-"))
    logs = here / "logs"
    logs.mkdir()
    ledger, report, port_file = here / "ledger.json", here / "report.json", here / "port"
    said = here / "receiver.log"
    running = []
    try:
        receiver = start([args.sluice, "receive", "--listen", "127.0.0.1:0", "--port-file",
                          str(port_file), "--verify", "--ledger", str(ledger), "--report",
                          str(report), "--quiet"], stderr=said.open("w"))
        running.append(receiver)
        port = wait_for_file(port_file, receiver, said)
        admin_port = free_port()
        agent_line = [args.sluice, "run", "-paths", f"{logs}/*.log", "-endpoint",
                      f"http://127.0.0.1:{port}/ingest", "-state", str(here / "state"),
                      "-admin", f"127.0.0.1:{admin_port}", "-progress", "off"]
        print(f"\n  {args.files} log files grow by {args.rate} together for {args.seconds:.0f} s and "
              f"rotate every 3 s; a rotated file is deleted\n  9 s later. The agent starts before "
              f"them and follows them, and a receiver checks every line.\n\n"
              f"  $ {shlex.join(agent_line).replace(str(here), '$DEMO')}\n", flush=True)
        began = time.monotonic()
        agent = start(agent_line)
        running.append(agent)
        generator = start([args.sluice, "generate", "--out", str(logs), "--files",
                           str(args.files), "--shape", "nginx", "--rate", args.rate, "--duration",
                           f"{args.seconds}s", "--rotate", "rename", "--rotate-every", "3s",
                           "--keep", "3", "--ledger", str(ledger), "--quiet"])
        running.append(generator)
        done = threading.Event()
        stats_url = f"http://127.0.0.1:{port}/stats"
        progress = threading.Thread(target=follow_progress, daemon=True, args=(
            f"http://127.0.0.1:{admin_port}", stats_url, done))
        progress.start()
        if generator.wait() != 0:
            sys.exit("sluice: the generator failed; its messages are above")
        written = json.loads(ledger.read_text())
        deadline = time.monotonic() + 30
        while json.loads(fetch(stats_url))["lines"] < written["lines"]:
            if time.monotonic() > deadline or agent.poll() is not None:
                break
            time.sleep(0.05)
        delivered_in = time.monotonic() - began
        done.set()
        progress.join()

        agent.send_signal(signal.SIGTERM)
        _, status, usage = os.wait4(agent.pid, 0)
        agent.returncode = os.waitstatus_to_exitcode(status)
        stats = json.loads(fetch(stats_url))
        receiver.send_signal(signal.SIGTERM)
        receiver.wait()
        code = show(written, stats, json.loads(report.read_text()), usage, delivered_in,
                    agent.returncode)
        if code == 0:
            print(f"\n  The binary is {args.sluice}; README.md says how to run it on your own logs.")
        return code
    except KeyboardInterrupt:
        print("\nsluice: the demonstration was stopped", file=sys.stderr)
        return 130
    finally:
        for process in running:
            if process.poll() is None:
                process.kill()
                process.wait()
        shutil.rmtree(here, ignore_errors=True)


def show(written, stats, report, usage, seconds, exit_code):
    cpu = usage.ru_utime + usage.ru_stime
    raw = written["bytes"]
    latency = report["latency_ms"]
    rows = [
        ("lines written", f"{written['lines']:,}"),
        ("lines received", f"{report['lines']:,}"),
        ("missing", f"{report['missing']:,}"),
        ("duplicate", f"{report['duplicate']:,}"),
        ("damaged", f"{report['damaged']:,}"),
        ("raw bytes", f"{raw / 1e6:,.1f} MB in {seconds:.1f} s, {raw / seconds / 1e6:.1f} MB/s"),
        ("bytes on the wire", f"{stats['bytes_wire'] / 1e6:,.1f} MB, "
                              f"{stats['bytes_wire'] / max(raw, 1):.3f} of raw, "
                              f"{stats['requests']:,} requests"),
        ("agent CPU", f"{cpu:.2f} s, {raw / max(cpu, 1e-9) / 1e6:.0f} MB per CPU second"),
        ("agent memory", f"{usage.ru_maxrss / 1024:.1f} MiB at most"),
        ("latency", f"p50 {latency['p50']:.1f} ms, p99 {latency['p99']:.1f} ms, "
                    f"p99.9 {latency['p999']:.1f} ms"),
    ]
    print()
    for name, value in rows:
        print(f"  {name:<18} {value}")
    good = report["missing"] == 0 and report["damaged"] == 0 and exit_code == 0
    print(f"\n  {'every line arrived' if good else 'LINES ARE MISSING OR DAMAGED'}"
          + (f" (the agent ended with {exit_code})" if exit_code else ""))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
