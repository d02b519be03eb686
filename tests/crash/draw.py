"""What a seed decides: how the agent is configured, what the generator writes, how the receiver fails."""

# Each is drawn alone; a combination that the agent refuses for lack of memory is drawn again.
FLAGS = {
    "-batch": ["20", "100", "1000", "10000", "0"],
    "-batch-bytes": ["8KiB", "64KiB", "512KiB", "1MiB"],
    "-workers": ["1", "2", "4", "8"],
    "-shards": ["0", "1", "2", "3"],
    "-compression": ["none", "gzip", "zstd"],
    "-level": ["auto", "fast", "1"],
    "-wait": ["1ms", "50ms", "200ms", "1s"],
    "-memory": ["32MiB", "64MiB", "128MiB"],
    "-framing": ["json", "ndjson"],
    "-order": ["parallel", "parallel", "parallel", "file"],
    "-queue": ["0", "0", "500", "10k"],
    "-checkpoint-interval": ["50ms", "200ms", "1s"],
    "-reconcile-interval": ["1s", "10s"],
    "-retry-min-delay": ["10ms", "100ms"],
    "-retry-max-delay": ["200ms", "30s"],
    "-with-id": ["true", "false"],
    "-with-offset": ["true", "false"],
    "-http-version": ["auto", "1.1"],
    "-pin": ["true", "false"],
}
DEFAULT_SHARE = 0.3  # of lives with no flag at all: the bound of 16 MiB is about those

SHAPES = ["nginx", "nginx", "json", "short", "java", "long", "utf8"]

# With these a request that was stored is always answered, so every duplicate is a crash's.
CLEAR_FAULTS = [
    [],
    ["status=503:0.1"],
    ["status=503:0.4"],
    ["reset=body:0.05"],
    ["delay=20ms:0.3", "status=503:0.05"],
    ["delay=300ms:0.03", "status=429:0.05"],
]
# With these answers are lost on the way and the lane sends again; the receiver drops what it knows
# by its Idempotency-Key.
LOSSY_FAULTS = [
    ["reset:0.05"],
    ["reset=response:0.1", "status=503:0.1"],
    ["delay=100ms:0.1", "OUTAGES"],
    ["reset:0.02", "status=503:0.1", "OUTAGES"],
]


def agent_flags(rng, io):
    """Flags of one life; none at all but -io is a life with defaults."""
    flags = ["-io", io or rng.choice(["uring", "pread", "auto"])]
    if rng.random() < DEFAULT_SHARE:
        return flags, True
    for name, values in FLAGS.items():
        if rng.random() < 0.6:
            flags += [f"{name}={rng.choice(values)}"]
    if "-compression=none" in flags:
        flags = [flag for flag in flags if not flag.startswith("-level")]
    return flags, False


def outages(rng, seconds):
    rules, at = [], 2.0
    while at < seconds:
        length = rng.uniform(0.1, 0.6)
        rules.append(f"outage={int(at * 1000)}ms+{int(length * 1000)}ms")
        at += length + rng.uniform(2, 6)
    return rules


def receiver_flags(rng, seconds):
    """Flags, and whether each duplicate is a crash's."""
    clear = rng.random() < 0.6
    flags = ["--seed", str(rng.randrange(1 << 30))] + ([] if clear else ["--dedupe"])
    for rule in rng.choice(CLEAR_FAULTS if clear else LOSSY_FAULTS):
        for each in outages(rng, seconds) if rule == "OUTAGES" else [rule]:
            flags += ["--fault", each]
    return flags, clear


def generator_flags(rng):
    """Flags for the live part, and for what lies there before the first agent starts (or None)."""
    shape = rng.choice(SHAPES)
    files = rng.choice([1, 2, 4, 8])
    base = ["--shape", shape, "--files", str(files), "--seed", str(rng.randrange(1 << 30))]
    rate = rng.choice(["200KB/s", "2MB/s", "5MB/s", "10MB/s"])
    live = base + ["--rate", rate, "--duration", "1h"]
    rotation = rng.choice(["often", "seldom", "by size", "none"])
    if rotation == "by size":
        live += ["--rotate", "rename", "--rotate-bytes", "2MB"]
    elif rotation != "none":
        live += ["--rotate", "rename", "--rotate-every", "300ms" if rotation == "often" else "2s"]
    backlog = None
    if rng.random() < 0.3:
        backlog = base + ["--bytes", rng.choice(["20MB", "150MB"])]
        if rng.random() < 0.5:
            backlog += ["--rotate", "rename", "--rotate-bytes", "10MB"]
    return live, backlog
