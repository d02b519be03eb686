"""Who may make files in a followed directory, or speak to the agent, gets no more than his due: rows SEC."""
import gzip
import json
import os
import random
import socket
import stat
import threading
import time
import unittest

from raw_receiver import take
from test_sinks import SinkWorld, resident_kib
from world import PATIENCE_S, is_sanitized, wait_until

FAST = ("-retry-max-delay", "300ms", "-shutdown-timeout", "2s")
ALICE = 54321
SECRET = "the secret of somebody else"


@unittest.skipUnless(os.geteuid() == 0, "only root can make files of several owners")
class Links(SinkWorld):
    """The agent is root; alice may write to a directory that it follows."""

    def setUp(self):
        super().setUp()
        os.chmod(self.dir, 0o755)
        self.secrets = self.dir / "secrets"
        self.secrets.mkdir(mode=0o700)
        (self.secrets / "key").write_text(SECRET + "\n")
        (self.secrets / "key.log").write_text(SECRET + "\n")
        os.chown(self.logs, ALICE, ALICE)

    def as_alice(self, act):
        """In a process of its own, without root's rights."""
        child = os.fork()
        if child == 0:
            code = 1
            try:
                os.setgroups([])
                os.setgid(ALICE)
                os.setuid(ALICE)
                act()
                code = 0
            finally:
                os._exit(code)
        self.assertEqual(os.waitpid(child, 0)[1], 0)

    def write_as_alice(self, name, line):
        def act():
            with open(self.logs / name, "a", encoding="utf-8") as out:
                out.write(line + "\n")
        self.as_alice(act)

    def bytes_at(self, box):
        return b"".join(gzip.decompress(body) for _, body, _ in box.stored)

    def test_sec_1_a_link_of_a_user_shows_nobody_elses_file(self):
        box = self.raw()

        def links():
            os.symlink(self.secrets / "key", self.logs / "x.log")
            os.symlink("../secrets/key", self.logs / "relative.log")
            os.symlink(self.secrets, self.logs / "directory")
            os.symlink("x.log", self.logs / "twice.log")
            os.symlink("own.log", self.logs / "current.log")
        self.write_as_alice("own.log", "alice's line")
        self.as_alice(links)
        os.symlink(self.secrets / "key.log", self.logs / "roots.log")
        agent = self.agent_with_admin(box.url, *FAST, paths=f"{self.logs}/*.log,{self.logs}/*/*.log")
        agent.wait_said("untrusted|symbolic link of somebody.*x.log")
        wait_until(lambda: self.total(agent, "sluice_files_skipped_total") >= 3, "it is counted")
        self.write_as_alice("later.log", "alice's other line")
        self.as_alice(lambda: os.symlink(self.secrets / "key", self.logs / "later-link.log"))
        agent.wait_said("symbolic link of somebody.*later-link.log")
        wait_until(lambda: len(box.lines()) == 3, f"what is alice's, and root's own link; {box.lines()}")
        text = self.ends(1, "explain", "-paths", f"{self.logs}/*.log", "-state", self.state,
                         self.logs / "x.log")
        self.assertIn("follow_links", text)
        self.assertEqual(agent.stop(), 0, agent.text())
        self.assertEqual(sorted(box.lines()), sorted(["alice's line", "alice's other line", SECRET]),
                         "root's own link leads where root wants")
        # Whoever trusts everybody says so.
        trusting = self.raw()
        self.state = self.dir / "state-of-another"
        agent = self.agent(trusting.url, "-follow-links", "all", *FAST)
        wait_until(lambda: SECRET in trusting.lines(), "it is followed")
        agent.stop()

    def test_sec_2_a_file_that_is_exchanged_for_a_link_shows_nothing(self):
        box = self.raw()
        self.write_as_alice("x.log", "alice's line")
        self.as_alice(lambda: os.symlink(self.secrets / "key", self.logs / "evil"))
        agent = self.agent(box.url, *FAST, "-reconcile-interval", "1s")
        self.all_there(box, ["alice's line"])

        def exchange():
            until = time.monotonic() + 5
            while time.monotonic() < until:
                os.rename(self.logs / "x.log", self.logs / "aside")
                os.rename(self.logs / "evil", self.logs / "x.log")
                os.rename(self.logs / "x.log", self.logs / "evil")
                os.rename(self.logs / "aside", self.logs / "x.log")
        self.as_alice(exchange)
        self.write_as_alice("x.log", "alice's last line")
        self.all_there(box, ["alice's last line"])
        self.assertEqual(agent.stop(), 0, agent.text())
        self.assertNotIn(SECRET.encode(), self.bytes_at(box))


