#!/usr/bin/env python3
"""Other agents of this machine on the same work, with the same receiver, in turn with sluice.

    scripts/bench compare [--shape nginx] [--size 256MiB] [--rounds 5] [--json F]

In every round each peer and sluice, with the peer's codec, deliver the same file (page-cached) from an empty
state, pinned to the last CPU; the receiver has the first. What is compared is raw MB per CPU second of the agent
(all threads, user and system) from its start to the last byte that arrived, as the median of the ratios of the
same round. bench/peers.py has the configurations and says what is not compared and why.
"""
import argparse
import json
import pathlib
import shutil
import statistics
import sys
import time

from harness import LEVELS, SHAPES, Bench, cpu_seconds, status_of
from peers import expected, found_peers

QUIET_S = 1.5  # without a byte more, and no CPU used: done
MOMENT_S = 0.02


def wait_done(bench, process, is_enough, timeout):
    """Waits for the last byte. CPU and wall time up to it; None if not everything came."""
    cpu_before, began = 0.0, time.monotonic()
    last = {"at": began, "cpu": 0.0, "wire": -1}
    while time.monotonic() - began < timeout:
        if process.poll() is not None:
            return None
        stats = bench.receiver_stats()
        now = time.monotonic()
        if stats["bytes_wire"] != last["wire"]:
            last = {"at": now, "cpu": cpu_seconds(process.pid) - cpu_before,
                    "wire": stats["bytes_wire"], "requests": stats["requests"],
                    "bad": stats["bad_bodies"]}
        elif is_enough(stats) and now - last["at"] > QUIET_S:
            return {"cpu_s": last["cpu"], "wall_s": last["at"] - began, "wire": last["wire"],
                    "requests": last["requests"], "bad": last["bad"],
                    "rss_mib": status_of(process.pid)["VmHWM"] / 2**20}
        time.sleep(MOMENT_S)
    return None


def run_peer(bench, peer, logs, raw, lines, timeout):
    bench.start_receiver("--count", *(["--raw"] if peer.reads == "bytes" else []))
    directory = bench.dir / "peer"
    shutil.rmtree(directory, ignore_errors=True)
    messages = (bench.dir / "peer.log").open("w")
    process = bench.pinned(bench.cpus[-1], peer.prepare(directory, logs, bench.port),
                           stderr=messages)
    done = wait_done(bench, process, expected(peer, raw, lines), timeout)
    process.kill()
    process.wait()
    bench.stop_receiver()
    return done


def run_sluice(bench, codec, file, raw, lines, timeout):
    bench.start_receiver("--count", "--raw")
    process = bench.start_agent(file, *LEVELS[codec], "-shards", "1")
    # The same clock as for the peers: until the last byte has come.
    done = wait_done(bench, process, lambda stats: stats["bytes_wire"] > 0, timeout)
    bench.wait_delivered(raw, process)
    bench.stop_agent(process)
    bench.stop_receiver()
    return done


def figures_of(rounds, raw):
    return {"raw_mb_per_cpu_s": statistics.median(raw / 1e6 / r["cpu_s"] for r in rounds),
            "cpu_s_per_gb": statistics.median(r["cpu_s"] / raw * 1e9 for r in rounds),
            "raw_mb_per_s": statistics.median(raw / 1e6 / r["wall_s"] for r in rounds),
            "wire_per_raw": statistics.median(r["wire"] / raw for r in rounds),
            "requests": statistics.median(r["requests"] for r in rounds),
            "rss_mib": max(r["rss_mib"] for r in rounds), "rounds": rounds}


def compare(bench, peer, file, raw, lines, args):
    theirs, ours = [], []
    for number in range(args.rounds):
        peer_round = run_peer(bench, peer, file.parent, raw, lines, args.timeout)
        own_round = run_sluice(bench, peer.codec, file, raw, lines, args.timeout)
        if peer_round is None or own_round is None:
            print(f"  {peer.name}: did not deliver everything; its last messages:\n"
                  + (bench.dir / "peer.log").read_text()[-800:])
            return None
        theirs.append(peer_round)
        ours.append(own_round)
        print(f"  round {number + 1}: {peer.name} {raw / 1e6 / peer_round['cpu_s']:.1f}, sluice "
              f"{raw / 1e6 / own_round['cpu_s']:.1f} raw MB per CPU s", flush=True)
    ratios = sorted(their["cpu_s"] / own["cpu_s"] for their, own in zip(theirs, ours))
    return {"peer": peer.name, "version": peer.version(), "codec": peer.codec,
            "theirs": figures_of(theirs, raw), "sluice": figures_of(ours, raw),
            "ratio": {"median": statistics.median(ratios), "least": ratios[0], "greatest": ratios[-1]}}


def tell(result):
    print(f"\n{result['peer']} ({result['version']}), codec {result['codec']}")
    print(f"  {'':<10}{'raw MB per CPU s':>18}{'CPU s per GB':>14}{'raw MB/s':>10}{'wire/raw':>10}"
          f"{'requests':>10}{'RSS MiB':>9}")
    for name, side in (("peer", result["theirs"]), ("sluice", result["sluice"])):
        print(f"  {name:<10}{side['raw_mb_per_cpu_s']:>18.1f}{side['cpu_s_per_gb']:>14.2f}"
              f"{side['raw_mb_per_s']:>10.0f}{side['wire_per_raw']:>10.3f}{side['requests']:>10.0f}"
              f"{side['rss_mib']:>9.1f}")
    ratio = result["ratio"]
    print(f"  sluice does {ratio['median']:.1f} times the work per CPU second ({ratio['least']:.1f} to "
          f"{ratio['greatest']:.1f}, {len(result['sluice']['rounds'])} rounds)")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", required=True)
    parser.add_argument("--shape", default="nginx", choices=SHAPES)
    parser.add_argument("--size", default="256MiB")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--timeout", type=float, default=300, help="seconds for one delivery")
    parser.add_argument("--peer", action="append", help="only peers whose name begins so")
    parser.add_argument("--json", help="write the figures into this file")
    args = parser.parse_args()
    peers, notes = found_peers()
    if args.peer:
        peers = [peer for peer in peers if peer.name.startswith(tuple(args.peer))]
    for note in notes:
        print(f"  {note}")
    bench = Bench(pathlib.Path(args.build).resolve())
    results = []
    try:
        file = bench.make_file(args.shape, args.size)
        raw, lines = file.stat().st_size, json.loads(bench.ledger.read_text())["lines"]
        for peer in peers:
            result = compare(bench, peer, file, raw, lines, args)
            if result:
                results.append(result)
                tell(result)
    finally:
        bench.close()
    if args.json:
        pathlib.Path(args.json).write_text(json.dumps(
            {"compare": {"shape": args.shape, "raw_bytes": raw, "peers": results, "notes": notes}}, indent=1))
    return 0 if len(results) == len(peers) else 1


if __name__ == "__main__":
    sys.exit(main())
