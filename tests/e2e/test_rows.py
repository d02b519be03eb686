"""Rows of docs/scenarios.md that need nothing but files, a destination and the shipped binary."""
import mmap
import os
import pathlib
import shutil
import signal
import subprocess
import unittest

from world import PATIENCE_S, SLACK_S, SLUICE, World, wait_until

NOBODY = 65534


class Rows(World):
    def setUp(self):
        super().setUp()
        self.box = self.inbox()

    def follow(self, *flags, **others):
        self.runs = self.agent(self.box.url, *flags, **others)
        self.runs.wait_said("running")
        return self.runs

    def append(self, text, name="a.log"):
        with open(self.logs / name, "a", encoding="utf-8") as out:
            out.write(text)

    def wait_for(self, lines, timeout=PATIENCE_S):
        wait_until(lambda: self.box.lines() == sorted(lines),
                   f"{len(lines)} lines, here are {len(self.box.lines())}", timeout)

    def stop(self):
        self.assertEqual(self.runs.stop(), 0, self.runs.text())

    def stop_after(self, lines):
        """After these lines, each exactly once, and a clean stop."""
        self.wait_for(lines)
        self.stop()
        self.assertEqual(self.box.lines(), sorted(lines))


class Discovery(Rows):
    def test_dsc_2_from_end_skips_what_is_there_and_reads_new_files_from_their_beginning(self):
        self.append("old one\nold two\n")
        self.follow("-from", "end")
        self.append("new line\n")
        self.append("first of a new file\n", "b.log")
        self.stop_after(["new line", "first of a new file"])

    def test_dsc_3_a_checkpoint_wins_over_from_end(self):
        self.append("old\n")
        self.follow("-from", "end")
        self.append("one\n")
        self.stop_after(["one"])
        self.append("while it was away\n")
        self.follow("-from", "end")
        self.stop_after(["one", "while it was away"])

    def test_dsc_4_a_file_of_two_bytes_arrives_within_two_seconds(self):
        self.follow()
        self.append("a\n")
        self.wait_for(["a"], timeout=2 + SLACK_S)
        self.stop_after(["a"])

    def test_dsc_5_two_files_with_the_same_first_four_kib_are_two_files(self):
        banner = "".join(f"banner {number:03}\n" for number in range(400))
        self.assertGreater(len(banner), 4096)
        self.append(banner + "only in a\n")
        self.append(banner + "only in b\n", "b.log")
        self.follow()
        expected = 2 * banner.splitlines() + ["only in a", "only in b"]
        self.stop_after(expected)
        paths = {record["line"]: record["path"].rsplit("/", 1)[-1] for record in self.box.records()}
        self.assertEqual(paths["only in a"], "a.log")
        self.assertEqual(paths["only in b"], "b.log")

    def test_dsc_8_an_overflow_of_notifications_is_counted_and_nothing_is_missed(self):
        agent = self.agent_with_admin(self.box.url, "-reconcile-interval", "1h")
        events_max = int(pathlib.Path("/proc/sys/fs/inotify/max_queued_events").read_text())
        agent.proc.send_signal(signal.SIGSTOP)
        for number in range(events_max // 2 + 100):  # a name comes and goes: two events or more
            path = self.logs / f"{number}.tmp"
            path.touch()
            path.unlink()
        self.append("after the overflow\n")
        agent.proc.send_signal(signal.SIGCONT)
        self.wait_for(["after the overflow"])
        self.assertGreaterEqual(self.total(agent, "sluice_notification_overflows_total"), 1)
        self.assertEqual(agent.stop(), 0, agent.text())

    def test_dsc_9_directories_beyond_the_watch_limit_are_compared_periodically(self):
        limited = ("unshare", "--user", "--map-root-user", "sh", "-c",
                   'echo 2 > /proc/sys/user/max_inotify_watches && exec "$0" "$@"', SLUICE)
        if subprocess.run([*limited[:5], 'echo 2 > /proc/sys/user/max_inotify_watches'],
                          capture_output=True, check=False).returncode != 0:
            self.skipTest("no user namespaces with limits of their own here")
        for name in "abcdef":
            (self.logs / name).mkdir()
        agent = self.agent_with_admin(self.box.url, "-reconcile-interval", "500ms",
                                      paths=self.logs / "*/x.log", command=limited)
        for name in "abcdef":
            self.append(f"in {name}\n", f"{name}/x.log")
        self.wait_for([f"in {name}" for name in "abcdef"])
        self.assertGreaterEqual(self.total(agent, "sluice_watch_failures_total"), 1)
        self.assertEqual(agent.stop(), 0, agent.text())

    def test_dsc_15_a_writer_that_maps_its_file_is_followed(self):
        self.follow("-reconcile-interval", "500ms")
        lines = [f"mapped line {number}" for number in range(20)]
        size = 0
        with open(self.logs / "a.log", "w+b") as out:
            for number, line in enumerate(lines):
                data = line.encode() + b"\n"
                out.truncate(size + len(data))
                with mmap.mmap(out.fileno(), size + len(data)) as memory:
                    memory[size:] = data
                size += len(data)
                if number % 5 == 4:
                    self.wait_for(lines[:number + 1])
        self.stop_after(lines)


class Rotation(Rows):
    def test_rot_3_the_new_file_may_come_much_later(self):
        self.append("one\n")
        self.follow()
        self.wait_for(["one"])
        (self.logs / "a.log").rename(self.logs / "a.log.1")
        self.append("late in the old file\n", "a.log.1")
        self.wait_for(["one", "late in the old file"])
        self.append("first of the new\n")
        self.stop_after(["one", "late in the old file", "first of the new"])

    def test_rot_14_rotated_during_an_outage(self):
        self.box.status = 503
        self.append("one\n")
        self.follow("-retry-max-delay", "200ms")
        wait_until(lambda: self.box.refused > 1, "it is refused")
        expected = ["one"]
        for turn in range(3):
            (self.logs / "a.log").rename(self.logs / f"a.log.{3 - turn}")
            self.append(f"turn {turn}\n")
            expected.append(f"turn {turn}")
            refused = self.box.refused
            wait_until(lambda: self.box.refused > refused, "the outage goes on")
        self.box.status = 200
        self.stop_after(expected)

    def replaced_while_down(self, banner):
        """Another file with the inode number of the one that was followed, and longer than it."""
        self.append(banner + "old one\nold two\n")
        self.follow()
        expected = banner.splitlines() + ["old one", "old two"]
        self.stop_after(expected)
        inode = (self.logs / "a.log").stat().st_ino
        (self.logs / "a.log").unlink()
        # Some file systems give the number away at once, others never: then the row cannot happen.
        for attempt in range(200):
            candidate = self.logs / f"candidate.{attempt}"
            candidate.touch()
            if candidate.stat().st_ino == inode:
                break
        else:
            self.skipTest("this file system does not use inode numbers again")
        new = banner + "".join(f"new line {number}\n" for number in range(100))
        candidate.write_text(new)
        candidate.rename(self.logs / "a.log")
        self.follow()
        self.stop_after(expected + new.splitlines())

    def test_rot_17_an_inode_used_again_while_down_is_read_from_its_beginning(self):
        self.replaced_while_down("")

    def test_rot_18_the_same_with_the_same_first_kibibyte(self):
        self.replaced_while_down("".join(f"the same banner {number:03}\n" for number in range(60)))

    def test_rot_21_moved_to_another_directory_and_another_file_system(self):
        self.append("one\n")
        self.follow()
        self.wait_for(["one"])
        (self.dir / "elsewhere").mkdir()
        (self.logs / "a.log").rename(self.dir / "elsewhere" / "a.log")
        with open(self.dir / "elsewhere" / "a.log", "a", encoding="ascii") as out:
            out.write("after the move\n")
        self.wait_for(["one", "after the move"])
        self.append("b one\n", "b.log")
        self.wait_for(["one", "after the move", "b one"])
        # logrotate's renamecopy: what another file system gets is a copy, the original goes.
        with open(self.logs / "b.log", "a", encoding="ascii") as writer:
            writer.write("b two\n")
            writer.flush()
            shutil.copy(self.logs / "b.log", "/dev/shm/")
            self.addCleanup(os.unlink, "/dev/shm/b.log")
            (self.logs / "b.log").unlink()
            writer.write("b three, by a writer that has it open\n")
        self.stop_after(["one", "after the move", "b one", "b two",
                         "b three, by a writer that has it open"])

    def test_rot_24_a_rotation_that_stops_half_way(self):
        self.append("one\n")
        self.follow()
        self.wait_for(["one"])
        with open(self.logs / "a.log", "a", encoding="ascii", buffering=1) as writer:
            (self.logs / "a.log").rename(self.logs / "a.log.1")
            for number in range(5):
                writer.write(f"still to the old one {number}\n")
        self.stop_after(["one"] + [f"still to the old one {number}" for number in range(5)])

    def test_rot_25_a_thousand_files_in_one_run_of_logrotate(self):
        logrotate = shutil.which("logrotate", path=os.environ["PATH"] + ":/usr/sbin")
        self.assertIsNotNone(logrotate, "scripts/setup test installs logrotate")
        names = [f"{number:04}.log" for number in range(1000)]
        for name in names:
            self.append(f"{name} before\n", name)
        self.follow()
        wait_until(lambda: len(self.box.records()) >= 1000, "the first lines")
        for name in names:
            self.append(f"{name} last\n", name)
        config = self.dir / "logrotate.conf"
        config.write_text(f"{self.logs}/*.log {{\n  su {self.user_and_group()}\n  rotate 3\n"
                          "  create\n}\n")
        config.chmod(0o644)
        done = subprocess.run([logrotate, "-f", "-s", self.dir / "logrotate.state", config],
                              capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        for name in names:
            self.append(f"{name} after\n", name)
        self.stop_after([f"{name} {when}" for name in names
                         for when in ("before", "last", "after")])

    @staticmethod
    def user_and_group():
        import grp
        import pwd
        return f"{pwd.getpwuid(os.geteuid()).pw_name} {grp.getgrgid(os.getegid()).gr_name}"


class TruncationAndDeletion(Rows):
    def test_tru_2_truncated_during_an_outage_with_the_old_content_in_flight(self):
        self.box.status = 503
        self.append("old one\nold two\n")
        self.follow("-retry-max-delay", "200ms")
        wait_until(lambda: self.box.refused > 1, "the old content is in flight")
        os.truncate(self.logs / "a.log", 0)
        self.append("new one\n")
        refused = self.box.refused
        wait_until(lambda: self.box.refused > refused + 1, "the outage goes on")
        self.box.status = 200
        self.wait_for(["old one", "old two", "new one"])
        self.append("new two\n")
        self.stop_after(["old one", "old two", "new one", "new two"])
        self.follow()
        self.append("new three\n")
        self.stop_after(["old one", "old two", "new one", "new two", "new three"])

    def test_tru_4_overwritten_fifty_times_among_appends(self):
        agent = self.agent_with_admin(self.box.url)
        written = []
        for turn in range(50):
            written.append(f"content {turn} begins here")
            (self.logs / "a.log").write_text(written[-1] + "\n")
            for number in range(3):
                written.append(f"content {turn} line {number}")
                self.append(written[-1] + "\n")
            if turn % 10 == 9:
                wait_until(lambda: written[-1] in self.box.lines(), "the agent has caught up")
        wait_until(lambda: written[-1] in self.box.lines(), "the last line")
        self.assertEqual(agent.stop(), 0, agent.text())
        got = self.box.lines()
        self.assertEqual(len(set(got)), len(got), "nothing twice")
        self.assertLessEqual(set(got), set(written), "nothing that was never written")
        # Each time that the agent was up to date nothing of that content may be missing.
        for turn in range(9, 50, 10):
            self.assertIn(f"content {turn} line 0", got)

    def test_tru_5_beyond_four_gibibytes_and_truncated_there(self):
        log = self.logs / "a.log"
        before_4gib = (1 << 32) - 20
        with open(log, "wb") as out:
            out.truncate(before_4gib)
            out.seek(before_4gib - 1)
            out.write(b"\n")
        self.follow("-from", "end")
        self.append("this line crosses four gibibytes\n")
        self.append("this one lies behind them\n")
        expected = ["this line crosses four gibibytes", "this one lies behind them"]
        self.wait_for(expected)
        os.truncate(log, 0)
        self.append("small again\n")
        self.stop_after(expected + ["small again"])

    def test_del_4_a_whole_directory_goes_and_comes_again(self):
        (self.logs / "app").mkdir()
        self.append("one\n", "app/x.log")
        self.follow(paths=self.logs / "*/x.log")
        expected = ["one"]
        for turn in range(3):
            self.append(f"last of {turn}\n", "app/x.log")
            shutil.rmtree(self.logs / "app")
            (self.logs / "app").mkdir()
            self.append(f"first of {turn + 1}\n", "app/x.log")
            expected += [f"last of {turn}", f"first of {turn + 1}"]
            self.wait_for(expected)
        self.stop_after(expected)

    def test_del_7_a_directory_that_cannot_be_entered_for_a_while(self):
        if os.geteuid() != 0 or not shutil.which("setpriv"):
            self.skipTest("needs a user without rights beside one with them")
        (self.logs / "app").mkdir()
        self.append("one\n", "app/x.log")
        self.dir.chmod(0o755)
        self.logs.chmod(0o755)
        self.state.mkdir()
        os.chown(self.state, NOBODY, NOBODY)
        copy = self.dir / "sluice"
        shutil.copy(SLUICE, copy)
        self.follow("-reconcile-interval", "200ms", paths=self.logs / "*/x.log",
                    command=("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}",
                             "--clear-groups", str(copy)))
        self.wait_for(["one"])
        (self.logs / "app").chmod(0)
        self.append("while it is shut\n", "app/x.log")
        self.wait_for(["one", "while it is shut"])  # by the descriptor that is open
        self.runs.wait_said("directory.*cannot be read|cannot be read.*directory")
        (self.logs / "app").chmod(0o755)
        self.append("open again\n", "app/x.log")
        self.stop_after(["one", "while it is shut", "open again"])


class Time(Rows):
    def test_tim_2_a_file_from_1970_or_from_the_future_is_followed(self):
        self.append("old\n")
        os.utime(self.logs / "a.log", (0, 0))
        self.append("young\n", "b.log")
        os.utime(self.logs / "b.log", (4e9, 4e9))
        self.follow()
        self.wait_for(["old", "young"])
        self.append("more\n")
        os.utime(self.logs / "a.log", (0, 0))
        self.stop_after(["old", "young", "more"])


if __name__ == "__main__":
    unittest.main()