class Names(SinkWorld):
    def test_sec_3_no_name_leads_out_of_the_directories(self):
        marks = sorted(path.name for path in self.dir.iterdir())
        for name in ("../x", "a/b", "..\\x", "x\ny", "/etc/x"):
            with self.subTest(name):
                config = self.dir / "logs.yaml"
                config.write_text(json.dumps({
                    "paths": f"{self.logs}/*.log", "state": str(self.state),
                    "destinations": {name: {"endpoint": "http://127.0.0.1:9/"}}}))
                self.assertIn("name", self.ends(78, "check", "-c", config))
                config.unlink()
        # A receiver that stores by the path of a record, and records that name anything.
        receiver = self.receiver("--out", self.received)
        paths = ["../../../escape", "/../../escape", "..", ".", "", "a/../../escape", "\0", "x" * 4000,
                 "/etc/passwd", "....//escape", "%2e%2e/escape", "~", "C:\\escape"]
        for path in paths:
            body = json.dumps([{"timestamp": "2026-11-23T00:00:00Z", "host": "h", "path": path, "line": "escaped"}]).encode()
            head = (f"POST /ingest HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                    f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n").encode()
            with socket.create_connection(("127.0.0.1", receiver.port), PATIENCE_S) as sock:
                sock.sendall(head + body)
                while sock.recv(65536):
                    pass
        self.assertTrue(receiver.alive())
        receiver.stop()
        stored = [path for path in self.received.rglob("*") if path.is_file()]
        self.assertTrue(stored)
        for path in stored:
            self.assertTrue(path.resolve().is_relative_to(self.received.resolve()), path)
        found = sorted(path.name for path in self.dir.iterdir())
        self.assertEqual([name for name in found if "escape" in name], [])
        self.assertLessEqual(set(marks), set(found))

    def test_sec_4_a_payload_forges_no_record_and_no_field(self):
        payloads = ['"}\n{"', '","path":"/forged","line":"x', '"},{"line":"forged"}', "\\", '\\"',
                    "\u2028\u2029", "]", '"}]', "\x00\x01\x1b[2J", "{\"line\":\"forged\"}", "\r", "a\rb"]
        for framing in ("json", "ndjson"):
            with self.subTest(framing):
                self.state = self.dir / f"state-{framing}"
                self.logs = self.dir / f"logs-{framing}"
                self.logs.mkdir()
                records = []

                def keep(exchange, framing=framing):
                    text = gzip.decompress(exchange.body).decode()
                    records.extend(json.loads(text) if framing == "json" else
                                   [json.loads(line) for line in text.split("\n") if line])
                    exchange.answer(200)

                box = self.raw(keep)
                path = self.logs / 'a"},{"b.log'
                path.write_bytes("".join(line + "\n" for line in payloads).encode())
                lines = [part for line in payloads for part in (line + "\n").split("\n")[:-1]]
                agent = self.agent(box.url, "-framing", framing, "-carriage-return", "keep", *FAST)
                wait_until(lambda: len(records) >= len(lines), f"all arrive: {len(records)}")
                self.assertEqual(agent.stop(), 0, agent.text())
                self.assertEqual([record["line"] for record in records], lines)
                for record in records:
                    self.assertEqual(set(record), {"timestamp", "host", "path", "line"})
                    self.assertEqual(record["path"], str(path))

    def test_sec_12_many_hostile_names_make_no_further_series(self):
        box = self.raw()
        agent = self.agent_with_admin(box.url, *FAST, paths=f"{self.logs}/*")
        before = len(self.metrics(agent))
        count = 4000
        for i in range(count):
            name = f'"{i}"}} evil{{label="{i}\n# HELP x' + "\x7f\\" * 20
            with open(os.path.join(str(self.logs), name), "w", encoding="utf-8") as out:
                out.write("x\n")
        wait_until(lambda: self.total(agent, "sluice_component_sent_events_total") == count,
                   "all are delivered", 2 * PATIENCE_S)
        self.assertLessEqual(len(self.metrics(agent)), before + 5)
        text = self.get(agent.admin_port, "/metrics")
        self.assertNotIn("evil", text)
        self.assertEqual(agent.stop(), 0)


