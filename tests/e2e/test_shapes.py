"""Shapes of the file system: names of every kind, links, directories that come later, and things
that match a pattern but are no files."""
import json
import os
import socket

from world import World, wait_until


class Shapes(World):
    def deliver(self, expected, paths=None):
        inbox = self.inbox()
        agent = self.agent(inbox.url, paths=paths)
        wait_until(lambda: len(inbox.records()) >= len(expected), f"{len(expected)} lines")
        self.assertEqual(agent.stop(), 0, agent.text())
        self.assertEqual(inbox.lines(), sorted(expected))
        return inbox, agent

    def test_dsc_10_new_files_and_new_directories_are_found_while_running(self):
        inbox = self.inbox()
        agent = self.agent(inbox.url, "-reconcile-interval", "1h", paths=self.logs / "**/*.log")
        agent.wait_said("running")
        expected = []
        for number in range(30):
            deep = self.logs / "/".join(f"d{number % 7}" for _ in range(number % 5))
            deep.mkdir(parents=True, exist_ok=True)
            (deep / f"{number}.log").write_text(f"line of {number}\n")
            expected.append(f"line of {number}")
        # A directory that is moved in with files already in it.
        outside = self.dir / "outside"
        (outside / "inner").mkdir(parents=True)
        (outside / "inner/moved.log").write_text("moved in\n")
        outside.rename(self.logs / "moved")
        expected.append("moved in")
        wait_until(lambda: inbox.lines() == sorted(expected), "every line once")
        with open(self.logs / "moved/inner/moved.log", "a") as out:
            out.write("and on\n")
        wait_until(lambda: inbox.lines() == sorted([*expected, "and on"]), "it is followed")
        self.assertEqual(agent.stop(), 0, agent.text())

    def test_dsc_12_one_file_by_two_patterns_a_hard_link_and_a_symbolic_link_comes_once(self):
        (self.logs / "a.log").write_text("one\ntwo\n")
        os.link(self.logs / "a.log", self.logs / "hard.log")
        (self.logs / "soft.log").symlink_to(self.logs / "a.log")
        self.deliver(["one", "two"], paths=f"{self.logs}/*.log,{self.logs}/a*,{self.logs}/**")
        inbox = self.inbox()
        agent = self.agent(inbox.url, paths=f"{self.logs}/*.log,{self.logs}/a*")
        agent.wait_said("running")
        with open(self.logs / "hard.log", "a") as out:
            out.write("three\n")
        wait_until(lambda: inbox.lines() == ["three"], "growth by any name, and no repetition")
        self.assertEqual(agent.stop(), 0, agent.text())
        self.assertEqual(inbox.lines(), ["three"])

    def test_rot_19_a_symbolic_link_that_is_retargeted_finishes_the_old_and_follows_the_new(self):
        data = self.dir / "data"
        data.mkdir()
        link = self.logs / "current.log"
        (data / "0").write_text("0 begins\n")
        link.symlink_to(data / "0")
        inbox = self.inbox()
        agent = self.agent(inbox.url)
        expected = ["0 begins"]
        for turn in range(1, 6):
            wait_until(lambda: inbox.lines() == sorted(expected), f"turn {turn}")
            with open(data / str(turn - 1), "a") as out:
                out.write(f"{turn - 1} ends\n")
            (data / str(turn)).write_text(f"{turn} begins\n")
            new = self.logs / "new"
            new.symlink_to(data / str(turn))
            new.rename(link)
            expected += [f"{turn - 1} ends", f"{turn} begins"]
        wait_until(lambda: inbox.lines() == sorted(expected), "all turns")
        self.assertEqual(agent.stop(), 0, agent.text())
        self.assertEqual(inbox.lines(), sorted(expected))

    def test_rot_20_a_file_behind_a_link_is_rotated_where_nobody_compares(self):
        pods = self.dir / "pods"
        pods.mkdir()
        log = pods / "0.log"
        log.write_text("0 begins\n")
        (self.logs / "container.log").symlink_to(log)
        inbox = self.inbox()
        # Notifications alone: the next comparison is an hour away.
        agent = self.agent(inbox.url, "-reconcile-interval", "1h")
        expected = ["0 begins"]
        for turn in range(1, 6):
            wait_until(lambda: inbox.lines() == sorted(expected), f"turn {turn}")
            log.rename(pods / f"0.log.{turn}")
            with open(pods / f"0.log.{turn}", "a") as out:
                out.write(f"{turn - 1} ends\n")
            log.write_text(f"{turn} begins\n")
            expected += [f"{turn - 1} ends", f"{turn} begins"]
        wait_until(lambda: inbox.lines() == sorted(expected), "all turns")
        self.assertEqual(agent.stop(), 0, agent.text())
        self.assertEqual(inbox.lines(), sorted(expected))

    def test_dsc_13_what_is_no_file_is_skipped_with_one_warning_and_holds_nothing_up(self):
        os.mkfifo(self.logs / "pipe.log")
        (self.logs / "directory.log").mkdir()
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(self.logs / "socket.log"))
            (self.logs / "dangling.log").symlink_to(self.dir / "nowhere")
            (self.logs / "zero.log").symlink_to("/dev/zero")
            (self.logs / "a.log").write_text("one\n")
            inbox = self.inbox()
            agent = self.agent(inbox.url, "-reconcile-interval", "200ms")
            wait_until(lambda: inbox.lines() == ["one"], "the file beside them")
            for turn in range(3):  # some reconciles pass by
                (self.logs / f"later-{turn}.log").write_text(f"{turn}\n")
                wait_until(lambda: len(inbox.records()) == turn + 2, "files that come later")
            self.assertEqual(agent.stop(), 0, agent.text())
        for name in ("pipe.log", "socket.log", "zero.log"):
            warnings = [line for line in agent.lines if name in line]
            self.assertEqual(len(warnings), 1, agent.text())
            self.assertIn("not a regular file; skipped", warnings[0])

    def test_a_fifo_that_becomes_a_file_is_followed(self):
        os.mkfifo(self.logs / "a.log")
        inbox = self.inbox()
        agent = self.agent(inbox.url)
        agent.wait_said("not a regular file; skipped")
        (self.logs / "a.log").unlink()
        (self.logs / "a.log").write_text("a file now\n")
        wait_until(lambda: inbox.lines() == ["a file now"], "delivered")
        self.assertEqual(agent.stop(), 0, agent.text())

    def test_dsc_14_names_of_every_kind(self):
        names = [b"quote\".log", b"back\\slash.log", b"new\nline.log", b"tab\t.log", b"s p a c e.log",
                 b"[brackets]*?{a,b}.log", b"-dash.log", "\u65e5\u672c\U0001f30a.log".encode(),
                 b"invalid-\xff\xc3(.log", b"n" * 251 + b".log", b"'; rm -rf .log", b"\x01\x7f.log"]
        logs = os.fsencode(self.logs)
        for number, name in enumerate(names):
            with open(logs + b"/" + name, "w") as out:
                out.write(f"line {number}\n")
        inbox, _ = self.deliver([f"line {number}" for number in range(len(names))])
        paths = {record["line"]: record["path"] for record in inbox.records()}
        for number, name in enumerate(names):
            expected = (logs + b"/" + name).decode(errors="replace")
            got = paths[f"line {number}"]
            if b"invalid" in name:
                self.assertRegex(got, "invalid-\ufffd+\\(\\.log$")
            else:
                self.assertEqual(got, expected)
        # The next start knows them all again.
        again = self.inbox()
        agent = self.agent(again.url)
        agent.wait_said(f"running.*files={len(names)} resumed={len(names)}")
        self.assertEqual(agent.stop(), 0, agent.text())
        self.assertEqual(again.lines(), [])

    def test_every_line_of_the_own_log_is_one_line_whatever_a_name_holds(self):
        with_newline = os.fsencode(self.logs) + b"/forged\n2026-01-01T00:00:00Z error.log"
        os.mkfifo(with_newline)
        (self.logs / "a.log").write_text("one\n")
        for style in ("text", "json"):
            self.state = self.dir / f"state-{style}"
            inbox = self.inbox()
            agent = self.agent(inbox.url, "-log-format", style)
            wait_until(lambda: inbox.lines() == ["one"], "delivered")
            self.assertEqual(agent.stop(), 0)
            self.assertFalse(agent.said("^2026-01-01T00:00:00Z"), agent.text())
            if style == "json":
                for line in agent.lines:
                    json.loads(line)
