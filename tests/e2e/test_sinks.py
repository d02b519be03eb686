"""Receivers that fail: the rows SNK of docs/scenarios.md on the real binary.

Each receiver here is a script over a raw socket (raw_receiver.py). What is right is the same for all: every line arrives, no
line that was acknowledged comes again, nothing is ever given up, and a person is told what only a person can cure.
"""
import gzip
import json
import os
import random
import signal
import time

from raw_receiver import RawReceiver, take
from world import SLACK_S, World, is_sanitized, wait_until

FAST = ("-retry-max-delay", "300ms", "-connect-timeout", "2s", "-shutdown-timeout", "2s")
# Only where a deadline is what is tried: a slow machine may need so long for an honest answer, and then a line
# comes twice.
DEADLINE_S = 3
DEADLINE = ("-request-timeout", f"{DEADLINE_S}s")
TICK = os.sysconf("SC_CLK_TCK")


def cpu_seconds(agent):
    fields = open(f"/proc/{agent.proc.pid}/stat", encoding="ascii").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def resident_kib(agent):
    for line in open(f"/proc/{agent.proc.pid}/status", encoding="ascii"):
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise AssertionError("no VmRSS")


class SinkWorld(World):
    def raw(self, *args, **others):
        receiver = RawReceiver(*args, **others)
        self.addCleanup(receiver.close)
        return receiver

    def write(self, *lines, name="a.log"):
        with open(self.logs / name, "a", encoding="utf-8") as out:
            out.write("".join(line + "\n" for line in lines))

    def noise(self, count, name="a.log", width=200):
        """Lines that do not compress, all different."""
        random.seed(name)
        lines = [f"{i} {random.randbytes(width // 2).hex()}" for i in range(count)]
        self.write(*lines, name=name)
        return lines

    def all_there(self, box, lines):
        wait_until(lambda: set(lines) <= set(box.lines()),
                   f"{len(lines)} lines arrive; {len(set(box.lines()))} are here")

    def once(self, box, lines, agent):
        """Every line arrived, none twice, and the agent ends well."""
        self.all_there(box, lines)
        self.assertEqual(agent.stop(), 0, agent.text())
        self.assertEqual(sorted(box.lines()), sorted(lines))
        self.assertEqual(box.errors, [])
        self.assertFalse(list((self.state / "dead-letters").glob("*")), "nothing was given up")

    def wait_longest_pauses(self, agent):
        """Until the pauses between attempts have grown from 100 ms to the second that they are allowed at most."""
        wait_until(lambda: self.total(agent, "sluice_http_client_retries_total") >=
                   5 * max(1, self.total(agent, "sluice_adaptive_concurrency_in_flight")),
                   "each request failed five times")

    def first_requests(self, count, script):
        """A script that treats the first requests like this and takes the others."""
        return lambda exchange: (script if exchange.number < count else take)(exchange)