class State(SinkWorld):
    def test_sec_7_state_is_the_agents_alone_whatever_the_umask_says(self):
        lines = [f"line {i}" for i in range(100)]
        self.write(*lines)

        def refuses_one(exchange):
            if "line 50" in exchange.lines():
                return exchange.answer(400)
            return take(exchange)

        box = self.raw(refuses_one)
        agent = self.agent(box.url, *FAST, command=("sh", "-c", 'umask 0; exec "$0" "$@"',
                                                    os.path.abspath(os.environ.get(
                                                        "SLUICE", "build/src/agent/sluice"))))
        letters = self.state / "dead-letters"
        wait_until(lambda: letters.exists() and list(letters.glob("*.ndjson")), "a dead letter")
        wait_until(lambda: len(box.lines()) >= 99, "the others")
        self.check_modes()
        self.assertEqual(agent.stop(), 0, agent.text())
        self.check_modes()

    def check_modes(self):
        seen = 0
        for path in [self.state, *self.state.rglob("*")]:
            try:
                found = path.lstat()
            except FileNotFoundError:
                continue
            seen += 1
            self.assertEqual(found.st_mode & 0o077, 0, f"{path}: {stat.filemode(found.st_mode)}")
        self.assertGreaterEqual(seen, 4)


class Sizes(SinkWorld):
    def test_sec_8_identical_lines_make_no_larger_body_however_well_they_pack(self):
        sizes = []

        def measure(exchange):
            sizes.append(len(gzip.decompress(exchange.body)))
            exchange.answer(200)

        box = self.raw(measure)
        line = "a" * 199 + "\n"
        count = 64 * 1024 * 1024 // len(line)
        with open(self.logs / "a.log", "w", encoding="utf-8") as out:
            for _ in range(64):
                out.write(line * (count // 64))
        agent = self.agent_with_admin(box.url, "-batch", "0", *FAST)
        wait_until(lambda: self.total(agent, "sluice_component_sent_events_total") >= count // 64 * 64,
                   "all are delivered", 2 * PATIENCE_S)
        if not is_sanitized():
            self.assertLess(resident_kib(agent), 96 << 10)
        self.assertEqual(agent.stop(), 0)
        self.assertLessEqual(max(sizes), 512 << 10)


class AdminPort(SinkWorld):
    def test_sec_5_garbage_on_the_admin_port_disturbs_nobody(self):
        box = self.raw()
        agent = self.agent_with_admin(box.url, *FAST)
        # By default it listens on this machine only.
        with open("/proc/net/tcp", encoding="ascii") as table:
            local = [row.split()[1] for row in table.readlines()[1:] if row.split()[3] == "0A"]
        mine = [address for address in local if int(address.split(":")[1], 16) == agent.admin_port]
        self.assertEqual([address.split(":")[0] for address in mine], ["0100007F"])
        stop = threading.Event()
        asked = []

        def attack(seed):
            dice = random.Random(seed)
            pieces = [b"GET ", b"/metrics", b" HTTP/1.1", b"\r\n", b"Host: x", b"\0", b"Content-Length: ",
                      b"99999999999", b"Transfer-Encoding: chunked", b"POST ", b"/health", b"%00", b"?",
                      b"Range: bytes=0-", b"A" * 5000, b"\xff\xfe", b"/audit", b"/explain?path=/etc/passwd"]
            while not stop.is_set():
                request = b"".join(dice.choices(pieces, k=dice.randrange(1, 12)))
                try:
                    with socket.create_connection(("127.0.0.1", agent.admin_port), 2) as sock:
                        sock.settimeout(0.2)
                        sock.sendall(request + b"\r\n\r\n" * dice.randrange(2))
                        sock.recv(65536)
                except OSError:
                    pass
                asked.append(1)

        threads = [threading.Thread(target=attack, args=(seed,), daemon=True) for seed in range(4)]
        for thread in threads:
            thread.start()
        lines = self.noise(2000)
        self.all_there(box, lines)
        wait_until(lambda: len(asked) > 200, "many requests")
        stop.set()
        for thread in threads:
            thread.join(10)
        self.assertIn("sluice_", self.get(agent.admin_port, "/metrics"))
        self.once(box, lines, agent)
