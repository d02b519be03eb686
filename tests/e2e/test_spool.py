"""The spool on the real binary: outages during which the log files go away.

`spool: all` on a real disk, with kills, restarts and damage. What is counted is what a receiver stored.
"""
import json
import os
import pathlib
import signal
import subprocess
import unittest

from world import PATIENCE_S, SLUICE, World, free_port, is_sanitized, preloaded, wait_until

SLOW_MACHINE = pathlib.Path(__file__).with_name("slow_machine.c")

HURRY = ("-retry-min-delay", "50ms", "-retry-max-delay", "200ms", "-batch", "50",
         "-checkpoint-interval", "100ms")


class Spool(World):
    def setUp(self):
        super().setUp()
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/ingest"

    def segments(self):
        return sorted((self.state / "spool").glob("*.seg"))

    def write(self, name, lines):
        with open(self.logs / name, "a") as file:
            file.writelines(line + "\n" for line in lines)

    def spooling_agent(self, *flags, command=(SLUICE,), env=None):
        return self.agent_with_admin(self.url, "-spool", "all", *HURRY, *flags, command=command,
                                     env=env)

    def wait_spooled(self, agent, count):
        wait_until(lambda: self.total(agent, "sluice_spooled_lines_total") >= count,
                   f"{count} lines in the spool")

    def outage(self, count=2000, *flags):
        """Lines that are in the spool, and whose file is gone."""
        lines = [f"line {i} of the outage" for i in range(count)]
        self.write("a.log", lines)
        agent = self.spooling_agent(*flags)
        self.wait_spooled(agent, count)
        (self.logs / "a.log").unlink()
        return agent, lines

    def stored_lines(self):
        return b"".join(self.received_lines().values()).decode().splitlines()

    def storing_receiver(self):
        return self.receiver("--out", self.received, port=self.port)

    def verb(self, *args):
        done = subprocess.run([SLUICE, "spool", *args, "-state", str(self.state)],
                              capture_output=True, timeout=PATIENCE_S, check=False)
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    def test_lines_of_a_deleted_file_survive_an_outage_and_a_kill(self):
        agent, lines = self.outage()
        agent.stop(signal.SIGKILL)
        self.assertTrue(self.segments())
        receiver = self.storing_receiver()
        again = self.spooling_agent()
        self.wait_lines(receiver, len(lines))
        wait_until(lambda: not self.segments(), "the spool is empty")
        self.assertEqual(again.stop(), 0, again.text())
        self.assertEqual(sorted(self.stored_lines()), sorted(lines), "nothing lost, nothing twice")

    def test_a_receiver_that_comes_back_gets_the_backlog_and_what_is_new(self):
        agent, lines = self.outage()
        receiver = self.storing_receiver()
        new = [f"new {i}" for i in range(500)]
        self.write("b.log", new)
        self.wait_lines(receiver, len(lines) + len(new))
        wait_until(lambda: not self.segments(), "the spool is empty")
        wait_until(lambda: self.total(agent, "sluice_spool_lines") == 0, "the gauge says so")
        self.assertEqual(agent.stop(), 0, agent.text())
        self.assertEqual(sorted(self.stored_lines()), sorted(lines + new))

    def held_deleted(self, agent):
        """Deleted log files whose room the agent keeps."""
        descriptors = pathlib.Path(f"/proc/{agent.proc.pid}/fd")
        targets = []
        for descriptor in descriptors.iterdir():
            try:
                targets.append(os.readlink(descriptor))
            except FileNotFoundError:
                continue
        return [it for it in targets if it.startswith(str(self.logs)) and it.endswith("(deleted)")]

    def test_rot_15_files_that_are_rotated_and_deleted_in_an_outage_arrive_and_hold_no_room(self):
        agent = self.agent_with_admin(self.url, *HURRY)
        lines = []
        for turn in range(30):
            new = [f"line {i} of file {turn} " + "x" * 100 for i in range(3000)]
            self.write("a.log", new)
            lines += new
            wait_until(lambda turn=turn: self.total(agent, "sluice_files_added_total") > turn,
                       "the file is seen")
            os.rename(self.logs / "a.log", self.logs / "a.1")
        os.unlink(self.logs / "a.1")
        still_there = [f"line {i} of the last file" for i in range(100)]
        self.write("a.log", still_there)
        wait_until(lambda: not self.held_deleted(agent), "no deleted file is held open")
        wait_until(lambda: self.total(agent, "sluice_at_risk_files") == 0, "the gauge says so")
        self.assertGreaterEqual(self.total(agent, "sluice_spooled_lines_total"), len(lines))
        agent.stop(signal.SIGKILL)
        receiver = self.storing_receiver()
        again = self.agent(self.url, *HURRY)
        self.wait_lines(receiver, len(lines) + len(still_there))
        wait_until(lambda: not self.segments(), "the spool is empty")
        self.assertEqual(again.stop(), 0, again.text())
        self.assertEqual(sorted(self.stored_lines()), sorted(lines + still_there))

    def test_an_outage_copies_no_file_that_is_still_there(self):
        lines = [f"line {i}" for i in range(5000)]
        self.write("a.log", lines)
        agent = self.agent_with_admin(self.url, *HURRY)
        # Each pause is at most 0.2 s long; what would be stored is stored after 2 s.
        wait_until(lambda: self.total(agent, "sluice_http_client_retries_total") >= 150, "a long outage")
        self.assertEqual(self.total(agent, "sluice_spooled_lines_total"), 0)
        self.assertFalse(self.segments())
        receiver = self.storing_receiver()
        self.wait_lines(receiver, len(lines))
        self.assertEqual(agent.stop(), 0, agent.text())
        self.assertEqual(sorted(self.stored_lines()), sorted(lines))

    def test_a_clean_stop_in_an_outage_ends_soon_and_nothing_comes_twice(self):
        agent, lines = self.outage()
        self.assertEqual(agent.stop(timeout=20), 0, "it does not wait for its 30 s to pass")
        receiver = self.storing_receiver()
        # Also without the setting: what is there is sent.
        again = self.agent(self.url, *HURRY)
        self.wait_lines(receiver, len(lines))
        self.assertEqual(again.stop(), 0, again.text())
        self.assertEqual(sorted(self.stored_lines()), sorted(lines))
        self.assertFalse(self.segments())

    def test_a_file_in_order_stays_in_order(self):
        agent, lines = self.outage(600, "-order", "file")
        receiver = self.storing_receiver()
        self.wait_lines(receiver, len(lines))
        self.assertEqual(agent.stop(), 0, agent.text())
        self.assertEqual(self.stored_lines(), lines)

    def test_dsk_5_the_commands_show_what_waits_and_what_is_damaged(self):
        agent, lines = self.outage()
        code, table, words = self.verb("list")
        self.assertEqual(code, 0, words)
        self.assertRegex(table, rf"\b{len(lines)}\b.*\bdefault\b")
        self.assertEqual(self.verb("verify")[0], 0)
        code, text, words = self.verb("export")
        self.assertEqual(code, 0, words)
        records = [json.loads(line) for line in text.splitlines()]
        self.assertEqual(sorted(record["line"] for record in records), sorted(lines))
        self.assertEqual(records[0]["path"], str(self.logs / "a.log"))
        self.assertEqual(sorted(self.verb("export", "-lines")[1].splitlines()), sorted(lines))
        agent.stop(signal.SIGKILL)
        # One byte of one body: the request is lost, everything else is sent.
        segment = self.segments()[0]
        content = bytearray(segment.read_bytes())
        content[len(content) // 2] ^= 1
        segment.write_bytes(content)
        code, verdict, _ = self.verb("verify")
        self.assertEqual(code, 1, verdict)
        receiver = self.storing_receiver()
        again = self.spooling_agent()
        wait_until(lambda: self.total(again, "sluice_spool_lost_lines_total") > 0, "it is counted")
        lost = int(self.total(again, "sluice_spool_lost_lines_total"))
        self.wait_lines(receiver, len(lines) - lost)
        wait_until(lambda: not self.segments(), "the spool is empty")
        self.assertTrue(list((self.state / "spool").glob("*.damaged")))
        self.assertEqual(again.stop(), 0, again.text())
        stored = self.stored_lines()
        self.assertEqual(len(stored), len(lines) - lost)
        self.assertLess(set(stored), set(lines))

    def test_dsk_8_a_full_spool_stops_reading_and_goes_on_when_there_is_room(self):
        # Lines that do not compress: 16 MiB are the least that a spool may have.
        text = subprocess.run(["openssl", "rand", "-hex", str(20_000_000)], capture_output=True,
                              check=True).stdout.decode()
        lines = [text[i:i + 1000] for i in range(0, len(text) - 1000, 1000)]
        self.write("a.log", lines)
        agent = self.agent_with_admin(self.url, "-spool", "all", "-spool-max", "16MiB", *HURRY,
                                      "-batch", "1000")
        agent.wait_said("the spool is full")
        self.assertLessEqual(self.total(agent, "sluice_spool_bytes"), 16 << 20)
        receiver = self.receiver(port=self.port)
        self.wait_lines(receiver, len(lines))
        self.assertEqual(agent.stop(), 0, agent.text())
        self.assertEqual(self.stats(receiver)["lines"], len(lines))

    def test_dsk_12_a_wrong_configuration_leaves_the_spool_as_it_is(self):
        agent, _ = self.outage(300)
        agent.stop(signal.SIGKILL)
        before = {path: path.read_bytes() for path in self.segments()}
        self.assertTrue(before)
        bad = self.agent(self.url, "-spool", "sometimes")
        self.assertEqual(bad.wait(), 78, bad.text())
        self.assertEqual({path: path.read_bytes() for path in self.segments()}, before)

    def test_cra_13_killed_again_and_again_while_it_replays_it_gets_on_each_time(self):
        agent, lines = self.outage(3000)
        agent.stop(signal.SIGKILL)
        receiver = self.storing_receiver()
        lives = 0
        got = 0
        while got < len(lines) and lives < 40:
            again = self.spooling_agent("-rate-requests", "10/s burst 1")
            before = got
            wait_until(lambda: self.stats(receiver)["lines"] >= min(before + 300, len(lines)),
                       "some progress")
            with open(f"/proc/{again.proc.pid}/status") as status:
                peak = next(line for line in status if line.startswith("VmHWM")).split()[1]
            if not is_sanitized():  # whose own memory is several times as much
                self.assertLess(int(peak), 90 << 10, "KiB")
            again.stop(signal.SIGKILL)
            got = self.stats(receiver)["lines"]
            lives += 1
        self.assertGreater(lives, 3)
        last = self.spooling_agent()
        wait_until(lambda: not self.segments(), "the spool is empty")
        self.assertEqual(last.stop(), 0, last.text())
        stored = self.stored_lines()
        self.assertEqual(sorted(set(stored)), sorted(lines))
        self.assertLessEqual(len(stored), len(lines) + lives * 9 * 50, "what was in flight")

    def test_dsk_3_a_sync_that_fails_costs_nothing(self):
        fails = self.dir / "fails"
        fails.write_text(".seg")
        lines = [f"line {i}" for i in range(1000)]
        self.write("a.log", lines)
        agent = self.spooling_agent(env={"LD_PRELOAD": preloaded(SLOW_MACHINE, self.dir),
                                         "FAIL_SYNC": str(fails)})
        self.wait_spooled(agent, len(lines))
        self.assertFalse(fails.exists(), "a sync failed")
        self.assertEqual(self.total(agent, "sluice_spool_errors_total"), 1)
        (self.logs / "a.log").unlink()
        agent.stop(signal.SIGKILL)
        receiver = self.storing_receiver()
        again = self.spooling_agent()
        self.wait_lines(receiver, len(lines))
        self.assertEqual(again.stop(), 0, again.text())
        self.assertEqual(sorted(set(self.stored_lines())), sorted(lines))


if __name__ == "__main__":
    unittest.main()