class Network(SinkWorld):
    def test_snk_1_refused_connections_cost_next_to_nothing_and_are_not_tried_in_a_hurry(self):
        box = self.raw()
        box.close()
        lines = self.noise(2000)
        agent = self.agent_with_admin(box.url, "-retry-max-delay", "1s", "-shutdown-timeout", "2s")
        agent.wait_said("no connection to the destination")
        self.wait_longest_pauses(agent)
        tried = self.total(agent, "sluice_http_client_requests_sent_total")
        used, began = cpu_seconds(agent), time.monotonic()
        time.sleep(5)  # what is measured: attempts and CPU time of a while
        took = time.monotonic() - began
        tried = self.total(agent, "sluice_http_client_requests_sent_total") - tried
        # Eight workers, each at most once per shortest pause and on average every half second.
        self.assertLess(tried, 8 * took * 4, "jittered pauses")
        self.assertGreater(tried, 2)
        if not is_sanitized():
            self.assertLess((cpu_seconds(agent) - used) / took, 0.05)
        back = self.raw(port=box.port)
        self.once(back, lines, agent)

    def test_snk_2_a_reset_in_the_middle_of_the_body_is_tried_again(self):
        def half(exchange):
            exchange.read(int(exchange.headers["content-length"]) // 2)
            exchange.reset()

        box = self.raw(self.first_requests(6, half))
        lines = self.noise(5000)
        agent = self.agent(box.url, *FAST)
        self.once(box, lines, agent)
        self.assertGreater(len(box.requests), 6)

    def test_snk_3_silence_ends_at_the_deadline_and_other_destinations_live(self):
        box = self.raw(lambda exchange: exchange.hold())
        other = self.raw()
        lines = self.noise(300)
        config = self.dir / "sluice.yaml"
        config.write_text(f"""
paths: {self.logs}/*.log
state: {self.state}
admin: off
retry_max_delay: 300ms
request_timeout: 1s
shutdown_timeout: 2s
destinations:
  silent: {{endpoint: "{box.url}"}}
  other: {{endpoint: "{other.url}"}}
""")
        agent = self.start("run", "-c", config)
        self.all_there(other, lines)
        agent.wait_said("no answer in time.*silent")
        wait_until(lambda: len(box.requests) >= 6, "it is tried again and again")
        by_key = {}
        for exchange in box.requests:
            by_key.setdefault(exchange.key, []).append(exchange.at)
        times = next(times for times in by_key.values() if len(times) >= 2)
        self.assertGreater(times[1] - times[0], 0.5, "the deadline is a second; it began before the head was read")
        more = self.noise(300, name="b.log")
        self.all_there(other, lines + more)
        box.script = take
        self.once(box, lines + more, agent)
        self.assertEqual(sorted(other.lines()), sorted(lines + more))

    def test_snk_4_a_peer_that_reads_a_kilobyte_per_second_meets_the_deadline(self):
        box = self.raw(lambda exchange: exchange.read_slowly(1000))
        lines = self.noise(20000)
        agent = self.agent(box.url, "-compression", "none", *FAST, *DEADLINE)
        agent.wait_said("no answer in time")
        before = resident_kib(agent)
        wait_until(lambda: len(box.requests) >= 12, "it is tried again and again")
        if not is_sanitized():
            self.assertLess(resident_kib(agent), max(before * 1.2, 64 << 10))
        box.script = take_plain
        self.once(box, lines, agent)

    def test_snk_5_an_answer_of_a_byte_per_second_ends_at_the_total_deadline(self):
        def dribble(exchange):
            exchange.body  # pylint: disable=pointless-statement
            text = b"HTTP/1.1 200 OK\r\nX-Slow: " + b"y" * 1000
            for byte in text:
                exchange.send(bytes([byte]))
                if exchange.receiver.closing.wait(0.2):
                    return

        box = self.raw(self.first_requests(3, dribble))
        lines = self.noise(300)
        agent = self.agent(box.url, *FAST, *DEADLINE)
        agent.wait_said("no answer in time")
        self.once(box, lines, agent)
        key = box.requests[0].key
        times = [exchange.at for exchange in box.requests if exchange.key == key]
        # The agent's clock began before the head was read here.
        self.assertGreater(times[1] - times[0], DEADLINE_S / 2)
        self.assertLess(times[1] - times[0], 5 * DEADLINE_S, "a byte each 0.2 s would take 200 s")

    def test_snk_22_a_late_answer_repeats_exactly_that_request_byte_for_byte(self):
        def late(exchange):
            exchange.store()
            exchange.hold()

        box = self.raw(self.first_requests(1, late))
        lines = self.noise(500)
        agent = self.agent(box.url, "-workers", "1", *FAST, *DEADLINE)
        self.all_there(box, lines)
        wait_until(lambda: len(box.stored) >= 2, "it comes again")
        self.assertEqual(agent.stop(), 0, agent.text())
        first = box.stored[0]
        again = [entry for entry in box.stored[1:] if entry[0] == first[0]]
        self.assertEqual(again, [first], "the same key, the same bytes, once")
        self.assertEqual(sorted(box.lines()), sorted(lines + first[2]), "and no other line twice")

    def test_snk_23_a_kill_between_two_acks_sends_the_first_again(self):
        held = []

        def all_but_one(exchange):
            # The agent opens up while all is well; then one waits and those behind it do not.
            if exchange.number == 20:
                exchange.body  # pylint: disable=pointless-statement
                held.append(exchange)
                exchange.hold()
            exchange.store()
            exchange.answer(200)

        box = self.raw(all_but_one)
        lines = self.noise(6000)
        agent = self.agent_with_admin(box.url, "-batch", "100", "-workers", "8",
                                      "-checkpoint-interval", "100ms", "-retry-max-delay", "300ms")
        wait_until(lambda: held and len(box.stored) >= 24, "later ones were acknowledged")
        # While a line is acknowledged now and then, positions are stored; the second time also what was known
        # when this began.
        stored = self.total(agent, "sluice_checkpoints_total")

        def is_stored():
            lines.append(f"another {len(lines)}")
            self.write(lines[-1], name="b.log")
            return self.total(agent, "sluice_checkpoints_total") >= stored + 2
        wait_until(is_stored, "positions are stored twice")
        pending = held[0].lines()
        self.assertFalse(set(pending) & set(box.lines()))
        agent.stop(signal.SIGKILL)
        box.script = take
        before = len(box.stored)
        again = self.agent(box.url, *FAST)
        self.all_there(box, lines)
        self.assertEqual(again.stop(), 0, again.text())
        self.assertTrue(set(pending) <= {line for _, _, group in box.stored[before:]
                                         for line in group}, "from the pending one on")

    def test_snk_25_a_receiver_that_comes_and_goes_gets_every_line(self):
        boxes = []
        lines = []
        box = self.raw()
        port = box.port
        boxes.append(box)
        agent = self.agent_with_admin(box.url, *FAST)
        for lap in range(6):
            lines += self.noise(300, name=f"{lap}.log")
            wait_until(box.lines, "the first lines arrive")
            failed = self.failures(agent)
            box.close()
            lines += self.noise(300, name=f"{lap}-down.log")
            wait_until(lambda failed=failed: self.failures(agent) > failed, "the agent sees it")
            box = self.reopened(port)
            boxes.append(box)
        stored = lambda: [line for each in boxes for line in each.lines()]
        wait_until(lambda: set(lines) <= set(stored()), "all lines arrive")
        self.assertEqual(agent.stop(), 0, agent.text())
        # A connection that is cut may have been about to answer: those lines may come twice.
        self.assertEqual(set(stored()), set(lines))

    def failures(self, agent):
        return self.total(agent, "sluice_http_client_errors_total")

    def reopened(self, port):
        made = []

        def attempt():
            try:
                made.append(self.raw(port=port))
            except OSError:
                return False
            return True
        wait_until(attempt, "the port is free again")
        return made[0]

    def test_snk_26_a_connection_that_is_closed_as_the_request_comes_costs_one_quiet_repeat(self):
        broken = []

        def second_on_a_connection(exchange):
            if exchange.on_connection == 1 and exchange.number < 20:
                broken.append(exchange)
                exchange.reset()
            take(exchange)

        box = self.raw(second_on_a_connection)
        agent = self.agent_with_admin(box.url, *FAST)
        lines = []
        for lap in range(10):
            lines += self.noise(10, name=f"{lap}.log")
            self.all_there(box, lines)
        self.once(box, lines, agent)
        self.assertTrue(broken, "connections are used again")
        self.assertFalse(agent.said("(?i)error"), agent.text())


class Statuses(SinkWorld):
    def test_snk_6_server_errors_are_tried_again_and_never_dropped(self):
        statuses = [500, 502, 503, 504, 408, 599]

        def failing(exchange):
            exchange.answer(statuses[exchange.number % len(statuses)], body=b"out of order")

        box = self.raw(self.first_requests(40, failing))
        lines = self.noise(500)
        agent = self.agent_with_admin(box.url, *FAST)
        self.all_there(box, lines)
        self.assertEqual(self.total(agent, "sluice_component_discarded_events_total"), 0)
        self.once(box, lines, agent)

    def test_snk_7_a_pause_that_is_asked_for_is_kept_within_bounds(self):
        for value, low, high in (("2", 2.0, 6.0), ("date", 1.5, 7.0), ("0", 0.1, 3.0),
                                 ("-1", 0.1, 3.0), ("soon", 0.1, 3.0), ("1.5", 0.1, 3.0),
                                 ("", 0.1, 3.0), ("Sun, 99 Foo 2026 99:99:99 GMT", 0.1, 3.0)):
            high += SLACK_S
            with self.subTest(value):
                def throttle(exchange, value=value):
                    if exchange.number:
                        return take(exchange)
                    if value == "date":
                        value = time.strftime("%a, %d %b %Y %H:%M:%S GMT",
                                              time.gmtime(time.time() + 3))
                    return exchange.answer(429, {"Retry-After": value})

                box = self.raw(throttle)
                name = f"pause-{low}-{len(value)}-{abs(hash(value))}"
                self.state = self.dir / name
                self.logs = self.dir / f"logs-{name}"
                self.logs.mkdir()
                lines = self.noise(10)
                agent = self.agent(box.url, "-retry-max-delay", "1s", "-shutdown-timeout", "2s")
                self.once(box, lines, agent)
                waited = box.requests[1].at - box.requests[0].at
                self.assertTrue(low <= waited <= high, f"{value!r}: {waited:.2f} s")

    def test_snk_7_a_pause_of_thirty_years_is_no_wish_and_does_not_hold_a_stop(self):
        box = self.raw(lambda exchange: exchange.answer(429, {"Retry-After": "1000000000"}))
        lines = self.noise(10)
        agent = self.agent(box.url, "-retry-max-delay", "300ms", "-shutdown-timeout", "2s")
        agent.wait_said("asks for fewer requests")
        asked = len(box.requests)
        time.sleep(2)  # many times the pause of its own; nothing may come
        self.assertEqual(len(box.requests), asked, "the longest pause is ten minutes")
        agent.stop()  # has less patience than that
        box.script = take
        again = self.agent(box.url, *FAST)
        self.once(box, lines, again)

    def test_snk_11_a_wrong_route_holds_with_an_alarm(self):
        self.holds((404, 405, 410, 501), "path in `endpoint`|ingest route|no POST")

    def test_snk_12_a_redirect_is_never_an_ack_and_never_followed(self):
        target = self.raw()
        self.holds((300, 301, 302, 303, 304, 307, 308, 399), "redirects are not followed",
                   {"Location": target.url})
        self.assertEqual(target.connections, 0)

    def test_snk_14_a_success_that_may_be_partial_holds(self):
        self.holds((206, 207, 208, 226, 260, 299), "does not say that the whole request was taken")

    def holds(self, statuses, remedy, headers=None):
        """Nothing moves, an alarm says what to do, and all arrives once when it is put right."""
        for status in statuses:
            with self.subTest(status):
                self.state = self.dir / f"state-{status}"
                self.logs = self.dir / f"logs-{status}"
                self.logs.mkdir()
                box = self.raw(lambda exchange, status=status: exchange.answer(
                    status, {} if status in (204, 304) else headers))
                lines = self.noise(50)
                agent = self.agent_with_admin(box.url, *FAST)
                agent.wait_said(f'error.*({remedy}).*outcome="HTTP {status}"')
                wait_until(lambda: self.total(agent, "sluice_destination_holds_total") >= 2,
                           "it is tried again")
                self.assertEqual(self.total(agent, "sluice_destination_healthy"), 0)
                self.assertEqual(self.total(agent, "sluice_component_sent_events_total"), 0)
                box.script = take
                self.once(box, lines, agent)

    def test_snk_14_every_plain_success_is_an_ack(self):
        statuses = [200, 201, 202, 203, 204, 205]

        def success(exchange):
            exchange.store()
            status = statuses[exchange.number % len(statuses)]
            exchange.answer(status)

        box = self.raw(success)
        agent = self.agent(box.url, "-batch", "10", *FAST)
        self.once(box, self.noise(200), agent)
        self.assertGreaterEqual(len(box.requests), 6)

    def test_snk_14_interim_answers_are_ignored_and_do_not_stretch_the_deadline(self):
        def interim_first(exchange):
            exchange.send(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n"
                          b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
            if exchange.number > 2:
                return take(exchange)
            while not exchange.receiver.closing.wait(0.05):  # and nothing else, for ever
                exchange.send(b"HTTP/1.1 103 Early Hints\r\nRetry-After: 3600\r\n\r\n")
            return None

        box = self.raw(interim_first)
        lines = self.noise(50)
        agent = self.agent(box.url, *FAST, *DEADLINE)
        agent.wait_said("no answer in time")
        self.once(box, lines, agent)

    def test_snk_14_switched_protocols_are_no_success(self):
        def switch(exchange):
            exchange.body  # pylint: disable=pointless-statement
            exchange.send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n"
                          b"Connection: Upgrade\r\n\r\n")
            exchange.hold(0.5)
            exchange.close()

        box = self.raw(self.first_requests(4, switch))
        lines = self.noise(50)
        agent = self.agent(box.url, *FAST)
        self.once(box, lines, agent)


def take_plain(exchange):
    """take() for bodies without compression."""
    with exchange.receiver.lock:
        exchange.receiver.stored.append(
            (exchange.key, exchange.body, [record["line"] for record in json.loads(exchange.body)]))
    exchange.answer(200)


OK = b"HTTP/1.1 200 OK\r\n"
BROKEN_ANSWERS = {
    "body cut off": OK + b"Content-Length: 100\r\n\r\nhello",
    "no number for a chunk": OK + b"Transfer-Encoding: chunked\r\n\r\nZZ\r\nhello",
    "a chunk cut off": OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhel",
    "a chunk of 2^63 bytes": OK + b"Transfer-Encoding: chunked\r\n\r\n7fffffffffffffff\r\nx",
    "a chunk of 2^64 bytes": OK + b"Transfer-Encoding: chunked\r\n\r\n1ffffffffffffffff\r\nx",
    "a length below zero": OK + b"Content-Length: -5\r\n\r\n",
    "a length of 2^64": OK + b"Content-Length: 18446744073709551616\r\n\r\n",
    "two lengths": OK + b"Content-Length: 5\r\nContent-Length: 7\r\n\r\nhello",
    "length and chunks": OK + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
    "no colon": OK + b"this is no header\r\nContent-Length: 5\r\n\r\nhel",
    "NUL in a header": OK + b"X-Nul: a\0b\r\nContent-Length: 5\r\n\r\nhel",
    "a folded header first": OK + b" folded\r\nContent-Length: 5\r\n\r\nhel",
    "headers without end": OK + b"X-A: " + b"a" * (200 << 10),
    "a thousand headers": OK + b"".join(b"X-%d: %s\r\n" % (i, b"b" * 500) for i in range(1000)),
    "headers cut off": OK + b"Content-Len",
    "nothing": b"",
    "a status of two digits": b"HTTP/1.1 20 OK\r\n\r\n",
    "a status of four digits": b"HTTP/1.1 2000 OK\r\n\r\n",
    "no HTTP at all": b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n",
    "a version of its own": b"HTTP/9.9 200 OK\r\nContent-Length: 0\r\n\r\n",
    "TLS where none is spoken": b"\x15\x03\x01\x00\x02\x02\x46",
    "an unknown coding": OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
}


class Answers(SinkWorld):
    def test_snk_13_broken_answers_repeat_at_most_their_request_and_break_nothing(self):
        """A yes that breaks off is no yes: the receiver may have the lines twice, never not at all."""
        names = list(BROKEN_ANSWERS)

        def broken(exchange):
            if exchange.number >= len(names):
                return take(exchange)
            exchange.store()
            exchange.send(BROKEN_ANSWERS[names[exchange.number]])
            exchange.close()
            return None

        box = self.raw(broken)
        agent = self.agent_with_admin(box.url, "-batch", "20", "-workers", "2", *FAST)
        lines = self.noise(1000)
        self.all_there(box, lines)
        wait_until(lambda: self.total(agent, "sluice_component_sent_events_total") == 1000, "all acked")
        self.assertEqual(agent.stop(), 0, agent.text())
        self.assertEqual(box.errors, [])
        repeated = [entry[0] for entry in box.stored]
        doubtful = {exchange.key for exchange in box.requests[:len(names)]}
        twice = {key for key in repeated if repeated.count(key) > 1}
        self.assertLessEqual(twice, doubtful, "only what had a broken answer")
        self.assertEqual(set(box.lines()), set(lines))

    def endless(self, head, chunk):
        sent = []

        def answer(exchange):
            exchange.store()
            exchange.send(head)
            count = 0
            try:
                while not exchange.receiver.closing.is_set() and count < (10 << 30):
                    exchange.send(chunk)
                    count += len(chunk)
            finally:
                sent.append(count)

        box = self.raw(self.first_requests(8, answer))
        lines = self.noise(2000)
        agent = self.agent_with_admin(box.url, "-batch", "200", *FAST)
        wait_until(lambda: len(sent) >= 8, "each was ended")
        resident = resident_kib(agent)
        self.all_there(box, lines)
        self.assertEqual(agent.stop(), 0, agent.text())
        if not is_sanitized():
            self.assertLess(resident, 64 << 10)
        return box, sent, lines

    def test_sec_9_an_answer_without_end_is_read_for_64_kib_and_no_further(self):
        # Sockets hold a few MiB beyond what the agent reads.
        for name, head, chunk in (
                ("length", OK + b"Content-Length: 10737418240\r\n\r\n", b"x" * 65536),
                ("chunks", OK + b"Transfer-Encoding: chunked\r\n\r\n",
                 b"10000\r\n" + b"y" * 65536 + b"\r\n"),
                ("until the end", OK + b"Connection: close\r\n\r\n", b"z" * 65536),
                ("headers", OK, b"X-Header: " + b"h" * 1000 + b"\r\n"),
                ("interim", b"", b"HTTP/1.1 103 Hints\r\nX: " + b"i" * 1000 + b"\r\n\r\n")):
            with self.subTest(name):
                self.state = self.dir / f"state-{name}"
                self.logs = self.dir / f"logs-{name}"
                self.logs.mkdir()
                _, sent, _ = self.endless(head, chunk)
                self.assertLess(max(sent), 64 << 20, "the rest was not waited for")

    def test_sec_9_a_bomb_is_not_unpacked(self):
        bomb = gzip.compress(b"\0" * (64 << 20))

        def answer(exchange):
            exchange.answer(500, {"Content-Encoding": "gzip"}, bomb)

        box = self.raw(self.first_requests(8, answer))
        lines = self.noise(500)
        agent = self.agent(box.url, *FAST)
        self.all_there(box, lines)
        if not is_sanitized():
            self.assertLess(resident_kib(agent), 64 << 10)
        self.once(box, lines, agent)
        self.assertNotIn("accept-encoding", box.requests[0].headers)
