"""The actors of the end-to-end tests: the shipped binary as agent, as receiver and as generator.

Everything is the real thing: real files in a temporary directory, real sockets on loopback, real
signals. A test waits for a condition with a deadline; it never sleeps and hopes.
"""
import functools
import gzip
import http.server
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.error
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from signals import send_when_taken

SLUICE = os.environ.get("SLUICE", "build/src/agent/sluice")
IO = os.environ.get("SLUICE_E2E_IO", "auto")
# The sanitized build on a busy small machine is slow; a deadline is not a measurement.
PATIENCE_S = float(os.environ.get("SLUICE_E2E_PATIENCE", "60"))
# What something that takes no time on an idle machine may take where the whole test suite runs beside.
SLACK_S = max(1.0, PATIENCE_S / 20)


def wait_until(condition, what, timeout=PATIENCE_S):
    """Waits until `condition()` is true and returns its value."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout:.0f} s: {what}")
        time.sleep(0.02)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@functools.cache
def sanitizer():
    """The library of the sanitizer that the binary carries, if any."""
    binary = pathlib.Path(SLUICE).read_bytes()
    return next((name for name in ("asan", "tsan") if f"__{name}_init".encode() in binary), None)


def is_sanitized():
    """Whether the binary carries a sanitizer: its memory and speed say nothing then."""
    return sanitizer() is not None


def preloaded(source, directory):
    """Builds this C file; what the agent's LD_PRELOAD must be. A sanitizer wants to be the first."""
    shim = directory / (pathlib.Path(source).stem + ".so")
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", shim, source, "-ldl"], check=True)
    if not is_sanitized():
        return str(shim)
    library = subprocess.run(["cc", f"-print-file-name=lib{sanitizer()}.so"], check=True, text=True,
                             capture_output=True).stdout.strip()
    return f"{library} {shim}"


class Inbox:
    """A destination that keeps every record as it came, and answers what a test tells it to."""

    def __init__(self):
        self.status = 200
        self.requests = []  # lists of records, of accepted requests
        self.refused = 0
        self.headers = []
        self.lock = threading.Lock()
        inbox = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with inbox.lock:
                    status = inbox.status
                    inbox.headers.append(dict(self.headers))
                    if status == 200:
                        inbox.requests.append(json.loads(gzip.decompress(body)))
                    else:
                        inbox.refused += 1
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/ingest"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def records(self):
        with self.lock:
            return [record for request in self.requests for record in request]

    def lines(self):
        return sorted(record["line"] for record in self.records())

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Process:
    """One run of the binary, its stderr kept line by line."""

    def __init__(self, args, env=None, cwd=None, command=(SLUICE,)):
        self.args = args
        self.lines = []
        self.proc = subprocess.Popen([*command, *map(str, args)], stdin=subprocess.DEVNULL,
                                     stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd=cwd,
                                     env={**os.environ, **(env or {})})
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.proc.stderr:
            self.lines.append(line.decode(errors="replace").rstrip("\n"))

    def said(self, pattern):
        return next((line for line in list(self.lines) if re.search(pattern, line)), None)

    def wait_said(self, pattern, timeout=PATIENCE_S):
        def look():
            found = self.said(pattern)
            if not found and self.proc.poll() is not None:
                self.reader.join(5)
                found = self.said(pattern)
                if not found:
                    raise AssertionError(f"ended with {self.proc.returncode} before saying "
                                         f"{pattern!r}:\n" + "\n".join(self.lines))
            return found
        return wait_until(look, f"{self.args[0]} says {pattern!r}; it said\n" +
                          "\n".join(self.lines[-20:]), timeout)

    def alive(self):
        return self.proc.poll() is None

    def send(self, sig, timeout=PATIENCE_S):
        """Sends a signal once the process can take it: it may have been started a moment ago."""
        send_when_taken(self.proc, sig, timeout)

    def stop(self, sig=signal.SIGTERM, timeout=PATIENCE_S):
        """Sends a signal, waits for the end, returns the exit code."""
        self.send(sig, timeout)
        return self.wait(timeout)

    def wait(self, timeout=PATIENCE_S):
        try:
            code = self.proc.wait(timeout)
        except subprocess.TimeoutExpired:
            self.proc.kill()
            self.proc.wait()
            raise AssertionError(f"{self.args} did not end within {timeout} s:\n" +
                                 "\n".join(self.lines[-30:])) from None
        self.reader.join(5)
        return code

    def text(self):
        return "\n".join(self.lines)


