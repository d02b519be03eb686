"""Receivers that speak HTTP/2 and misbehave, frame by frame: rows SNK of docs/scenarios.md on the real binary."""
import shutil
import time

from raw_receiver import (CANCEL, HTTP_1_1_REQUIRED, INTERNAL_ERROR, REFUSED_STREAM, H2Receiver,
                          take_h2)
from test_sinks import DEADLINE, SinkWorld, cpu_seconds
from tls_world import Authority, server_context
from world import is_sanitized, wait_until

FAST = ("-retry-max-delay", "300ms", "-connect-timeout", "2s", "-shutdown-timeout", "2s")


class H2World(SinkWorld):
    def setUp(self):
        super().setUp()
        authority = Authority(self.dir / "pki")
        self.ca = self.dir / "trusted.pem"
        shutil.copy(authority.file, self.ca)
        self.pair = authority.issue("good")

    def h2(self, *args, **others):
        box = H2Receiver(server_context(self.pair), *args, **others)
        self.addCleanup(box.close)
        return box

    def to(self, box, *flags):
        return self.agent_with_admin(box.url, "-tls-ca", self.ca, *FAST, *flags)

    def streams_at_once(self, box):
        """Gives the box the script of a good receiver; returns how many streams a connection had at each begin."""
        counts = []

        def script(connection, event, stream):
            if event == "headers":
                connection.open.add(stream)
                counts.append(len(connection.open))
            if event == "end":
                time.sleep(0.01)  # work, so that streams overlap if they may
                connection.open.discard(stream)
            take_h2(connection, event, stream)
        box.script = script
        return counts


