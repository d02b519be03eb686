"""The workloads W1 to W6, each on one agent with default flags unless said.

    W1  catch-up on one file of every shape, as a ratio to the raw loop in the same pair
    W2  100 files growing at 1, 10 and 50 MB/s: CPU and latency
    W3  many files, ten of them growing slowly, then none: CPU, wake-ups, memory, latency
    W4  a rate that rises until the agent falls behind
    W5  a destination that goes away, and one that refuses half of all requests
    W6  rotation by rename and by copytruncate

Every lost and every doubled line is counted, except in W1 and W4, where the receiver only counts bodies.
"""
import json
import shutil
import statistics
import time

from harness import LEVELS, SHAPES, cpu_seconds, metric, status_of, switches_of

MB = 1e6


def catch_up_pairs(bench, shape, codec, size, count):
    """The loop and the agent on the same file, again and again; the medians."""
    file = bench.make_file(shape, size)
    raw = file.stat().st_size
    bench.start_receiver("--count", "--raw")
    pairs = []
    for number in range(count):
        loop = bench.loop_rate(file, codec)
        agent = bench.start_agent(file, *LEVELS[codec], "-shards", "1")
        bench.wait_delivered(raw, agent)
        wire = metric(bench.agent_metrics(), "sluice_component_sent_body_bytes_total")
        usage = bench.stop_agent(agent)
        cpu = usage.ru_utime + usage.ru_stime
        pair = {"loop": loop["raw_mb_per_cpu_second"], "agent": raw / cpu / MB, "cpu_s": cpu,
                "wire_per_raw": wire / raw, "rss_mib": usage.ru_maxrss / 1024}
        pair["ratio"] = pair["agent"] / pair["loop"]
        pairs.append(pair)
        print(f"  pair {number + 1}: loop {pair['loop']:6.1f}, agent {pair['agent']:6.1f} "
              f"raw MB per CPU s, ratio {pair['ratio']:.3f}", flush=True)
    bench.stop_receiver()
    ratios = sorted(pair["ratio"] for pair in pairs)
    print(f"{shape}, {codec}: ratio median {statistics.median(ratios):.3f}, from {ratios[0]:.3f} to "
          f"{ratios[-1]:.3f}, {len(ratios)} pairs; resident set "
          f"{max(pair['rss_mib'] for pair in pairs):.1f} MiB", flush=True)
    return {"shape": shape, "codec": codec, "raw_bytes": raw, "pairs": pairs,
            "median": statistics.median(ratios), "min": ratios[0], "max": ratios[-1],
            "raw_mb_per_cpu_s": statistics.median(pair["agent"] for pair in pairs)}


def live(bench, generator_flags, receiver_flags=(), agent_flags=()):
    """An agent beside writers; what it cost while they wrote, and what arrived."""
    shutil.rmtree(bench.dir / "logs", ignore_errors=True)
    (bench.dir / "logs").mkdir()
    report = bench.dir / "report.json"
    bench.start_receiver("--verify", "--ledger", bench.dir / "ledger.json", "--report", report,
                         *receiver_flags)
    agent = bench.start_agent(bench.dir / "logs" / "*.log", *agent_flags)
    bench.wait_metrics(agent)
    began, cpu, switches = time.monotonic(), cpu_seconds(agent.pid), switches_of(agent.pid)
    bench.generate(*generator_flags)
    seconds = time.monotonic() - began
    figures = {"seconds": seconds, "cpu_share": (cpu_seconds(agent.pid) - cpu) / seconds,
               "wakeups_per_s": (switches_of(agent.pid) - switches) / seconds,
               "mb_per_s": bench.written_bytes() / MB / seconds}
    ended = time.monotonic()
    bench.wait_delivered(bench.written_bytes(), agent)
    figures["behind_s"] = time.monotonic() - ended
    figures["rss_mib"] = status_of(agent.pid)["VmHWM"] / 2**20
    bench.stop_agent(agent)
    bench.stop_receiver()
    result = json.loads(report.read_text())
    figures |= {"latency_ms": result["latency_ms"], "missing": result["missing"],
                "raced": result["missing_raced"], "duplicate": result["duplicate"],
                "lines": result["unique"]}
    return figures


def tell_live(name, figures):
    took = figures["latency_ms"]
    print(f"{name}: {figures['mb_per_s']:.1f} MB/s, agent CPU {figures['cpu_share'] * 100:.2f} % of a core, "
          f"{figures['wakeups_per_s']:.0f} wake-ups/s, latency p50 {took['p50']:.1f} p99 {took['p99']:.1f} "
          f"p99.9 {took['p999']:.1f} ms, resident {figures['rss_mib']:.1f} MiB, {figures['missing']} missing, "
          f"{figures['duplicate']} duplicate", flush=True)
    return figures


def w1(bench, args):
    size = "64MiB" if args.quick else args.size
    return [catch_up_pairs(bench, shape, args.codec, size, 2 if args.quick else args.pairs)
            for shape in SHAPES]


