#!/usr/bin/env python3
"""The agent as shipped against the raw one-core loop, in the same run on the same core; and at work.

    scripts/bench end-to-end [--shape nginx] [--codec libdeflate-1] [--pairs 7] [--json F]
    scripts/bench end-to-end --workload W1 ... W6 | all [--quick]      bench/workloads.py has what they are
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
import pathlib

from harness import LEVELS, SHAPES, Bench
from workloads import WORKLOADS, catch_up_pairs, idle_share, make_idle_files


def catch_up(bench, args):
    return catch_up_pairs(bench, args.shape, args.codec, args.size, args.pairs)


def memory(bench, args):
    bench.generate("--files", "100", "--shape", "nginx", "--bytes", "512MiB")
    raw = bench.written_bytes()
    bench.start_receiver("--count", "--raw")
    agent = bench.start_agent(bench.dir / "logs" / "*.log")
    bench.wait_delivered(raw, agent)
    usage = bench.stop_agent(agent)
    bench.stop_receiver()
    rss = usage.ru_maxrss / 1024
    print(f"resident set at most {rss:.1f} MiB with 100 files at full speed, default flags")
    return {"rss_mib": rss}


def idle(bench, args):
    written = make_idle_files(bench.dir / "logs", args.files)
    bench.start_receiver("--count")
    agent = bench.start_agent(bench.dir / "logs" / "*.log")
    bench.wait_delivered(written, agent)
    bench.wait_cool(agent)
    share = idle_share(bench, agent, args.seconds)
    bench.stop_agent(agent)
    bench.stop_receiver()
    print(f"{args.files} idle files: {share['cpu_share'] * 100:.4f} % of a core over {args.seconds:.0f} s")
    return {"files": args.files, **share}


def latency(bench, args):
    report = bench.dir / "report.json"
    bench.start_receiver("--verify", "--ledger", bench.dir / "ledger.json", "--report", report)
    agent = bench.start_agent(bench.dir / "logs" / "*.log")
    bench.generate("--files", "10", "--shape", "nginx", "--rate", f"{args.lines_rate}lines/s",
                   "--duration", f"{args.seconds:.0f}s")
    written = bench.written_bytes()
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
    parser.add_argument("--shape", default="nginx", choices=SHAPES)
    parser.add_argument("--codec", default="libdeflate-1", choices=sorted(LEVELS))
    parser.add_argument("--size", default="768MiB")
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--workload", action="append", choices=[*WORKLOADS, "all"], default=[])
    parser.add_argument("--quick", action="store_true", help="small sizes: does it work at all?")
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
        chosen = {f.__name__: f for on, f in ((args.memory, memory), (args.idle, idle),
                                              (args.latency, latency)) if on}
        chosen |= {name: f for name, f in WORKLOADS.items() if {name, "all"} & set(args.workload)}
        figures = {name: f(bench, args) for name, f in (chosen or {"catch_up": catch_up}).items()}
        if args.json:
            pathlib.Path(args.json).write_text(json.dumps(figures, indent=1))
    finally:
        bench.close()


if __name__ == "__main__":
    main()
