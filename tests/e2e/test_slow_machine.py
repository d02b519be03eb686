"""A name server or a disk that takes its time: rows SNK-21 and DSK-10 on the real binary."""
import pathlib
import time

from raw_receiver import RawReceiver
from test_sinks import SinkWorld
from world import free_port, preloaded, wait_until

SOURCE = pathlib.Path(__file__).with_name("slow_machine.c")
FAST = ("-retry-max-delay", "300ms", "-connect-timeout", "2s", "-request-timeout", "5s",
        "-shutdown-timeout", "2s")
HELD_UP_S = 30  # what a name takes; nobody who waits for it would be done in a third of that


class SlowMachine(SinkWorld):
    def setUp(self):
        super().setUp()
        self.names = self.dir / "names"
        self.fsync = self.dir / "fsync"
        self.fsync.write_text("0")
        self.env = {"LD_PRELOAD": preloaded(SOURCE, self.dir), "SLOW_NAMES": str(self.names),
                    "SLOW_FSYNC": str(self.fsync)}

    def arrives_soon(self, box, name, at_most):
        """A line that is written now is there within so many seconds."""
        lines = self.noise(1, name=name)
        began = time.monotonic()
        self.all_there(box, lines)
        self.assertLess(time.monotonic() - began, at_most)
        return lines

    def test_snk_21_a_slow_or_silent_name_server_holds_nobody_else_up(self):
        box = self.raw()
        other = self.raw()
        self.names.write_text(f"{HELD_UP_S} -")
        port = free_port()
        config = self.dir / "sluice.yaml"
        config.write_text(f"""
paths: {self.logs}/*.log
state: {self.state}
admin: 127.0.0.1:{port}
retry_max_delay: 300ms
connect_timeout: 1s
shutdown_timeout: 2s
shards: 1
destinations:
  named: {{endpoint: "http://logs.example.invalid:{box.port}/ingest"}}
  other: {{endpoint: "{other.url}"}}
""")
        agent = self.start("run", "-c", config, env=self.env)
        agent.wait_said("running")
        lines = []
        for i in range(8):
            lines += self.arrives_soon(other, f"{i}.log", HELD_UP_S / 3)
            began = time.monotonic()
            self.get(port, "/metrics")
            self.assertLess(time.monotonic() - began, HELD_UP_S / 3)
        self.names.write_text("0 -")
        agent.wait_said("name of the destination does not resolve|no connection")
        self.names.write_text("0 127.0.0.1")
        self.once(box, lines, agent)
        self.assertEqual(sorted(other.lines()), sorted(lines))

    def test_snk_21_an_address_that_moved_is_found_within_a_minute(self):
        box = self.raw()
        self.names.write_text("0 127.0.0.1")
        agent = self.agent(f"http://logs.example.invalid:{box.port}/ingest", *FAST, env=self.env)
        first = self.arrives_soon(box, "a.log", 15)
        there = RawReceiver(port=box.port, address="127.0.0.2")
        self.addCleanup(there.close)
        box.close()
        self.names.write_text("0 127.0.0.2")
        second = self.noise(100, name="b.log")
        wait_until(lambda: len(there.lines()) >= 100, "the new address")
        self.assertEqual(agent.stop(), 0, agent.text())
        self.assertEqual(sorted(box.lines() + there.lines()), sorted(first + second))

    def test_dsk_10_a_disk_that_takes_five_seconds_to_sync_holds_no_line_up(self):
        box = self.raw()
        agent = self.agent(box.url, "-checkpoint-interval", "100ms", *FAST, env=self.env)
        lines = self.arrives_soon(box, "a.log", 15)
        lines += self.arrives_soon(box, "b.log", 15)
        self.fsync.write_text("5")
        with open(self.logs / "a.log", "a", encoding="utf-8") as out:
            for i in range(40):
                line = f"line {i}"
                out.write(line + "\n")
                out.flush()
                lines.append(line)
                began = time.monotonic()
                self.all_there(box, [line])
                # There is always a sync under way: who waited for each would wait for five seconds now and then.
                self.assertLess(time.monotonic() - began, 4, "files that are known go on")
                time.sleep(0.2)  # the writer's pace
        self.fsync.write_text("0")
        self.once(box, lines, agent)
