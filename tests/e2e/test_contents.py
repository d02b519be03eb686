"""What befalls the content of a file: it is cut, it has a hole, it was packed into an archive."""
import gzip
import os
import signal
import subprocess

from test_audit import AuditWorld
from test_many_files import memory_peak_kib
from world import World, is_sanitized, wait_until


class Cut(World):
    def cut_to(self, keep, more, down):
        log = self.logs / "a.log"
        lines = [f"before the cut {i:05}" for i in range(1000)]
        text = "".join(line + "\n" for line in lines)
        log.write_text(text)
        box = self.inbox()
        agent = self.agent(box.url)
        wait_until(lambda: len(box.records()) == 1000, "the lines before the cut")
        if down:
            self.assertEqual(agent.stop(), 0, agent.text())
        os.truncate(log, keep)
        with open(log, "a") as out:
            out.write(more)
        if down:
            agent = self.agent(box.url)
        after = text[:keep].split("\n")[-1] + more.split("\n")[0]
        wait_until(lambda: after in box.lines(), "the line behind the cut")
        self.assertEqual(agent.stop(), 0, agent.text())
        received = box.lines()
        self.assertEqual(set(received), {*lines, after}, "nothing lost, nothing made up")
        twice = sum(len(line) + 1 for line in received) - sum(len(x) + 1 for x in set(received))
        self.assertLessEqual(twice, keep, "what was kept comes once more at most")

    def test_tru_3_truncated_to_a_part_what_was_kept_comes_at_most_once_more(self):
        self.cut_to(21 * 400, "behind the cut\n", down=False)

    def test_tru_3_truncated_inside_a_line_while_the_agent_is_down(self):
        self.cut_to(21 * 400 + 11, " another end\n", down=True)


class Hole(AuditWorld):
    """A writer that does not append goes on at its old offset after a truncation."""

    def test_rot_10_a_hole_of_a_gibibyte_is_passed_over(self):
        gib = 1 << 30
        box = self.inbox()
        agent = self.agent_with_admin(box.url)
        lines = [f"line {i:06} before" for i in range(2000)]
        with open(self.logs / "a.log", "wb", buffering=0) as out:
            out.write("".join(line + "\n" for line in lines).encode())
            wait_until(lambda: len(box.records()) == 2000, "the lines before")
            os.truncate(self.logs / "a.log", 0)
            out.seek(gib + 1234)
            after = [f"line {i:06} after" for i in range(2000)]
            out.write("".join(line + "\n" for line in after[:1000]).encode())
            wait_until(lambda: len(box.records()) >= 3000, "the lines behind the hole")
            self.assertEqual(self.total(agent, "sluice_hole_bytes_total"), gib + 1234)
            if not is_sanitized():
                self.assertLess(memory_peak_kib(agent.proc.pid), 200 << 10)
            code, report = self.audit(agent)
            self.assertEqual(self.line(report, "a.log", 1)["skipped"], gib + 1234, report)
            self.assertEqual(agent.stop(signal.SIGKILL), -signal.SIGKILL)
            out.write("".join(line + "\n" for line in after[1000:]).encode())
            agent = self.agent(box.url)
            wait_until(lambda: set(box.lines()) == {*lines, *after}, "the rest")
        self.assertEqual(agent.stop(), 0, agent.text())
        self.assertEqual(set(box.lines()), {*lines, *after}, "no record of NUL bytes")
        size = os.stat(self.logs / "a.log").st_size
        first = next(r for r in box.records() if r["line"] == after[0])
        self.assertEqual(first.get("offset", gib + 1234), gib + 1234)
        code, report = self.audit()
        self.assertEqual((code, report["verdict"]), (0, "complete"), report)
        self.assertEqual(self.line(report, "a.log", 1)["size"], size)


