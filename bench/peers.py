"""Other agents, set up to do the same work: every line of the files as a record, over HTTP, to `sluice receive`.

A record holds time, host, path and line. Where a peer can be told the sizes of requests, it gets ours (512 KiB, up to
10,000 lines, 200 ms). Each is compared with sluice under the same codec. `reads`: what tells that a peer is done; a
receiver that can read its records counts lines, else the bytes of bodies are watched until they stop.
"""
import pathlib
import shutil
import socket
import subprocess

RSYSLOG = """\
global(workDirectory="{dir}" maxMessageSize="64k")
module(load="imfile" mode="inotify")
module(load="{module}")
template(name="record" type="list" option.jsonf="on") {{
  property(outname="timestamp" name="timegenerated" dateFormat="rfc3339" format="jsonf")
  property(outname="host" name="$myhostname" format="jsonf")
  property(outname="path" name="$!metadata!filename" format="jsonf")
  property(outname="line" name="msg" format="jsonf")
}}
main_queue(queue.type="FixedArray" queue.size="100000" queue.dequeueBatchSize="4096")
input(type="imfile" File="{logs}/*.log" Tag="bench" addMetadata="on" ruleset="ship")
ruleset(name="ship") {{
  {action}
}}
"""
# Debian's packages have no omhttp; omelasticsearch sends each record with a line of its own before it.
RSYSLOG_ELASTICSEARCH = ('action(type="omelasticsearch" server="127.0.0.1" serverport="{port}" '
                         'template="record" bulkmode="on" maxbytes="512k" action.resumeRetryCount="-1")')
RSYSLOG_HTTP = ('action(type="omhttp" server="127.0.0.1" serverport="{port}" restpath="ingest" '
                'useHttps="off" batch="on" batch.format="jsonarray" batch.maxbytes="524288" '
                'batch.maxsize="10000" compress="on" compress.level="1" template="record" '
                'action.resumeRetryCount="-1")')
VECTOR = """\
data_dir: {dir}
sources:
  logs:
    type: file
    include: ["{logs}/*.log"]
    read_from: beginning
transforms:
  record:
    type: remap
    inputs: [logs]
    source: |
      . = {{"timestamp": .timestamp, "host": .host, "path": .file, "line": .message}}
sinks:
  out:
    type: http
    inputs: [record]
    uri: http://127.0.0.1:{port}/ingest
    compression: gzip
    encoding: {{codec: json}}
    batch: {{max_bytes: 524288, timeout_secs: 0.2}}
"""
FLUENT_BIT = """\
[SERVICE]
    flush 0.2
    log_level error
[INPUT]
    name tail
    path {logs}/*.log
    read_from_head on
    key line
    path_key path
    buffer_chunk_size 512k
    buffer_max_size 2m
    mem_buf_limit 64m
[FILTER]
    name modify
    match *
    add host {host}
[OUTPUT]
    name http
    match *
    host 127.0.0.1
    port {port}
    uri /ingest
    format json
    json_date_key timestamp
    json_date_format iso8601
    compress gzip
"""
# Found, but with nothing to compare: why, for people.
NOT_COMPARABLE = {
    "filebeat": "it speaks Elasticsearch, Logstash, Kafka and Redis, but no plain HTTP",
    "loongcollector": "its HTTP flusher has no configuration here that was tried",
}


class Peer:
    def __init__(self, name, binary, codec, reads, write, command, version):
        self.name, self.binary, self.codec, self.reads = name, binary, codec, reads
        self.write, self.command = write, command
        self.version_args = version

    def version(self):
        done = subprocess.run([self.binary, *self.version_args], capture_output=True, text=True)
        return " ".join((done.stdout or done.stderr).strip().split("\n")[0].split()[:2]).strip(",")

    def prepare(self, directory, logs, port):
        """Writes the configuration into an empty directory; the command that runs it."""
        directory.mkdir()
        values = {"dir": directory, "logs": logs, "port": port, "host": socket.gethostname()}
        config = self.write(directory, values)
        return [self.binary, *[word.format(config=config, **values) for word in self.command]]


def written(name, template):
    def write(directory, values):
        path = directory / name
        path.write_text(template.format(**values))
        return path
    return write


def which(name):
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin:/opt/bin")


def rsyslog_peer(binary):
    modules = [pathlib.Path(root) for root in
               ("/usr/lib/x86_64-linux-gnu/rsyslog", "/usr/lib/aarch64-linux-gnu/rsyslog",
                "/usr/lib/rsyslog", "/usr/lib64/rsyslog")]
    has = {module: any((root / f"{module}.so").exists() for root in modules)
           for module in ("omhttp", "omelasticsearch")}
    if not any(has.values()):
        return None
    module = "omhttp" if has["omhttp"] else "omelasticsearch"
    action = RSYSLOG_HTTP if has["omhttp"] else RSYSLOG_ELASTICSEARCH

    def write(directory, values):
        path = directory / "rsyslog.conf"
        path.write_text(RSYSLOG.format(module=module, action=action.format(**values), **values))
        return path
    return Peer(f"rsyslog, {module}", binary, "libdeflate-1" if has["omhttp"] else "none",
                "lines" if has["omhttp"] else "bytes", write,
                ["-n", "-f", "{config}", "-i", "{dir}/pid"], ["-v"])


def found_peers():
    """The peers of this machine that can do the work, and sentences about the others."""
    peers, notes = [], []
    rsyslog = which("rsyslogd")
    if rsyslog:
        peer = rsyslog_peer(rsyslog)
        if peer:
            peers.append(peer)
        else:
            notes.append("rsyslog: neither omhttp nor omelasticsearch is installed; on Debian: "
                         "scripts/setup peers")
    else:
        notes.append("rsyslog: not found; on Debian: scripts/setup peers")
    vector = which("vector")
    if vector:
        peers.append(Peer("vector", vector, "libdeflate-1", "lines", written("vector.yaml", VECTOR),
                          ["--config", "{config}", "--quiet"], ["--version"]))
    fluent_bit = which("fluent-bit") or which("/opt/fluent-bit/bin/fluent-bit")
    if fluent_bit:
        peers.append(Peer("fluent-bit", fluent_bit, "libdeflate-1", "lines",
                          written("fluent-bit.conf", FLUENT_BIT), ["-c", "{config}"], ["--version"]))
    notes += [f"{name}: not found" for name, path in
              (("vector", vector), ("fluent-bit", fluent_bit)) if not path]
    for name, why in NOT_COMPARABLE.items():
        notes.append(f"{name}: {'found, but ' + why if which(name) else 'not found'}")
    return peers, notes


def expected(peer, raw_bytes, lines):
    """Whether the receiver's statistics say that everything has come."""
    if peer.reads == "lines":
        return lambda stats: stats["lines"] >= lines
    # Every record holds its line; JSON and envelope only add to it.
    return lambda stats: stats["bytes_wire"] >= raw_bytes
