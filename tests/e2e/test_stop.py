"""Stopping: at once when idle, bounded when the destination is dead, and what is not delivered then
is delivered by the next run; after a clean stop nothing is sent twice."""
import json
import signal
import time

from world import SLACK_S, World, free_port, wait_until


class Stop(World):
    def timed_stop(self, agent, sig=signal.SIGTERM):
        begin = time.monotonic()
        code = agent.stop(sig)
        return code, time.monotonic() - begin

    def test_shu_1_an_idle_agent_ends_at_once(self):
        inbox = self.inbox()
        (self.logs / "a.log").write_text("one\n")
        for sig in (signal.SIGTERM, signal.SIGINT):
            agent = self.agent(inbox.url)
            agent.wait_said("running")
            wait_until(lambda: inbox.lines() == ["one"], "delivered")
            code, seconds = self.timed_stop(agent, sig)
            self.assertEqual(code, 0, agent.text())
            self.assertLess(seconds, SLACK_S)
            self.assertIn("undelivered_bytes=0", agent.text())
        self.assertEqual(inbox.lines(), ["one"], "the second run repeats nothing")

    def test_shu_3_a_dead_destination_does_not_hold_the_stop_longer_than_asked(self):
        text = "".join(f"line {i}\n" for i in range(5000))
        (self.logs / "a.log").write_text(text)
        agent = self.agent(f"http://127.0.0.1:{free_port()}/ingest", "-shutdown-timeout", "2s")
        agent.wait_said("no connection")
        code, seconds = self.timed_stop(agent)
        self.assertEqual(code, 0, agent.text())
        self.assertGreater(seconds, 1.5, "it tried for as long as it was told")
        self.assertLess(seconds, 2 + SLACK_S)
        self.assertIn(f"undelivered_bytes={len(text)}", agent.text())
        inbox = self.inbox()
        agent = self.agent(inbox.url)
        wait_until(lambda: len(inbox.records()) >= 5000, "all of it, after the next start")
        self.assertEqual(agent.stop(), 0, agent.text())
        self.assertEqual(inbox.lines(), sorted(text.splitlines()))

    def test_a_destination_that_never_answers_does_not_hold_the_stop_either(self):
        receiver = self.receiver("--count", "--fault", "hang:1.0")
        (self.logs / "a.log").write_text("one\n")
        agent = self.agent(receiver.url, "-shutdown-timeout", "1s")
        wait_until(lambda: self.stats(receiver)["faults_injected"] >= 1, "a request hangs")
        code, seconds = self.timed_stop(agent)
        self.assertEqual(code, 0, agent.text())
        self.assertLess(seconds, 1 + SLACK_S)
        self.assertIn("undelivered_bytes=4", agent.text())

    def test_shu_4_the_second_signal_ends_at_once_and_loses_nothing(self):
        (self.logs / "a.log").write_text("one\ntwo\n")
        agent = self.agent(f"http://127.0.0.1:{free_port()}/ingest", "-shutdown-timeout", "1h")
        agent.wait_said("no connection")
        agent.send(signal.SIGTERM)
        agent.wait_said("a second signal ends at once")
        self.assertTrue(agent.alive())
        code, seconds = self.timed_stop(agent, signal.SIGINT)
        self.assertEqual(code, 1, agent.text())
        self.assertLess(seconds, SLACK_S)
        inbox = self.inbox()
        agent = self.agent(inbox.url)
        wait_until(lambda: inbox.lines() == ["one", "two"], "delivered by the next run")
        self.assertEqual(agent.stop(), 0, agent.text())

    def test_shu_2_five_stops_under_load_repeat_and_lose_nothing(self):
        receiver = self.verifying_receiver()
        generator = self.generator("--files", "3", "--shape", "nginx", "--rate", "1MB/s",
                                   "--duration", "8s", "--rotate", "rename", "--rotate-every", "2s")
        # The pattern takes rotated names, too: a file that is made and rotated while no agent runs is
        # seen under no other.
        for cycle in range(5):
            agent = self.agent(receiver.url, paths=self.logs / "*.log*")
            seen = self.stats(receiver)["lines"]
            self.wait_lines(receiver, seen + 500)
            code, _ = self.timed_stop(agent, (signal.SIGTERM, signal.SIGINT)[cycle % 2])
            self.assertEqual(code, 0, agent.text())
            if not generator.alive():
                break
        agent = self.agent(receiver.url, paths=self.logs / "*.log*")
        self.assertEqual(generator.wait(), 0, generator.text())
        lines = json.loads(self.ledger.read_text())["lines"]
        self.wait_lines(receiver, lines)
        self.assertEqual(agent.stop(), 0, agent.text())
        report = self.report_of(receiver)
        for kind in ("missing", "damaged", "ghost", "duplicate"):
            self.assertEqual(report[kind], 0, report)