def w2(bench, args):
    seconds = 3 if args.quick else args.seconds
    return {f"{rate}MB/s": tell_live(f"W2 100 files at {rate} MB/s", live(
        bench, ["--files", "100", "--rate", f"{rate}MB/s", "--duration", f"{seconds:.0f}s"]))
        for rate in ((1, 10) if args.quick else (1, 10, 50))}


def idle_share(bench, agent, seconds):
    cpu, switches = cpu_seconds(agent.pid), switches_of(agent.pid)
    time.sleep(seconds)  # what is measured
    return {"cpu_share": (cpu_seconds(agent.pid) - cpu) / seconds,
            "wakeups_per_s": (switches_of(agent.pid) - switches) / seconds,
            "rss_mib": status_of(agent.pid)["VmRSS"] / 2**20}


def make_idle_files(logs, count):
    shutil.rmtree(logs, ignore_errors=True)
    logs.mkdir()
    for number in range(count):
        (logs / f"idle-{number}.log").write_text("one line\n")
    return 9 * count


def w3(bench, args):
    count = 1000 if args.quick else args.files
    seconds = 3 if args.quick else args.seconds
    written = make_idle_files(bench.dir / "logs", count)
    # --raw would not do: latency is read from the lines. Those without a token are only counted.
    report = bench.dir / "report.json"
    bench.start_receiver("--verify", "--ledger", bench.dir / "ledger.json", "--report", report)
    agent = bench.start_agent(bench.dir / "logs" / "*.log")
    bench.wait_delivered(written, agent)
    bench.wait_cool(agent)
    cpu, began = cpu_seconds(agent.pid), time.monotonic()
    bench.generate("--files", "10", "--rate", "100lines/s", "--duration", f"{seconds:.0f}s")
    active = {"cpu_share": (cpu_seconds(agent.pid) - cpu) / (time.monotonic() - began)}
    bench.wait_delivered(written + bench.written_bytes(), agent)
    bench.wait_cool(agent)
    idle = idle_share(bench, agent, seconds)
    bench.stop_agent(agent)
    bench.stop_receiver()
    result = json.loads(report.read_text())
    active |= {"latency_ms": result["latency_ms"], "missing": result["missing"]}
    print(f"W3 {count} files, ten of them at 100 lines/s together: {active['cpu_share'] * 100:.3f} % of a core, "
          f"latency p50 {result['latency_ms']['p50']:.1f} p99 {result['latency_ms']['p99']:.1f} ms; all idle: "
          f"{idle['cpu_share'] * 100:.4f} % of a core, {idle['wakeups_per_s']:.2f} wake-ups/s, "
          f"{idle['rss_mib']:.1f} MiB", flush=True)
    return {"files": count, "active": active, "idle": idle}


def w4(bench, args):
    """The last rate that the agent kept up with: less than a second behind when the writers ended."""
    steps = []
    rate = 25.0
    while True:
        bench_rate = f"{rate:.0f}MB/s"
        figures = live(bench, ["--files", "10", "--rate", bench_rate, "--duration",
                               "2s" if args.quick else "5s"])
        steps.append({"asked_mb_per_s": rate, **figures})
        # The writers share a CPU with the receiver and may themselves be the end.
        wrote = figures["mb_per_s"] >= 0.75 * rate
        kept = figures["behind_s"] < 1 and figures["missing"] == 0
        print(f"W4 {bench_rate}: wrote {figures['mb_per_s']:.0f} MB/s, {figures['behind_s']:.2f} s behind at the "
              f"end, agent CPU {figures['cpu_share'] * 100:.0f} %", flush=True)
        if not kept or not wrote or (args.quick and len(steps) == 3):
            break
        rate *= 1.5
    good = [step["mb_per_s"] for step in steps if step["behind_s"] < 1]
    limit = "the agent" if not kept else "the writers" if not wrote else "the time"
    print(f"W4 the agent kept up with {max(good, default=0):.0f} MB/s; {limit} ended it", flush=True)
    return {"steps": steps, "kept_mb_per_s": max(good, default=0), "ended_by": limit}


def w5(bench, args):
    seconds = 8 if args.quick else 45
    out = 3 if args.quick else 30
    flags = ["--files", "10", "--rate", "2MB/s", "--duration", f"{seconds}s"]
    cases = {"outage": ["--fault", f"outage=2s+{out}s"], "refusals": ["--fault", "status=503:0.5"],
             "resets": ["--fault", "reset:0.2"], "late answers": ["--fault", "delay=500ms:1"]}
    return {name: tell_live(f"W5 {name}", live(bench, flags, fault, ["-retry-max-delay", "2s"]))
            for name, fault in cases.items()}


def w6(bench, args):
    seconds = 6 if args.quick else args.seconds
    figures = {}
    for rotation in ("rename", "copytruncate"):
        figures[rotation] = tell_live(f"W6 {rotation} every 2 s", live(
            bench, ["--files", "4", "--rate", "5MB/s" if args.quick else "20MB/s", "--duration",
                    f"{seconds:.0f}s", "--rotate", rotation, "--rotate-every", "2s"]))
    return figures


WORKLOADS = {"W1": w1, "W2": w2, "W3": w3, "W4": w4, "W5": w5, "W6": w6}
