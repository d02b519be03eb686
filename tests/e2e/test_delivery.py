"""The main job: what is in the files arrives, once, whatever happens on the way."""
import json
import os
import signal

from world import World, wait_until


class Delivery(World):
    def check_complete(self, report, duplicates=0):
        self.assertEqual(report["missing"], 0, report)
        self.assertEqual(report["damaged"], 0, report)
        self.assertEqual(report["ghost"], 0, report)
        if duplicates is not None:
            self.assertLessEqual(report["duplicate"], duplicates, report)

    def test_dsc_1_what_is_there_at_the_start_is_delivered_once(self):
        for shape in ("nginx", "json", "short", "java", "utf8"):
            with self.subTest(shape):
                self.logs = self.dir / f"logs-{shape}"
                self.state = self.dir / f"state-{shape}"
                self.ledger = self.dir / f"ledger-{shape}.json"
                ledger = self.generate("--files", "3", "--shape", shape, "--bytes", "6MiB")
                receiver = self.verifying_receiver()
                agent = self.agent(receiver.url)
                self.wait_lines(receiver, ledger["lines"])
                self.assertEqual(agent.stop(), 0, agent.text())
                self.check_complete(self.report_of(receiver))

    def test_growing_files_rotated_by_rename_arrive_once(self):
        receiver = self.verifying_receiver()
        agent = self.agent(receiver.url)
        ledger = self.generate("--files", "4", "--shape", "nginx", "--rate", "4MB/s",
                               "--duration", "7s", "--rotate", "rename", "--rotate-every", "1s")
        self.wait_lines(receiver, ledger["lines"])
        self.assertEqual(agent.stop(), 0, agent.text())
        self.check_complete(self.report_of(receiver))

    def test_copytruncate_while_the_agent_keeps_up_loses_nothing(self):
        receiver = self.verifying_receiver()
        agent = self.agent(receiver.url)
        ledger = self.generate("--files", "2", "--shape", "json", "--rate", "1MB/s",
                               "--duration", "6s", "--rotate", "copytruncate", "--rotate-every",
                               "2s", "--settle", "1500ms")
        self.wait_lines(receiver, ledger["lines"])
        self.assertEqual(agent.stop(), 0, agent.text())
        self.check_complete(self.report_of(receiver))

    def test_cra_1_kill_9_and_restart_lose_nothing(self):
        # Rotated names match, too: a file that is made and rotated between two lives of the agent could
        # not be found otherwise.
        receiver = self.verifying_receiver()
        generator = self.generator("--files", "3", "--shape", "nginx",
                               "--rate", "3MB/s", "--duration", "8s", "--rotate", "rename",
                               "--rotate-every", "2s")
        for kill in range(4):
            agent = self.agent(receiver.url, paths=self.logs / "*.log*")
            seen = self.stats(receiver)["lines"]
            self.wait_lines(receiver, seen + 2000)
            agent.stop(signal.SIGKILL)
        agent = self.agent(receiver.url, paths=self.logs / "*.log*")
        self.assertEqual(generator.wait(), 0, generator.text())
        ledger = json.loads(self.ledger.read_text())

        def unique():
            return json.loads(self.get(receiver.port, "/verify"))["unique"] >= ledger["lines"]
        wait_until(unique, "every line once at least")
        self.assertEqual(agent.stop(), 0, agent.text())
        self.check_complete(self.report_of(receiver), duplicates=None)

    def test_a_clean_stop_and_restart_repeat_nothing(self):
        ledger = self.generate("--files", "2", "--shape", "nginx", "--bytes", "16MiB")
        receiver = self.verifying_receiver()
        agent = self.agent(receiver.url, "-queue", "2000", "-batch", "500", "-rate-lines",
                           "10000/s burst 1000")
        self.wait_lines(receiver, 1000)
        self.assertEqual(agent.stop(), 0, agent.text())
        self.assertLess(self.stats(receiver)["lines"], ledger["lines"], "stopped in the middle")
        agent = self.agent(receiver.url)
        self.wait_lines(receiver, ledger["lines"])
        self.assertEqual(agent.stop(), 0, agent.text())
        self.check_complete(self.report_of(receiver), duplicates=0)

    def test_a_receiver_that_is_away_gets_everything_when_it_is_back(self):
        receiver = self.verifying_receiver()
        agent = self.agent(receiver.url, "-retry-max-delay", "1s")
        generator = self.generator("--files", "2", "--rate", "2MB/s",
                               "--duration", "6s", "--rotate", "rename", "--rotate-every", "2s")
        self.wait_lines(receiver, 1000)
        port = receiver.port
        receiver.stop()
        first = json.loads((self.dir / "report.json").read_text())["unique"]
        self.assertEqual(generator.wait(), 0, generator.text())
        written = json.loads(self.ledger.read_text())["lines"]
        self.assertLess(first, written)
        again = self.verifying_receiver(port=port)
        self.wait_lines(again, written - first)
        self.assertEqual(agent.stop(), 0, agent.text())
        # What the first one answered 200 is not sent again; what it did not answer is.
        second = self.report_of(again)
        self.assertGreaterEqual(first + second["unique"], written)
        self.assertEqual(second["damaged"], 0)

    def test_faults_of_every_kind_lose_nothing(self):
        receiver = self.verifying_receiver("--fault", "status=503:0.1", "--fault",
                                           "status=429:0.1,retry-after=1", "--fault",
                                           "reset:0.1", "--fault", "delay=50ms:0.2")
        ledger = self.generate("--files", "3", "--shape", "json", "--bytes", "8MiB")
        agent = self.agent(receiver.url, "-batch-bytes", "64KiB", "-retry-max-delay", "500ms")

        def unique():
            return json.loads(self.get(receiver.port, "/verify"))["unique"] >= ledger["lines"]
        wait_until(unique, "every line once at least")
        self.assertEqual(agent.stop(), 0, agent.text())
        self.check_complete(self.report_of(receiver), duplicates=None)

    def test_codecs_framings_and_batch_bounds(self):
        ledger = self.generate("--files", "2", "--shape", "nginx", "--bytes", "2MiB")
        variants = [("-compression", "zstd"), ("-compression", "none"), ("-framing", "ndjson"),
                    ("-batch", "100"), ("-order", "file"), ("-level", "fast"), ("-level", "6"),
                    ("-shards", "2"), ("-http-version", "2"), ("-batch-bytes", "4KiB"),
                    ("-with-offset", "-with-id"), ("-max-line", "1KiB")]
        for flags in variants:
            with self.subTest(flags):
                self.state = self.dir / ("state" + "".join(flags))
                receiver = self.receiver("--count")
                agent = self.agent(receiver.url, *flags)
                expected = ledger["lines"]
                self.wait_lines(receiver, expected)
                self.assertEqual(agent.stop(), 0, agent.text())
                stats = self.stats(receiver)
                self.assertEqual(stats["bad_bodies"], 0, stats)
                self.assertEqual(stats["lines"], expected)
                receiver.stop()

    def test_lin_10_any_bytes_arrive_as_valid_json_and_text_unchanged(self):
        lines = [b"plain", b"", b"quote \" backslash \\ tab \t bell \x07 nul \x00 end",
                 "w\u00e9ird \u65e5\u672c \U0001f30a \u2028".encode(), b"crlf\r", b"x" * 300_000]
        (self.logs / "any.log").write_bytes(b"\n".join(lines) + b"\nunfinished")
        receiver = self.receiver("--out", self.received)
        agent = self.agent(receiver.url)
        self.wait_lines(receiver, len(lines))
        self.assertEqual(agent.stop(), 0, agent.text())
        receiver.stop()
        expected = b"\n".join([*lines[:4], b"crlf", lines[5]]) + b"\n"
        self.assertEqual(self.received_lines()["any.log"], expected)
        # The unfinished line is finished while the agent is away, and arrives whole.
        with open(self.logs / "any.log", "ab") as out:
            out.write(b" is finished\n")
        receiver = self.receiver("--out", self.received)
        agent = self.agent(receiver.url)
        self.wait_lines(receiver, 1)
        self.assertEqual(agent.stop(), 0, agent.text())
        receiver.stop()
        self.assertEqual(self.received_lines()["any.log"], expected + b"unfinished is finished\n")

    def test_lin_11_invalid_utf8_is_replaced_and_neighbours_are_intact(self):
        (self.logs / "bad.log").write_bytes(b"before\nbad \xff\xc3( end\nafter\n")
        receiver = self.receiver("--out", self.received)
        agent = self.agent(receiver.url)
        self.wait_lines(receiver, 3)
        self.assertEqual(agent.stop(), 0, agent.text())
        self.assertEqual(self.stats(receiver)["bad_bodies"], 0)
        receiver.stop()
        self.assertEqual(self.received_lines()["bad.log"],
                         "before\nbad \ufffd\ufffd( end\nafter\n".encode())

    def test_rot_4_five_hundred_rotated_files_arrive_once(self):
        total = 0
        for number in range(500):
            text = "".join(f"file {number} line {i}\n" for i in range(number % 40 + 1))
            (self.logs / f"app.log.{number}").write_text(text)
            total += number % 40 + 1
        receiver = self.receiver("--out", self.received)
        agent = self.agent(receiver.url, paths=self.logs / "app.log*")
        self.wait_lines(receiver, total)
        self.assertEqual(agent.stop(), 0, agent.text())
        self.assertEqual(self.stats(receiver)["lines"], total)
        receiver.stop()
        stored = self.received_lines()
        self.assertEqual(len(stored), 500)
        self.assertEqual(stored["app.log.499"], (self.logs / "app.log.499").read_bytes())

    def test_snk_24_two_destinations_and_one_is_down(self):
        ledger = self.generate("--files", "2", "--bytes", "4MiB")
        alive = self.receiver("--count")
        config = self.dir / "sluice.yaml"
        config.write_text(f"""
state: {self.state}
admin: "off"
io: {os.environ.get("SLUICE_E2E_IO", "auto")}
shutdown-timeout: 1s
sources:
  app:
    paths: ["{self.logs}/*.log"]
    destinations: [alive, dead]
destinations:
  alive:
    endpoint: {alive.url}
  dead:
    endpoint: http://127.0.0.1:9/ingest
""")
        agent = self.start("run", "-c", config)
        self.wait_lines(alive, ledger["lines"])
        self.assertEqual(agent.stop(), 0, agent.text())
        self.assertRegex(agent.text(), r"undelivered|not delivered")
        # The second run has nothing for the one that lives.
        agent = self.start("run", "-c", config)
        agent.wait_said("following|running|started")
        agent.stop()
        self.assertEqual(self.stats(alive)["lines"], ledger["lines"])

    def test_an_admin_port_in_use_is_said_and_ends_the_agent(self):
        receiver = self.receiver("--count")
        agent = self.start("run", "-paths", self.logs / "*.log", "-state", self.state, "-io",
                           os.environ.get("SLUICE_E2E_IO", "auto"), "-admin",
                           f"127.0.0.1:{receiver.port}")
        self.assertEqual(agent.wait(timeout=20), 1, agent.text())
        self.assertRegex(agent.text(), r"admin port .*in use.*--admin")
