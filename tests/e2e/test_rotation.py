"""Rotation, truncation and deletion, by logrotate itself and by hand."""
import functools
import os
import shutil
import signal
import subprocess
import sys

from world import PATIENCE_S, World, wait_until

# A daemon: appends numbered lines, reopens its file on SIGHUP, says how many lines are on disk.
WRITER = """
import os, signal, sys
path, count, pause = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
reopen = [True]
signal.signal(signal.SIGHUP, lambda *_: reopen.append(True))
out = None
for number in range(count):
    if reopen:
        reopen.clear()
        if out is not None: os.close(out)
        out = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.write(out, b"line %07d of the writer\\n" % number)
    if number % 50 == 49:
        os.fsync(out)
        print(number + 1, flush=True)
        signal.sigtimedwait([], pause)
"""


class Logrotate(World):
    def writer(self, count, pause):
        process = subprocess.Popen([sys.executable, "-c", WRITER, str(self.logs / "app.log"),
                                    str(count), str(pause)], stdout=subprocess.PIPE, text=True)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def rotate(self, rules):
        config = self.dir / "logrotate.conf"
        config.write_text(f"{self.logs}/app.log {{\n  su {self.owner()}\n  rotate 100\n"
                          f"  missingok\n{rules}}}\n")
        config.chmod(0o644)
        logrotate = shutil.which("logrotate", path=os.environ["PATH"] + ":/usr/sbin")
        self.assertIsNotNone(logrotate, "scripts/setup test installs logrotate")
        done = subprocess.run([logrotate, "-f", "-s", self.dir / "logrotate.state", config],
                              capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)

    @staticmethod
    def owner():
        import grp
        import pwd
        return f"{pwd.getpwuid(os.geteuid()).pw_name} {grp.getgrgid(os.getegid()).gr_name}"

    def rotate_under_load(self, rules, paths=None, turns=5, count=4000):
        inbox = self.inbox()
        agent = self.agent(inbox.url, paths=paths)
        agent.wait_said("running")
        writer = self.writer(count, 0.02)
        for turn in range(turns):
            for _ in range(count // 50 // (turns + 1)):
                writer.stdout.readline()
            self.rotate(rules.replace("PID", str(writer.pid)))
        writer.stdout.read()
        self.assertEqual(writer.wait(), 0)
        wait_until(lambda: len(inbox.records()) >= count, "every line")
        self.assertEqual(agent.stop(), 0, agent.text())
        self.assertEqual(inbox.lines(), [f"line {number:07} of the writer"
                                         for number in range(count)])
        return agent

    def test_rot_1_create_and_hup(self):
        self.rotate_under_load("  create\n  postrotate\n    kill -HUP PID\n  endscript\n")

    def test_rot_2_create_without_hup_leaves_the_writer_in_the_old_file(self):
        self.rotate_under_load("  create\n", turns=2)

    def test_compress_delayed_with_dates_and_a_pattern_that_takes_the_old_ones_too(self):
        self.rotate_under_load("  create\n  compress\n  delaycompress\n  dateext\n"
                               "  dateformat -%Y%m%d-%s\n  postrotate\n    kill -HUP PID\n"
                               "  endscript\n",
                               paths=f"{self.logs}/app.log*,{self.logs}/app-*", turns=1)

    def test_rot_4_numbers_that_a_pattern_takes_too(self):
        self.rotate_under_load("  create\n  postrotate\n    kill -HUP PID\n  endscript\n",
                               paths=self.logs / "app.log*")

    def test_an_old_directory(self):
        (self.logs / "old").mkdir()
        self.rotate_under_load("  create\n  olddir old\n  postrotate\n    kill -HUP PID\n"
                               "  endscript\n", paths=self.logs / "**/app.log*")

    def test_rot_5_copytruncate_loses_nothing_that_was_read_before(self):
        inbox = self.inbox()
        agent = self.agent(inbox.url)
        expected = []
        for turn in range(4):
            with open(self.logs / "app.log", "a") as out:
                for number in range(100 + 50 * turn):  # longer than the one before
                    out.write(f"turn {turn} line {number:04}\n")
                    expected.append(f"turn {turn} line {number:04}")
            wait_until(lambda: len(inbox.records()) >= len(expected), f"turn {turn}")
            self.rotate("  copytruncate\n")
        self.assertEqual(agent.stop(), 0, agent.text())
        self.assertEqual(inbox.lines(), sorted(expected))


    def far_behind(self, rules, paths=None, lines=100_000, meanwhile="running"):
        """Copied and truncated by logrotate while the destination is away and most is unread."""
        inbox = self.inbox()
        start = functools.partial(self.agent_with_admin, inbox.url, "--memory", "24MiB",
                                  paths=paths)
        agent = start()
        log = self.logs / "app.log"
        log.write_text("first\n")
        wait_until(lambda: inbox.lines() == ["first"], "the first line")
        # Of what no row speaks nobody knows after a kill: the file was empty when it was found.
        wait_until(lambda: self.total(agent, "sluice_checkpoints_total") >= 2, "its position")
        if meanwhile == "down":
            self.assertEqual(agent.stop(), 0, agent.text())
        inbox.status = 503
        expected = ["first"] + [f"line {number:07} " + "x" * 90 for number in range(lines)]
        with open(log, "a") as out:
            out.write("\n".join(expected[1:]) + "\n")
        self.rotate(rules)
        with open(log, "a") as out:
            out.write("of the new content\n")
        if meanwhile == "killed":
            agent.stop(signal.SIGKILL)
        if meanwhile != "running":
            agent = start()
        inbox.status = 200
        wait_until(lambda: len(inbox.records()) > len(expected), "the rest and the new line")
        self.assertEqual(self.total(agent, "sluice_source_missed_bytes_total"), 0)
        self.assertEqual(agent.stop(), 0, agent.text())
        lines = inbox.lines()
        if meanwhile == "killed":  # its position may not have been stored yet
            self.assertLessEqual(lines.count("first"), 2)
            lines = ["first"] + [line for line in lines if line != "first"]
        self.assertEqual(lines, sorted(expected + ["of the new content"]))

    def test_rot_6_the_unread_rest_is_read_from_the_copy(self):
        self.far_behind("  copytruncate\n", lines=500_000)  # 54 MB

    def test_rot_6_by_an_agent_that_was_killed_in_between(self):
        self.far_behind("  copytruncate\n", meanwhile="killed")

    def test_rot_6_by_an_agent_that_was_down(self):
        self.far_behind("  copytruncate\n", meanwhile="down")

    def test_rot_6_and_8_also_if_a_pattern_wants_the_copy(self):
        for meanwhile in ("running", "killed", "down"):
            with self.subTest(meanwhile):
                self.far_behind("  copytruncate\n  dateext\n  dateformat -%Y%m%d-%s\n",
                                paths=self.logs / "app.log*", meanwhile=meanwhile)
                self.clear()

    def test_rot_6_the_copy_lies_in_the_old_directory(self):
        for meanwhile in ("running", "killed", "down"):
            with self.subTest(meanwhile):
                (self.logs / "old").mkdir()
                self.far_behind("  copytruncate\n  olddir old\n  dateext\n", meanwhile=meanwhile)
                self.clear()

    def test_rot_6_the_copy_was_compressed_at_once(self):
        for meanwhile in ("running", "killed", "down"):
            with self.subTest(meanwhile):
                self.far_behind("  copytruncate\n  compress\n", meanwhile=meanwhile)
                self.clear()

    def clear(self):
        shutil.rmtree(self.logs)
        shutil.rmtree(self.state)
        self.logs.mkdir()

    def test_rot_7_what_no_copy_holds_is_counted_to_the_byte(self):
        inbox = self.inbox()
        agent = self.agent_with_admin(inbox.url, "--memory", "24MiB")
        log = self.logs / "app.log"
        log.write_text("first\n")
        wait_until(lambda: inbox.lines() == ["first"], "the first line")
        inbox.status = 503
        with open(log, "a") as out:
            out.writelines(f"line {number:07} " + "x" * 90 + "\n" for number in range(500_000))
        wait_until(lambda: self.total(agent, "sluice_source_lag_bytes") > 51_000_000, "it sees them all")
        self.rotate("  rotate 0\n  copytruncate\n")  # and the copy is removed
        with open(log, "a") as out:
            out.write("of the new content\n")
        wait_until(lambda: self.total(agent, "sluice_source_missed_bytes_total") > 0, "counted")
        inbox.status = 200
        missed = self.total(agent, "sluice_source_missed_bytes_total")
        wait_until(lambda: len(inbox.records()) >= 500_002 - missed / 104, "what was read")
        self.assertEqual(agent.stop(), 0, agent.text())
        self.assertEqual(len(inbox.records()), 500_002 - missed / 104)
        self.assertEqual(len(set(inbox.lines())), len(inbox.records()))

    def test_rot_8_a_copy_that_is_seen_before_the_truncation(self):
        inbox = self.inbox()
        agent = self.agent(inbox.url, paths=self.logs / "*.log*")
        log = self.logs / "app.log"
        expected = [f"line {number:04}" for number in range(1000)]
        log.write_text("\n".join(expected) + "\n")
        wait_until(lambda: inbox.lines() == expected, "all lines")
        self.rotate("  copy\n")
        (self.logs / "b.log").write_text("later\n")
        wait_until(lambda: "later" in inbox.lines(), "the copy was there before this file")
        os.truncate(log, 0)
        with open(log, "a") as out:
            out.write("new\n")
        wait_until(lambda: "new" in inbox.lines(), "the new content")
        self.assertEqual(agent.stop(), 0, agent.text())
        self.assertEqual(inbox.lines(), sorted(expected + ["later", "new"]))


class ByHand(World):
    def start_with(self, text, *flags, **others):
        (self.logs / "a.log").write_text(text)
        self.box = self.inbox()
        self.runs = self.agent(self.box.url, *flags, **others)
        self.wait_for(text.split("\n")[:-1])

    def wait_for(self, lines):
        wait_until(lambda: self.box.lines() == sorted(lines), f"{len(lines)} lines: {lines[:9]}")

    def stop_clean(self, lines):
        self.assertEqual(self.runs.stop(), 0, self.runs.text())
        self.assertEqual(self.box.lines(), sorted(lines))

    def append(self, text, name="a.log"):
        with open(self.logs / name, "a") as out:
            out.write(text)

    def test_tru_1_truncated_to_nothing_and_written_again(self):
        self.start_with("one\ntwo\nthree\n")
        os.truncate(self.logs / "a.log", 0)
        self.append("x\n")
        self.wait_for(["one", "two", "three", "x"])
        self.append("y\n")
        self.stop_after(["one", "two", "three", "x", "y"])

    def stop_after(self, lines):
        self.wait_for(lines)
        self.stop_clean(lines)

    def test_rot_9_overwritten_with_shorter_and_with_longer_content(self):
        self.start_with("first content, line one\nfirst content, line two\n")
        (self.logs / "a.log").write_text("shorter\n")
        first = ["first content, line one", "first content, line two", "shorter"]
        self.wait_for(first)
        # Past the old position before anybody looks: same length and more, other bytes.
        longer = [f"regrown {number}" for number in range(100)]
        (self.logs / "a.log").write_text("\n".join(longer) + "\n")
        self.stop_after(first + longer)

    def test_rot_9_regrown_past_the_old_position_while_the_agent_is_away(self):
        self.start_with("old one\nold two\n")
        self.stop_clean(["old one", "old two"])
        (self.logs / "a.log").write_text("new one\nnew two\nnew three\n")
        self.runs = self.agent(self.box.url)
        self.stop_after(["old one", "old two", "new one", "new two", "new three"])

    def test_del_2_deleted_and_made_again_under_the_same_name(self):
        self.start_with("0\n")
        lines = ["0"]
        for turn in range(1, 6):
            self.append(f"{turn} last of the old\n")
            (self.logs / "a.log").unlink()
            (self.logs / "a.log").write_text(f"{turn} first of the new\n")
            lines += [f"{turn} last of the old", f"{turn} first of the new"]
            self.wait_for(lines)
        self.stop_clean(lines)

    def test_del_1_rot_15_deleted_with_unread_content_while_the_destination_is_away(self):
        self.start_with("first\n", "-retry-max-delay", "200ms", "-memory", "48MiB")
        self.box.status = 503
        count = 100_000
        text = "".join(f"written while it is away {number:06}\n" for number in range(count))
        self.append(text)
        wait_until(lambda: self.box.refused > 2, "it is refused")
        (self.logs / "a.log").unlink()
        self.append("again\n")
        wait_until(lambda: self.box.refused > 6, "some time passes")
        self.box.status = 200
        wait_until(lambda: len(self.box.records()) >= count + 2, "everything")
        self.stop_clean(["first", "again", *text.splitlines()])

    def test_del_3_a_deleted_file_is_let_go_when_it_is_delivered(self):
        self.start_with("first\n")
        (self.logs / "a.log").unlink()
        directory = f"/proc/{self.runs.proc.pid}/fd"

        def held():
            links = []
            for name in os.listdir(directory):
                try:
                    links.append(os.readlink(f"{directory}/{name}"))
                except FileNotFoundError:
                    pass
            return any("a.log" in link for link in links)
        wait_until(lambda: not held(), "its descriptor is closed")
        self.stop_clean(["first"])

    def check_partial(self, name, paths):
        self.start_with("whole\n", paths=paths)
        self.append("unfinished")
        (self.logs / "a.log").rename(self.logs / name)
        (self.logs / "a.log").write_text("new\nalive")
        self.wait_for(["whole", "new", "unfinished"])
        marks = {record["line"]: record.get("partial", False) for record in self.box.records()}
        self.assertEqual(marks, {"whole": False, "new": False, "unfinished": True})
        self.append(" and well\n")
        self.stop_after(["whole", "new", "unfinished", "alive and well"])

    def test_lin_3_the_unfinished_last_line_of_a_rotated_file_comes_marked(self):
        self.check_partial("a.log.1", self.logs / "*.log")

    def test_the_same_if_the_new_name_matches_as_well(self):
        self.check_partial("a.log.1", self.logs / "a.log*")

    def test_rot_12_rotated_many_times_while_the_agent_is_away(self):
        self.start_with("0\n", paths=self.logs / "a.log*")
        self.stop_clean(["0"])
        lines = ["0"]
        for turn in range(1, 6):
            self.append(f"{turn} before\n")
            for old in range(turn, 0, -1):
                name = "a.log" if old == 1 else f"a.log.{old - 1}"
                (self.logs / name).rename(self.logs / f"a.log.{old}")
            (self.logs / "a.log").write_text(f"{turn} after\n")
            lines += [f"{turn} before", f"{turn} after"]
        self.runs = self.agent(self.box.url, paths=self.logs / "a.log*")
        self.stop_after(lines)

    def test_rotated_while_the_agent_is_away_to_a_name_that_nobody_asked_for(self):
        self.start_with("0\n")
        self.stop_clean(["0"])
        self.append("before\n")
        (self.logs / "a.log").rename(self.logs / "a.log.1")
        (self.logs / "a.log").write_text("after\n")
        self.runs = self.agent(self.box.url)
        self.stop_after(["0", "before", "after"])
