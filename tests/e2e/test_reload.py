"""SIGHUP: a new configuration without a new process, and without losing or doubling a line."""
import collections
import signal
import threading
import time

from world import World, free_port, wait_until


class Reload(World):
    def write_config(self, endpoint, pattern=None, extra=""):
        (self.dir / "sluice.yaml").write_text(f"""
state: {self.state}
admin: 127.0.0.1:{self.admin_port}
io: {self.io()}
shutdown_timeout: 20s
{extra}
sources:
  logs:
    paths: ["{pattern or self.logs / '*.log'}"]
    destinations: [away]
destinations:
  away:
    endpoint: {endpoint}
""")

    @staticmethod
    def io():
        from world import IO
        return IO

    def start_agent(self, endpoint, **others):
        self.admin_port = free_port()
        self.write_config(endpoint, **others)
        agent = self.start("run", "-c", self.dir / "sluice.yaml")
        agent.admin_port = self.admin_port
        agent.wait_said("running")
        return agent

    def reloads(self, agent):
        try:
            return self.total(agent, "sluice_reloaded_total")
        except OSError:
            return -1

    def reload(self, agent):
        before = self.reloads(agent)
        agent.send(signal.SIGHUP)
        wait_until(lambda: self.reloads(agent) > before, "the new configuration is taken over")

    def test_shu_5_a_new_address_with_batches_in_flight_loses_and_doubles_nothing(self):
        first, second = self.inbox(), self.inbox()
        agent = self.start_agent(first.url)
        stop = threading.Event()
        written = []

        def write():
            with open(self.logs / "a.log", "a", encoding="ascii", buffering=1) as log:
                while not stop.is_set():
                    written.append(f"line {len(written)}")
                    log.write(written[-1] + "\n")

        writer = threading.Thread(target=write)
        writer.start()
        try:
            wait_until(lambda: len(first.records()) > 1000, "the first destination gets lines")
            self.write_config(second.url)
            self.reload(agent)
            wait_until(lambda: len(second.records()) > 1000, "the second destination gets lines")
        finally:
            stop.set()
            writer.join()
        wait_until(lambda: len(first.records()) + len(second.records()) >= len(written),
                   "everything is delivered")
        self.assertEqual(agent.stop(), 0, agent.text())
        counts = collections.Counter(first.lines() + second.lines())
        self.assertEqual([line for line in written if counts[line] != 1], [])
        self.assertEqual(sum(counts.values()), len(written))

    def test_shu_5_a_new_address_cures_a_destination_that_takes_nothing(self):
        down, up = self.inbox(), self.inbox()
        down.status = 503
        agent = self.start_agent(down.url)
        (self.logs / "a.log").write_text("one\ntwo\n")
        wait_until(lambda: down.refused > 0, "the first destination refuses")
        self.write_config(up.url)
        began = time.monotonic()
        self.reload(agent)
        wait_until(lambda: up.lines() == ["one", "two"], "the lines arrive at the second one")
        self.assertLess(time.monotonic() - began, 20, "it does not wait for the shutdown timeout")
        self.assertEqual(agent.stop(), 0, agent.text())
        self.assertEqual(up.lines(), ["one", "two"])

    def test_shu_6_of_ten_reloads_in_a_second_the_last_counts(self):
        inboxes = [self.inbox() for _ in range(10)]
        agent = self.start_agent(inboxes[0].url)
        for inbox in inboxes:
            self.write_config(inbox.url)
            agent.send(signal.SIGHUP)
            time.sleep(0.1)  # the pace is what this test is about
        wait_until(lambda: agent.said(f"shipping to {inboxes[-1].url}"), "the last one is reached")
        (self.logs / "a.log").write_text("late\n")
        wait_until(lambda: inboxes[-1].lines() == ["late"], "the last destination gets the line")
        self.assertTrue(agent.alive(), agent.text())
        self.assertEqual(agent.stop(), 0, agent.text())

    def test_shu_7_a_wrong_configuration_is_refused_and_the_old_one_runs_on(self):
        inbox = self.inbox()
        agent = self.start_agent(inbox.url)
        self.write_config(inbox.url, extra="endpiont: http://127.0.0.1:1/")
        agent.send(signal.SIGHUP)
        agent.wait_said(r"sluice.yaml:\d+:\d+:.*endpiont.*endpoint")
        agent.wait_said("going on with the one before")
        wait_until(lambda: self.total(agent, "sluice_reload_errors_total") == 1, "it is counted")
        (self.logs / "a.log").write_text("one\n")
        wait_until(lambda: inbox.lines() == ["one"], "the agent still delivers")
        self.assertEqual(self.reloads(agent), 0)
        self.assertEqual(agent.stop(), 0, agent.text())

    def test_shu_7_a_configuration_that_cannot_start_gives_way_to_the_old_one(self):
        inbox = self.inbox()
        agent = self.start_agent(inbox.url)
        good_port = self.admin_port
        self.admin_port = inbox.port  # taken
        self.write_config(inbox.url)
        agent.send(signal.SIGHUP)
        agent.wait_said("going on with the one before")
        self.admin_port = good_port
        (self.logs / "a.log").write_text("one\n")
        wait_until(lambda: inbox.lines() == ["one"], "the agent delivers with the old one")
        wait_until(lambda: self.total(agent, "sluice_reload_errors_total") == 1, "it is counted")
        self.assertEqual(agent.stop(), 0, agent.text())

    def test_shu_9_a_source_that_was_away_goes_on_where_it_was(self):
        inbox = self.inbox()
        agent = self.start_agent(inbox.url)
        log = self.logs / "a.log"
        log.write_text("one\n")
        wait_until(lambda: inbox.lines() == ["one"], "the first line arrives")
        self.write_config(inbox.url, pattern=self.dir / "elsewhere" / "*.log")
        self.reload(agent)
        with open(log, "a", encoding="ascii") as out:
            out.write("two\n")
        self.write_config(inbox.url)
        self.reload(agent)
        wait_until(lambda: len(inbox.lines()) >= 2, "the second line arrives")
        self.assertEqual(agent.stop(), 0, agent.text())
        self.assertEqual(inbox.lines(), ["one", "two"])

    def test_what_is_not_read_yet_is_no_warning_at_a_reload(self):
        inbox = self.inbox()
        (self.logs / "a.log").write_text("one\nunfinished")
        agent = self.start_agent(inbox.url)
        wait_until(lambda: inbox.lines() == ["one"], "the whole line arrives")
        self.reload(agent)
        self.assertRegex(agent.said("unread_bytes=10"), "info .*new configuration")
        self.assertFalse(agent.said(" warning "), agent.text())
        self.assertEqual(agent.stop(), 0, agent.text())
        self.assertRegex(agent.said("undelivered_bytes=10"), "info .*the rest stays in its files")

    def test_a_reload_that_a_destination_does_not_answer_in_time_is_a_warning(self):
        inbox = self.inbox()
        inbox.status = 503
        agent = self.start_agent(inbox.url, extra="retry_max_delay: 200ms")
        (self.logs / "a.log").write_text("one\n")
        wait_until(lambda: inbox.refused > 0, "a line is in flight")
        self.reload(agent)
        self.assertRegex(agent.said("new configuration.*undelivered_bytes=4"), "warning")
        inbox.status = 200
        wait_until(lambda: inbox.lines() == ["one"], "it is delivered under the new one")
        self.assertEqual(agent.stop(), 0, agent.text())

    def test_a_stop_during_a_reload_stops(self):
        inbox = self.inbox()
        inbox.status = 503
        agent = self.start_agent(inbox.url)
        (self.logs / "a.log").write_text("one\n")
        wait_until(lambda: inbox.refused > 0, "a line is in flight")
        agent.send(signal.SIGHUP)
        agent.wait_said("new configuration")
        inbox.status = 200
        self.assertEqual(agent.stop(), 0, agent.text())
        self.assertEqual(inbox.lines(), ["one"])
