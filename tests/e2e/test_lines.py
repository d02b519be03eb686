"""The rows LIN of the catalogue of scenarios, on the real binary: what stands in a file, and the
records it becomes. The rows that a shard decides alone (LIN-5, LIN-9, LIN-12, LIN-15) are tried in
every variant in tests/flow/lines_test.cc; here each is met once more on its way through everything."""
import gzip
import json
import os
import pathlib
import re
import threading
import time
import unittest

from world import World, is_sanitized, wait_until

TIME = "2026-11-22T20:17:43.123456789Z"


def cri(text, tag="F", stream="stdout"):
    return f"{TIME} {stream} {tag} {text}\n"


def docker(text, stream="stdout"):
    return json.dumps({"log": text, "stream": stream, "time": TIME}, ensure_ascii=False) + "\n"


class Lines(World):
    def follow(self, *flags, name="a.log", **others):
        self.path = self.logs / name
        self.box = self.inbox()
        self.flags = flags
        self.runs = self.agent(self.box.url, *flags, **others)
        self.runs.wait_said("running")

    def again(self):
        """Stops cleanly and starts anew."""
        self.assertEqual(self.runs.stop(), 0, self.runs.text())
        self.runs = self.agent(self.box.url, *self.flags)

    def append(self, text):
        with open(self.path, "ab") as out:
            out.write(text if isinstance(text, bytes) else text.encode())

    def texts(self):
        """In the order of the file: one request may overtake another."""
        return [record["line"] for record in sorted(self.box.records(),
                                                    key=lambda record: record["offset"])]

    def wait_for(self, lines):
        wait_until(lambda: len(self.box.records()) >= len(lines), f"{len(lines)} records")

    def ends_with(self, lines):
        """Exactly these have come when the agent is asked to stop; returns the records."""
        self.wait_for(lines)
        self.assertEqual(self.runs.stop(), 0, self.runs.text())
        self.assertEqual(sorted(record["line"] for record in self.box.records()), sorted(lines))
        return {record["line"]: record for record in self.box.records()}

    def test_lin_1_a_line_written_byte_by_byte_is_one_record(self):
        self.follow()
        for byte in b"one line that takes its time\n":
            self.append(bytes([byte]))
            time.sleep(0.1)  # the writer's pace, not a wait for anybody
        record = self.ends_with(["one line that takes its time"])
        self.assertNotIn("partial", record.popitem()[1])

    def test_lin_2_a_line_without_its_newline_waits(self):
        self.follow()
        self.append("first\nsecond")
        self.wait_for(["first"])
        self.assertEqual(self.box.lines(), ["first"])
        self.append("\n")
        self.ends_with(["first", "second"])

    def check_partial(self, leave):
        self.follow()
        self.append("whole\nnever finished")
        self.wait_for(["whole"])
        began = time.monotonic()
        leave()
        self.wait_for(["whole", "never finished"])
        self.assertGreater(time.monotonic() - began, 3, "its writer has a time of grace")
        records = self.ends_with(["whole", "never finished"])
        self.assertIs(records["never finished"]["partial"], True)
        self.assertNotIn("partial", records["whole"])
        # Nor does it come again.
        again = self.inbox()
        runs = self.agent(again.url, paths=self.logs / "a.log*")
        runs.wait_said("running")
        self.assertEqual(runs.stop(), 0, runs.text())
        self.assertEqual(again.lines(), [])

    def test_lin_3_the_unfinished_last_line_of_a_rotated_file_comes_once_and_marked(self):
        self.check_partial(lambda: self.path.rename(self.logs / "a.log.1"))

    def test_lin_3_the_unfinished_last_line_of_a_deleted_file_comes_once_and_marked(self):
        self.check_partial(lambda: self.path.unlink())

    def test_lin_4_an_unfinished_line_at_the_stop_is_whole_after_the_restart(self):
        self.follow()
        self.append("one\ntwo, unfin")
        self.wait_for(["one"])
        self.again()
        self.append("ished\nthree\n")
        self.ends_with(["one", "two, unfinished", "three"])

    def test_lin_5_carriage_returns_go_or_stay_as_configured(self):
        (self.logs / "a.log").write_bytes(b"one\r\n\r\ntwo\r\r\nth\rree\n")
        for choice, lines in (("strip", ["one", "", "two\r", "th\rree"]),
                              ("keep", ["one\r", "\r", "two\r\r", "th\rree"])):
            with self.subTest(choice):
                self.state = self.dir / f"state-{choice}"
                self.follow("-carriage-return", choice)
                self.ends_with(lines)

    def test_lin_6_a_million_empty_lines_are_records_and_then_it_rests(self):
        count = 100_000 if is_sanitized() else 1_000_000
        (self.logs / "a.log").write_bytes(b"\n" * count)
        receiver = self.receiver("--count")
        agent = self.agent_with_admin(receiver.url)
        self.wait_lines(receiver, count)
        wait_until(lambda: self.total(agent, "sluice_source_lag_bytes") == 0, "all is acknowledged")
        wait_until(lambda: self.reads_within_a_second(agent) == 0, "nobody looks any more")
        self.assertEqual(self.total(agent, "sluice_component_sent_events_total"), count)
        self.assertEqual(agent.stop(), 0, agent.text())

    def reads_within_a_second(self, agent):
        before = self.metrics(agent)
        until = before["sluice_uptime_seconds"] + 1
        wait_until(lambda: self.metrics(agent)["sluice_uptime_seconds"] > until, "a second passes")
        return self.total(agent, "sluice_reads_total") - sum(
            value for series, value in before.items() if series.startswith("sluice_reads_total"))

    def test_lin_7_a_line_of_the_bound_is_whole_and_longer_ones_come_in_marked_pieces(self):
        self.follow("-max-line", "4KiB", "-with-offset")
        sizes = [4095, 4096, 4097, 40960]
        text = "".join(chr(ord("a") + number) * size + "\n" for number, size in enumerate(sizes))
        self.append("before\n" + text + "after\n")
        wait_until(lambda: "after" in self.box.lines() and
                   sum(len(line) for line in self.box.lines()) == sum(sizes) + 11, "everything")
        self.assertEqual(self.runs.stop(), 0, self.runs.text())
        for number, size in enumerate(sizes):
            pieces = [record for record in self.box.records()
                      if record["line"].startswith(chr(ord("a") + number)) and
                      record["line"] not in ("before", "after")]
            self.assertEqual(sum(len(record["line"]) for record in pieces), size)
            self.assertEqual(len(pieces), -(-size // 4096))
            self.assertEqual({record.get("partial", False) for record in pieces}, {size > 4096})
            # Where each belongs, and so how long the whole was, the offsets tell.
            offsets = sorted(record["offset"] for record in pieces)
            self.assertEqual(offsets, [offsets[0] + 4096 * i for i in range(len(pieces))])

    def test_lin_8_a_line_without_end_holds_neither_memory_nor_other_files(self):
        # 10 GiB would take this machine an hour in the sanitized build; what is kept of a line does
        # not depend on its length once it is longer than max-line, so 48 times that will do.
        size = 48 << 20
        with open(self.logs / "endless.log", "wb") as out:
            for _ in range(size >> 20):
                out.write(b"0123456789abcdef" * (1 << 16))
        receiver = self.receiver("--count")
        agent = self.agent_with_admin(receiver.url)
        for number in range(20):
            (self.logs / f"other-{number}.log").write_text(f"line of {number}\n")
        # The last MiB may still be a whole line.
        pieces = (size >> 20) - 1
        wait_until(lambda: self.total(agent, "sluice_split_lines_total") >= pieces, "all pieces")
        self.wait_lines(receiver, 20 + pieces)
        if not is_sanitized():
            status = pathlib.Path(f"/proc/{agent.proc.pid}/status").read_text()
            peak = int(re.search(r"VmHWM:\s+(\d+) kB", status).group(1))
            self.assertLess(peak, 100 << 10, "the memory plan's limit and the program")
        with open(self.logs / "endless.log", "ab") as out:
            out.write(b"!\nnext\n")
        self.wait_lines(receiver, 20 + pieces + 3)
        self.assertEqual(agent.stop(), 0, agent.text())

    def test_lin_10_and_11_any_bytes_are_valid_json_and_neighbours_are_intact(self):
        self.follow()
        bad = [b"nul \x00 in it", b"lone \x80", b"overlong \xc0\xaf", b"surrogate \xed\xa0\x80",
               b"cut \xe2\x82", b"\xff\xfe\xfd"]
        self.append(b"before\n" + b"\n".join(bad) + b"\nafter \xe2\x82\xac\n")
        self.ends_with(["before", *(line.decode(errors="replace") for line in bad), "after €"])

    def test_lin_12_and_15_characters_over_block_edges_and_escapes_come_back(self):
        self.follow()
        wave = "\U0001f30a" * 70_000
        special = "".join(map(chr, [*range(10), 11, 12, *range(14, 128)])) + "\u2028\u2029 \\u0041"
        self.append(f"x{wave}\n{special}\nxyz{wave}\n")
        self.ends_with([f"x{wave}", special, f"xyz{wave}"])

    def test_lin_13_a_byte_order_mark_goes_at_the_beginning_alone(self):
        self.follow()
        self.append("\ufefffirst line of the file\n\ufeffsecond\n")
        self.wait_for([1, 2])
        self.path.write_text("\ufeffnew\nli\ufeffne\n")
        self.ends_with(["first line of the file", "\ufeffsecond", "new", "li\ufeffne"])

    def test_lin_14_utf_16_that_is_configured(self):
        for encoding, codec in (("utf-16le", "utf-16-le"), ("utf-16be", "utf-16-be")):
            with self.subTest(encoding):
                self.state = self.dir / f"state-{encoding}"
                for old in self.logs.iterdir():
                    old.unlink()
                self.follow("-encoding", encoding)
                text = "\ufefffirst\r\n\u0a0a\u0a00 日本 \U0001f30a\r\n\nlast, unfin"
                self.append(text.encode(codec))
                self.wait_for([1, 2, 3])
                self.again()
                self.append("ished\n".encode(codec))
                self.ends_with(["first", "\u0a0a\u0a00 日本 \U0001f30a", "", "last, unfinished"])

    def test_lin_14_utf_16_from_the_end_begins_with_a_whole_line(self):
        for encoding, codec in (("utf-16le", "utf-16-le"), ("utf-16be", "utf-16-be")):
            with self.subTest(encoding):
                self.state = self.dir / f"state-{encoding}"
                (self.logs / "a.log").write_bytes("old\nolder\n".encode(codec))
                self.follow("-encoding", encoding, "-from", "end")
                self.append("new\n".encode(codec))
                self.ends_with(["new"])

    def test_lin_14_utf_16_that_is_not_configured_is_valid_json_and_counted(self):
        inbox = self.inbox()
        agent = self.agent_with_admin(inbox.url)
        (self.logs / "a.log").write_bytes("\ufeffabc\ndef\n".encode("utf-16-le") + b"\nplain\n")
        wait_until(lambda: "plain" in inbox.lines(), "the text after it")
        self.assertGreaterEqual(self.total(agent, "sluice_invalid_utf8_replaced_total"), 2)
        self.assertEqual(agent.stop(), 0, agent.text())

    def test_lin_14_latin_1(self):
        self.follow("-encoding", "latin1")
        self.append(b"caf\xe9\r\n\xa4\n")
        self.ends_with(["café", "¤"])

    def check_parts(self, form, first, rest, expected):
        self.follow("-format", form, "-with-offset")
        self.append(first)
        wait_until(lambda: len(self.box.records()) >= 1, "what is whole")
        self.assertEqual(len(self.box.records()), 1)
        self.again()
        self.append(rest)
        records = self.ends_with(expected)
        for record in records.values():
            self.assertEqual(record["time"], TIME)
            self.assertIn(record["stream"], ("stdout", "stderr"))
            self.assertNotIn("partial", record)
        return records

    def test_lin_16_cri_parts_are_joined_across_a_restart(self):
        wave = "\U0001f30a".encode()
        first = cri("whole").encode() + cri("begun, ", "P").encode()
        rest = (TIME.encode() + b" stdout P cut " + wave[:2] + b"\n" + cri("error", stream="stderr")
                .encode() + TIME.encode() + b" stdout F " + wave[2:] + b" done\n")
        records = self.check_parts("cri", first, rest,
                                   ["whole", "error", "begun, cut \U0001f30a done"])
        self.assertEqual(records["error"]["stream"], "stderr")

    def test_lin_16_docker_parts_are_joined_across_a_restart(self):
        self.check_parts("docker", docker("whole <&> \"quoted\"\n") + docker("begun, "),
                         docker("on \U0001f30a, ") + docker("error\n", "stderr") +
                         docker("done\r\n"),
                         ["whole <&> \"quoted\"", "error", "begun, on \U0001f30a, done"])

    def test_lin_16_long_container_lines_written_at_speed_arrive_whole_over_kills(self):
        self.follow("-format", "cri", "-checkpoint-interval", "100ms")
        expected = []

        def write():
            for number in range(300):
                text = f"{number:05} " + "x" * (number * 331 % 40_000)
                expected.append(text)
                for begin in range(0, len(text), 16_384):
                    part = text[begin:begin + 16_384]
                    self.append(cri(part, "F" if begin + 16_384 >= len(text) else "P"))
        writer = threading.Thread(target=write)
        writer.start()
        for count in (50, 150):
            wait_until(lambda count=count: len(self.box.records()) >= count, f"{count} records")
            self.runs.stop(9)
            self.runs = self.agent(self.box.url, *self.flags)
        writer.join()
        wait_until(lambda: len(set(self.box.lines())) == len(expected), "every record")
        self.assertEqual(self.runs.stop(), 0, self.runs.text())
        self.assertEqual(sorted(set(self.box.lines())), sorted(expected))

    def test_lin_16_a_form_that_makes_no_sense_is_refused_with_a_reason(self):
        text = self.ends(78, "check", "-format", "cri", "-encoding", "utf-16le")
        self.assertRegex(text, "container logs.*always utf-8")

    def test_lin_17_a_compressed_file_is_not_read_as_text_and_said_once(self):
        one = gzip.compress(b"packed\n" * 1000)
        self.follow(name="plain.log", paths=self.logs / "*")
        (self.logs / "one.gz").write_bytes(one)
        (self.logs / "three.gz").write_bytes(one * 3)
        # As gzip itself does: the file is there before its content.
        with open(self.logs / "later.gz", "wb") as out:
            wait_until(lambda: self.runs.said("one.gz"), "the first is refused")
            out.write(one)
        self.append("text\n")
        wait_until(lambda: self.runs.said("later.gz") and self.runs.said("three.gz"), "the others")
        self.ends_with(["text"])
        for name in ("one.gz", "three.gz", "later.gz"):
            said = [line for line in self.runs.lines if name in line]
            self.assertEqual(len(said), 1, self.runs.text())
            self.assertIn("compressed, not text; skipped", said[0])

    def test_lin_17_a_compressed_file_is_counted_and_no_lag(self):
        inbox = self.inbox()
        agent = self.agent_with_admin(inbox.url, paths=self.logs / "*")
        (self.logs / "old.gz").write_bytes(gzip.compress(os.urandom(100_000)))
        agent.wait_said("compressed, not text")
        wait_until(lambda: self.total(agent, "sluice_files_skipped_total") == 1, "it is counted")
        wait_until(lambda: self.total(agent, "sluice_source_lag_bytes") == 0, "nobody waits for it")
        self.assertEqual(agent.stop(), 0, agent.text())
        self.assertEqual(inbox.lines(), [])


if __name__ == "__main__":
    unittest.main()