class World(unittest.TestCase):
    """A temporary directory with logs/, state/ and received/, and what runs in it."""

    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="sluice-e2e-"))
        self.logs = self.dir / "logs"
        self.state = self.dir / "state"
        self.received = self.dir / "received"
        self.ledger = self.dir / "ledger.json"
        self.logs.mkdir()
        self.processes = []

    def tearDown(self):
        failed = any(error for _, error in getattr(self._outcome, "errors", [])) or (
            hasattr(self._outcome, "result") and any(
                test is self for test, _ in self._outcome.result.failures
                + self._outcome.result.errors))
        for process in self.processes:
            if process.alive():
                process.proc.kill()
                process.proc.wait()
            if failed:
                print(f"--- {' '.join(map(str, process.args))}")
                print("\n".join(process.lines[-40:]))
        shutil.rmtree(self.dir, ignore_errors=True)

    def start(self, *args, env=None, cwd=None, command=(SLUICE,)):
        process = Process(args, env=env, cwd=cwd, command=command)
        self.processes.append(process)
        return process

    def inbox(self):
        inbox = Inbox()
        self.addCleanup(inbox.close)
        return inbox

    def ends(self, code, *args, env=None):
        """Runs to the end, which must have this exit code; returns stdout and stderr together."""
        done = subprocess.run([SLUICE, *map(str, args)], stdin=subprocess.DEVNULL,
                              capture_output=True, timeout=PATIENCE_S, check=False,
                              env={**os.environ, **(env or {})})
        text = (done.stdout + done.stderr).decode(errors="replace")
        self.assertEqual(done.returncode, code, text)
        return text

    # The receiver.

    def receiver(self, *flags, port=0):
        port_file = self.dir / f"port-{len(self.processes)}"
        process = self.start("receive", "--listen", f"127.0.0.1:{port}", "--port-file", port_file,
                             *flags)
        process.wait_said("listening on")
        process.port = int(port_file.read_text())
        process.url = f"http://127.0.0.1:{process.port}/ingest"
        return process

    def get(self, port, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return answer.read().decode()

    def stats(self, receiver):
        return json.loads(self.get(receiver.port, "/stats"))

    def wait_lines(self, receiver, count, timeout=PATIENCE_S):
        def look():
            try:
                return self.stats(receiver)["lines"] >= count
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                return False
        wait_until(look, f"{count} lines received", timeout)

    # The generator.

    def generate(self, *flags):
        """Runs a generator to its end and returns its ledger."""
        process = self.generator(*flags)
        self.assertEqual(process.wait(), 0, process.text())
        return json.loads(self.ledger.read_text())

    def generator(self, *flags):
        return self.start("generate", "--out", self.logs, "--ledger", self.ledger, "--quiet",
                          *flags)

    # The agent.

    def agent(self, receiver_url, *flags, paths=None, env=None, admin="off", command=(SLUICE,)):
        process = self.start("run", "-paths", paths or self.logs / "*.log", "-endpoint",
                             receiver_url, "-state", self.state, "-io", IO, "-admin", admin,
                             *flags, env=env, command=command)
        return process

    def agent_with_admin(self, receiver_url, *flags, **others):
        port = free_port()
        process = self.agent(receiver_url, *flags, admin=f"127.0.0.1:{port}", **others)
        process.admin_port = port
        process.wait_said("running")
        return process

    def metrics(self, agent):
        """All series of a scrape: "name{labels}" to value."""
        series = {}
        for line in self.get(agent.admin_port, "/metrics").splitlines():
            if line and not line.startswith("#"):
                name, value = line.rsplit(" ", 1)
                series[name] = float(value)
        return series

    def total(self, agent, name):
        """The sum of a metric over all its series."""
        return sum(value for series, value in self.metrics(agent).items()
                   if series.split("{")[0] == name)

    def report_of(self, receiver):
        """Stops a verifying receiver and returns its report."""
        receiver.stop()
        return json.loads((self.dir / "report.json").read_text())

    def verifying_receiver(self, *flags, port=0):
        return self.receiver("--verify", "--ledger", self.ledger, "--report",
                             self.dir / "report.json", *flags, port=port)

    def received_lines(self):
        """All lines stored by a receiver with --out, as bytes, per name of the log file."""
        # The receiver turns the slashes of a path into tildes.
        return {path.name.rsplit("~", 1)[-1]: path.read_bytes()
                for path in self.received.rglob("*~logs~*")}