class Packed(AuditWorld):
    """A followed file is rotated and compressed before it was read to its end."""

    def lines(self, first, count):
        return [f"line {i:07} of a log that is packed" for i in range(first, first + count)]

    def text(self, lines):
        return "".join(line + "\n" for line in lines).encode()

    def pack(self, *command, rotated="a.log.1"):
        """As logrotate does: the archive is whole before the plain file goes."""
        subprocess.run([*command, self.logs / rotated], check=True, capture_output=True)

    def begin(self, lines=1000):
        """An agent that delivered the first lines and was stopped."""
        self.log = self.logs / "a.log"
        self.written = self.lines(0, lines)
        self.log.write_bytes(self.text(self.written))
        self.box = self.inbox()
        agent = self.agent(self.box.url)
        self.wait_all()
        self.assertEqual(agent.stop(), 0, agent.text())

    def add(self, count, path=None):
        more = self.lines(len(self.written), count)
        with open(path or self.log, "ab") as out:
            out.write(self.text(more))
        self.written += more

    def wait_all(self):
        wait_until(lambda: len(self.box.records()) >= len(self.written), "all lines")

    def end_complete(self, agent):
        self.wait_all()
        self.assertEqual(agent.stop(), 0, agent.text())
        self.assertEqual(self.box.lines(), self.written)
        code, report = self.audit()
        self.assertEqual((code, report["verdict"]), (0, "complete"), report)
        return report

    def packed_while_down(self, *command):
        self.begin()
        self.add(5000)
        self.log.rename(self.logs / "a.log.1")
        self.pack(*command)
        self.add(10)  # of the next file
        code, report = self.audit()
        self.assertEqual(code, 0, "nothing is missing: it lies in the archive")
        self.assertIn(".1.", report["lines"][-1].get("present_name", ""), report)
        agent = self.agent_with_admin(self.box.url)
        self.wait_all()
        wait_until(lambda: self.total(agent, "sluice_archives_read_total") == 1, "read to its end")
        report = self.end_complete(agent)
        old = [line for line in report["lines"] if line["acked"] > 1000]
        self.assertEqual(old[0]["acked"], len(self.text(self.written[:6000])), report)

    def test_rot_13_gzipped_while_down(self):
        self.packed_while_down("gzip")

    def test_rot_13_packed_with_zstd_while_down(self):
        self.packed_while_down("zstd", "--rm", "-q", "-19")

    def test_rot_13_in_several_members_and_far_larger_than_what_is_unpacked_ahead(self):
        self.begin()
        self.add(1_500_000)  # 57 MiB
        text = self.log.read_bytes()
        third = len(text) // 3
        with open(self.logs / "a.log.1.gz", "wb") as out:
            for at in range(0, len(text), third):
                out.write(gzip.compress(text[at:at + third], 1))
        self.log.unlink()
        agent = self.agent_with_admin(self.box.url)
        wait_until(lambda: len(self.box.records()) > 10_000, "it begins")
        self.assertEqual(agent.stop(signal.SIGKILL), -signal.SIGKILL)
        agent = self.agent_with_admin(self.box.url)  # goes on in the middle of the archive
        self.wait_all()
        wait_until(lambda: self.total(agent, "sluice_archives_read_total") == 1, "read to its end")
        self.assertEqual(agent.stop(), 0, agent.text())
        received = self.box.lines()
        self.assertEqual(sorted(set(received)), self.written)
        twice = len(received) - len(self.written)
        self.assertLess(twice * 38, 16 << 20, "the kill repeats what was in flight")

    def test_rot_13_packed_while_the_agent_reads_the_file_by_its_descriptor(self):
        self.log = self.logs / "a.log"
        self.written = self.lines(0, 3000)
        self.log.write_bytes(self.text(self.written))
        self.box = self.inbox()
        self.box.status = 503
        agent = self.agent_with_admin(self.box.url, paths=self.logs / "a.log*")
        wait_until(lambda: self.box.refused > 0, "the file is open")
        self.log.rename(self.logs / "a.log.1")
        self.add(500, self.logs / "a.log.1")
        self.pack("gzip")
        self.box.status = 200
        self.end_complete(agent)

    def test_rot_13_a_damaged_archive_gives_what_it_has_and_the_rest_is_counted(self):
        self.begin()
        self.add(4000)
        self.box.status = 503
        agent = self.agent(self.box.url, "-shutdown-timeout", "1s")  # sees how large it is
        wait_until(lambda: self.box.refused > 0, "refused")
        agent.stop()
        self.box.status = 200
        text = self.log.read_bytes()
        packed = gzip.compress(text)
        (self.logs / "a.log.1.gz").write_bytes(packed[:len(packed) * 9 // 10])
        self.log.unlink()
        agent = self.agent_with_admin(self.box.url)
        agent.wait_said("does not decode to its end")
        wait_until(lambda: self.total(agent, "sluice_source_missed_bytes_total") > 0, "counted")
        missed = self.total(agent, "sluice_source_missed_bytes_total")
        self.assertEqual(self.total(agent, "sluice_archives_damaged_total"), 1)
        self.assertEqual(agent.stop(), 0, agent.text())
        records = self.box.records()
        got = self.text([r["line"] for r in records])
        self.assertEqual(text[:len(got) - 1], got[:-1], "in order, nothing made up")
        partial = 1 if records[-1].get("partial") else 0
        self.assertEqual(missed, len(text) - len(got) + partial)
        code, report = self.audit()
        self.assertEqual((code, report["verdict"]), (1, "missing"), report)

    def test_rot_13_an_archive_of_another_file_is_left_alone(self):
        self.begin()
        self.add(100)
        self.log.rename(self.dir / "taken away")
        other = [f"other {i}" for i in range(5000)]
        (self.logs / "a.log.1.gz").write_bytes(gzip.compress(self.text(other)))
        agent = self.agent_with_admin(self.box.url)
        agent.wait_said("is gone")
        self.assertEqual(agent.stop(), 0, agent.text())
        self.assertEqual(self.box.lines(), self.written[:1000])