class Http2(H2World):
    def test_snk_15_only_streams_that_were_not_processed_are_sent_again_after_goaway(self):
        gone = []
        waiting = []

        def script(connection, event, stream):
            if event != "end" or connection in gone:
                return None
            # The agent opens up while all is well. Then the first of three is processed, and the
            # others are not and never will be here.
            if gone or len(box.stored) < 20:
                return take_h2(connection, event, stream)
            waiting.append(stream)
            if len(waiting) == 3:
                gone.append(connection)
                connection.goaway(waiting[0])
                connection.round_trip()  # the agent has read it
                connection.store(waiting[0])
                connection.answer(waiting[0])
            return None

        box = self.h2(script)
        lines = self.noise(6000)
        agent = self.to(box, "-batch", "100", "-workers", "8")
        self.once(box, lines, agent)
        self.assertEqual(len(gone), 1)
        self.assertGreaterEqual(len(box.h2), 2, "the others came over another connection")
        # Not one of them waited for a deadline.
        self.assertFalse(agent.said("no answer in time"), agent.text())

    def test_snk_15_goaway_after_every_request_repeats_nothing(self):
        def script(connection, event, stream):
            if event != "end":
                return
            connection.store(stream)
            connection.goaway(stream)
            connection.answer(stream)

        box = self.h2(script)
        lines = self.noise(500)
        agent = self.to(box, "-batch", "25", "-workers", "1")
        self.once(box, lines, agent)
        self.assertGreater(len(box.h2), 1)

    def test_snk_16_refused_streams_are_tried_at_a_pace_and_hold(self):
        box = self.h2(lambda connection, event, stream: event == "headers" and
                      connection.reset(stream, REFUSED_STREAM))
        lines = self.noise(200)
        # auto would go over to HTTP/1.1, which is taken here, after the first ones.
        agent = self.agent_with_admin(box.url, "-tls-ca", self.ca, "-retry-max-delay", "1s",
                                      "-shutdown-timeout", "2s", "-batch", "20", "-http-version", "2")
        self.wait_longest_pauses(agent)
        before, used, began = box.streams, cpu_seconds(agent), time.monotonic()
        time.sleep(4)  # what is measured: attempts and CPU time of a while
        tried = box.streams - before
        took = time.monotonic() - began
        # Eight workers, on average one attempt per half second each.
        self.assertLess(tried, 8 * took * 4)
        self.assertGreater(tried, 2)
        if not is_sanitized():
            self.assertLess((cpu_seconds(agent) - used) / took, 0.1)
        box.script = take_h2
        self.once(box, lines, agent)

    def test_snk_17_one_stream_at_a_time_is_enough(self):
        box = self.h2(settings={3: 1})
        counts = self.streams_at_once(box)
        lines = self.noise(1000)
        agent = self.to(box, "-batch", "50", "-workers", "8")
        self.once(box, lines, agent)
        per_connection = {id(connection): len(connection.ended) for connection in box.h2}
        self.assertGreaterEqual(sum(per_connection.values()) + len(box.requests), 20)
        self.assertEqual(max(counts), 1, "never two on one connection")

    def test_snk_17_no_stream_at_all_is_waited_for_and_comes_later(self):
        def script(connection, event, stream):
            # What left before the SETTINGS came.
            if box.settings[3] == 0:
                return event == "headers" and connection.reset(stream, REFUSED_STREAM)
            return take_h2(connection, event, stream)

        box = self.h2(script, settings={3: 0})
        lines = self.noise(100)
        agent = self.to(box, "-http-version", "2", "-request-timeout", "1s",
                        "-connect-timeout", "1s")
        agent.wait_said("the connection broke|no answer in time|no connection")
        used, began = cpu_seconds(agent), time.monotonic()
        time.sleep(3)  # what is measured: CPU time and attempts of a while
        if not is_sanitized():
            self.assertLess((cpu_seconds(agent) - used) / (time.monotonic() - began), 0.1)
        self.assertLess(box.streams, 40)
        box.settings = {3: 100}
        box.drop_connections()
        self.once(box, lines, agent)

    def test_snk_18_a_stream_that_is_reset_in_the_middle_is_sent_again(self):
        broken = []

        def script(connection, event, stream):
            if event == "data" and len(broken) < 6 and stream not in broken:
                broken.append(stream)
                connection.reset(stream, (INTERNAL_ERROR, CANCEL)[len(broken) % 2])
            elif stream not in broken:
                take_h2(connection, event, stream)

        box = self.h2(script)
        lines = self.noise(3000)
        agent = self.to(box)
        self.once(box, lines, agent)
        self.assertTrue(broken)

    def test_snk_18_a_receiver_that_demands_http_1_1_gets_it(self):
        box = self.h2(lambda connection, event, stream: event == "headers" and
                      connection.reset(stream, HTTP_1_1_REQUIRED))
        lines = self.noise(500)
        agent = self.to(box, "-batch", "50")
        self.once(box, lines, agent)
        self.assertTrue(box.requests)

    def test_snk_13_broken_frames_repeat_at_most_their_request_and_break_nothing(self):
        breaks = [
            lambda c, s: c.frame(1, 4, s, b"\xff\xff\xff\xff"),          # no HPACK
            lambda c, s: c.frame(1, 4, s, b"\x88" * 100),                # a hundred statuses
            lambda c, s: c.frame(0, 1, s, b"data before any header"),
            lambda c, s: c.frame(9, 4, s, b"continuation of nothing"),
            lambda c, s: c.frame(5, 4, s, b"\0\0\0\2" + b"\x82"),        # a push
            lambda c, s: c.frame(8, 0, s, b"\0\0\0\0"),                  # a window of nothing
            lambda c, s: c.frame(8, 0, 0, b"\x7f\xff\xff\xff"),          # a window too large
            lambda c, s: c.frame(4, 0, 0, b"\0\5\0\0\0\1"),              # frames of a byte
            lambda c, s: c.frame(99, 255, s, b"unknown" * 100),
            lambda c, s: c.frame(1, 5, 1000001, b"\x88"),                # of no stream
            lambda c, s: c.sock.sendall(b"\xff" * 64),
            lambda c, s: c.frame(1, 4, s, b"\x88"),                      # 200, and no end
            lambda c, s: (c.frame(1, 4, s, b"\x88"), c.reset(s, INTERNAL_ERROR)),
        ]
        done = []

        def script(connection, event, stream):
            if event != "end":
                return
            connection.store(stream)
            if len(done) < len(breaks):
                done.append(stream)
                breaks[len(done) - 1](connection, stream)
            else:
                connection.answer(stream)

        box = self.h2(script)
        lines = self.noise(1000)
        # auto would go over to HTTP/1.1 after the first ones, and stay there.
        agent = self.to(box, "-batch", "20", "-workers", "2", "-http-version", "2", *DEADLINE)
        self.all_there(box, lines)
        wait_until(lambda: self.total(agent, "sluice_component_sent_events_total") == 1000, "acked")
        self.assertEqual(agent.stop(), 0, agent.text())
        self.assertEqual(len(done), len(breaks))
        bodies = [body for _, body, _ in box.stored]
        twice = sum(len(group) for _, body, group in box.stored) - 1000
        # Each broken connection had two requests at most, of at most 20 lines.
        self.assertLessEqual(twice, len(breaks) * 2 * 20)
        self.assertGreaterEqual(len(bodies), 50)

    def test_snk_4_a_window_that_stays_shut_meets_the_deadline_and_costs_no_cpu(self):
        box = self.h2(windows=False, settings={3: 100, 4: 1000})
        lines = self.noise(20000)
        agent = self.to(box, *DEADLINE)
        agent.wait_said("no answer in time")
        used, began = cpu_seconds(agent), time.monotonic()
        time.sleep(4)  # what is measured: CPU time of a while
        share = (cpu_seconds(agent) - used) / (time.monotonic() - began)
        if not is_sanitized():
            self.assertLess(share, 0.05, "it does not spin")
        box.windows = True
        box.settings = {3: 100, 4: 1 << 20}
        box.drop_connections()
        self.once(box, lines, agent)
