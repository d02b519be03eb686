"""`sluice audit` and `sluice explain`: the bytes add up to the files, with and without an agent."""
import json
import os
import pathlib
import signal
import subprocess
import threading
import time

from world import PATIENCE_S, SLUICE, World, wait_until

COLUMNS = ("acked", "in_flight", "unread", "filtered", "dropped", "skipped")


def sum_of(line):
    return sum(line[column] for column in COLUMNS) + sum(line["missed"].values())


class AuditWorld(World):
    def command(self, *args):
        done = subprocess.run([SLUICE, *map(str, args)], stdin=subprocess.DEVNULL,
                              capture_output=True, timeout=PATIENCE_S, check=False,
                              env={**os.environ, "TMPDIR": str(self.dir)})
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    def flags(self, agent=None, paths=None):
        admin = f"127.0.0.1:{agent.admin_port}" if agent else "off"
        return ("-paths", paths or self.logs / "*.log", "-state", self.state, "-admin", admin)

    def audit(self, agent=None, *flags, paths=None):
        """The exit code and the report; every line must add up."""
        code, out, err = self.command("audit", "-json", *self.flags(agent, paths), *flags)
        self.assertIn(code, (0, 1), out + err)
        report = json.loads(out)
        for line in report["lines"]:
            self.assertEqual(sum_of(line), line["size"], line)
        self.assertEqual(report["live"], agent is not None, err)
        return code, report

    def line(self, report, name, generation=None):
        found = [line for line in report["lines"] if line["path"].endswith("/" + name)
                 and generation in (None, line["generation"])]
        self.assertEqual(len(found), 1, report["lines"])
        return found[0]

    def explain(self, path, agent=None, paths=None, code=None, flags=()):
        got, out, err = self.command("explain", path, *self.flags(agent, paths), *flags)
        if code is not None:
            self.assertEqual(got, code, out + err)
        return out


class Audit(AuditWorld):
    def test_sums_equal_file_sizes_under_load_and_after_a_stop(self):
        receiver = self.receiver()
        agent = self.agent_with_admin(receiver.url)
        generator = self.generator("--files", "8", "--rate", "20MB/s", "--duration", "6s")
        audits = 0
        began = time.monotonic()
        while generator.alive():
            before = {str(path): path.stat().st_size for path in self.logs.glob("*.log")}
            code, report = self.audit(agent)
            after = {str(path): path.stat().st_size for path in self.logs.glob("*.log")}
            self.assertEqual(code, 0)
            self.assertTrue(report["exact"])
            sizes = {line["path"]: line["size"] for line in report["lines"]}
            for path, size in sizes.items():
                # The page may be a quarter of a second old.
                self.assertLessEqual(size, after[path])
            if time.monotonic() > began + 2:
                self.assertTrue(set(before) <= set(sizes), "every file has a line")
            audits += 1
        self.assertEqual(generator.wait(), 0)
        self.assertGreater(audits, 2)
        wait_until(lambda: self.audit(agent)[1]["verdict"] == "complete", "all is delivered")
        code, report = self.audit(agent)
        self.assertEqual(code, 0)
        sizes = {str(path): path.stat().st_size for path in self.logs.glob("*.log")}
        self.assertEqual({line["path"]: line["acked"] for line in report["lines"]}, sizes)
        self.assertEqual(report["sums"]["acked"], sum(sizes.values()))
        self.assertEqual(agent.stop(), 0)
        code, report = self.audit()
        self.assertEqual((code, report["verdict"]), (0, "complete"))
        self.assertEqual({line["path"]: line["acked"] for line in report["lines"]}, sizes)

    def test_a_destination_that_is_down_shows_as_in_flight_and_unread(self):
        inbox = self.inbox()
        inbox.status = 503
        (self.logs / "a.log").write_bytes(b"x" * 99 + b"\n" + b"tail")
        agent = self.agent_with_admin(inbox.url)

        def read():
            line = self.audit(agent)[1]["lines"]
            return line and line[0]["in_flight"] == 100 and line[0]["unread"] == 4
        wait_until(read, "100 bytes in flight, 4 unread")
        code, out, _ = self.command("audit", *self.flags(agent))
        self.assertEqual(code, 0)
        self.assertIn("not finished: nothing missing; 100 bytes in flight and 4 unread", out)
        self.assertEqual(self.metrics(agent)["sluice_source_in_flight_bytes"], 100)
        self.assertEqual(self.metrics(agent)["sluice_source_unread_bytes"], 4)

    def test_the_unread_rest_of_a_truncated_file_is_missed_and_stays_so_after_a_restart(self):
        inbox = self.inbox()
        log = self.logs / "a.log"
        log.write_bytes(b"one\ntwo\n" + b"no newline yet")
        agent = self.agent_with_admin(inbox.url)
        wait_until(lambda: inbox.lines() == ["one", "two"], "two lines")
        wait_until(lambda: self.line(self.audit(agent)[1], "a.log")["unread"] == 14, "a look")
        with open(log, "r+b") as out:
            out.truncate(0)
            out.write(b"new\n")
        wait_until(lambda: "new" in inbox.lines(), "the new content")
        wait_until(lambda: self.audit(agent)[0] == 1, "something is missing")

        def check(agent):
            code, report = self.audit(agent)
            self.assertEqual((code, report["verdict"]), (1, "missing"))
            past = self.line(report, "a.log", 0)
            self.assertEqual((past["state"], past["size"], past["acked"]), ("past", 22, 8))
            self.assertEqual(past["missed"]["truncated"], 14)
            self.assertEqual(self.line(report, "a.log", 1)["acked"], 4)
        check(agent)
        name = 'sluice_source_missed_bytes_total{reason="truncated"}'
        self.assertEqual(self.metrics(agent)[name], 14)
        code, out, _ = self.command("audit", *self.flags(agent))
        self.assertEqual(code, 1)
        self.assertRegex(out.splitlines()[-1], r"^MISSING: 14 bytes of 1 file .*truncated 14")
        self.assertEqual(agent.stop(), 0)
        check(None)
        agent = self.agent_with_admin(inbox.url)
        check(agent)
        # What was over long ago is left out on request.
        wait_until(lambda: self.audit(agent, "-since", "1ms")[0] == 0, "nothing since")

    def test_what_a_kill_left_undelivered_is_unread_in_the_audit_of_the_store(self):
        inbox = self.inbox()
        (self.logs / "a.log").write_bytes(b"one\n")
        agent = self.agent_with_admin(inbox.url)
        wait_until(lambda: self.audit(agent)[1]["verdict"] == "complete", "one line")
        wait_until(lambda: self.total(agent, "sluice_checkpoints_total") > 0, "a checkpoint")
        inbox.status = 503
        with open(self.logs / "a.log", "ab") as out:
            out.write(b"two\n")
        wait_until(lambda: inbox.refused > 0, "an attempt")
        before = sorted(path.name for path in self.state.iterdir())
        agent.stop(signal.SIGKILL)
        code, report = self.audit()
        self.assertEqual((code, report["verdict"]), (0, "behind"))
        line = self.line(report, "a.log")
        self.assertEqual((line["state"], line["acked"] + line["unread"]), ("stopped", 8))
        self.assertGreaterEqual(line["unread"], 4)
        self.assertEqual(sorted(path.name for path in self.state.iterdir()), before,
                         "the store was only read")

    def test_a_file_that_went_away_while_no_agent_ran_is_missed(self):
        inbox = self.inbox()
        (self.logs / "a.log").write_bytes(b"one\nunfinished")
        agent = self.agent_with_admin(inbox.url)
        wait_until(lambda: self.line(self.audit(agent)[1], "a.log")["unread"] == 10, "a look")
        self.assertEqual(agent.stop(), 0)
        (self.logs / "a.log").unlink()
        code, report = self.audit()
        line = self.line(report, "a.log")
        self.assertEqual((code, line["state"], line["missed"]["deleted"]), (1, "gone", 10))
        # A renamed file is not gone: its row finds it.
        (self.logs / "b.log").write_bytes(b"one\n")
        (self.logs / "b.log").rename(self.logs / "c")

    def test_an_agent_without_admin_port_is_audited_by_its_store(self):
        inbox = self.inbox()
        (self.logs / "a.log").write_bytes(b"one\n")
        agent = self.agent(inbox.url)
        wait_until(lambda: inbox.lines() == ["one"], "a line")
        wait_until(lambda: self.audit()[1]["verdict"] == "complete", "a checkpoint")
        _, _, err = self.command("audit", *self.flags())
        self.assertIn("an agent runs, but its admin port is off", err)
        self.assertTrue(agent.alive())

    def test_no_agent_and_no_store_is_no_success(self):
        code, out, err = self.command("audit", *self.flags())
        self.assertEqual((code, out), (3, ""))
        self.assertIn("there is no checkpoint store", err)

    def test_what_the_overflow_policy_dropped_is_counted_per_file(self):
        inbox = self.inbox()
        inbox.status = 503
        lines = b"".join(b"%099d\n" % number for number in range(20000))
        (self.logs / "a.log").write_bytes(lines)
        agent = self.agent_with_admin(inbox.url, "-overflow", "drop-oldest", "-queue", "1000",
                                      "-batch", "100", "-retry-max-delay", "200ms")
        wait_until(lambda: self.total(agent, "sluice_component_discarded_bytes_total") > 0, "drops")
        inbox.status = 200
        wait_until(lambda: self.audit(agent)[1]["verdict"] == "complete", "the rest is delivered")
        code, report = self.audit(agent)
        self.assertEqual(code, 0)
        line = self.line(report, "a.log")
        dropped = self.total(agent, "sluice_component_discarded_bytes_total")
        self.assertEqual(line["dropped"], dropped)
        self.assertEqual(line["acked"], len(lines) - dropped)
        self.assertEqual(line["acked"], 100 * len(inbox.records()))
        self.assertEqual(agent.stop(), 0)
        self.assertEqual(self.line(self.audit()[1], "a.log")["dropped"], dropped)
        _, out, _ = self.command("audit", *self.flags())
        self.assertIn(f"{int(dropped)} bytes dropped by your overflow policy", out)

    def test_ten_thousand_files_are_audited_quickly_and_disturb_nobody(self):
        for number in range(10_000):
            (self.logs / f"{number}.log").write_bytes(b"12345\n")
        receiver = self.receiver()
        agent = self.agent_with_admin(receiver.url)
        self.wait_lines(receiver, 10_000)
        wait_until(lambda: self.audit(agent)[1]["verdict"] == "complete", "all is delivered")
        began = time.monotonic()
        threads = [threading.Thread(target=self.audit, args=(agent,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        took = time.monotonic() - began
        code, report = self.audit(agent)
        self.assertEqual((code, report["files"], report["sums"]["acked"]), (0, 10_000, 60_000))
        print(f"four audits of 10,000 files: {took:.2f} s")
        self.assertLess(took, PATIENCE_S / 2)
        self.assertEqual(agent.stop(), 0)
        code, report = self.audit()
        self.assertEqual((code, report["files"], report["sums"]["acked"]), (0, 10_000, 60_000))

    def test_the_help_has_examples_and_the_page_of_it_is_true(self):
        page = (pathlib.Path(__file__).resolve().parents[2] / "docs/audit.md").read_text()
        for command in ("audit", "explain"):
            text = self.ends(0, command, "--help")
            self.assertIn("Examples", text)
            self.assertIn(text.strip(), page, f"docs/audit.md holds `sluice {command} --help`")


class Explain(AuditWorld):
    def test_a_followed_file_with_its_rule_offset_and_lag(self):
        inbox = self.inbox()
        log = self.logs / "a.log"
        log.write_bytes(b"one\nrest")
        agent = self.agent_with_admin(inbox.url)
        wait_until(lambda: self.line(self.audit(agent)[1], "a.log")["acked"] == 4, "a line")
        out = self.explain(log, agent, code=0)
        self.assertIn(f"matches '{self.logs}/*.log'", out)
        self.assertIn(f"inode {log.stat().st_ino}", out)
        self.assertRegex(out, r"offset +4\n")
        self.assertRegex(out, r"lag +4 bytes")
        self.assertTrue(out.endswith("followed: by source 'default'\n"), out)
        self.assertEqual(agent.stop(), 0)
        out = self.explain(log, code=0)
        self.assertRegex(out, r"offset +4\n")
        self.assertIn("when the agent runs", out)

    def test_each_reason_why_a_path_is_not_followed(self):
        inbox = self.inbox()
        (self.logs / "app.txt").write_bytes(b"x\n")
        (self.logs / "old.log").write_bytes(b"x\n")
        (self.logs / ".hidden.log").write_bytes(b"x\n")
        (self.logs / "dir.log").mkdir()
        os.mkfifo(self.logs / "pipe.log")
        (self.logs / "dangling.log").symlink_to(self.dir / "nowhere")
        agent = self.agent_with_admin(inbox.url, "-exclude", "old*")
        expected = {
            "app.txt": "no pattern matches it",
            "old.log": "it is excluded by 'old*'",
            ".hidden.log": "no pattern matches it",
            "dir.log": "it is a directory; only regular files are followed",
            "pipe.log": "it is a pipe; only regular files are followed",
            "dangling.log": "it is a symbolic link whose target does not exist",
            "later.log": "it does not exist (yet)",
        }
        for running in (agent, None):
            for name, reason in expected.items():
                out = self.explain(self.logs / name, running, code=1,
                                   flags=() if running else ("-exclude", "old*"))
                self.assertIn(f"NOT followed: {reason}", out)
            out = self.explain(self.logs / "app.txt", running)
            self.assertIn(f"the nearest is '{self.logs}/*.log': 'app.txt' is not '*.log'", out)
            out = self.explain(self.logs / ".hidden.log", running)
            self.assertIn("begins with a dot, which a wildcard does not match", out)
            agent.stop()

    def test_directories_and_links_on_the_way(self):
        deep = self.logs / "deep"
        deep.mkdir()
        (deep / "a.log").write_bytes(b"x\n")
        (self.logs / "link").symlink_to(deep)
        pattern = self.logs / "**/*.log"
        self.assertIn("does not go through those",
                      self.explain(self.logs / "link/a.log", paths=pattern, code=1))
        self.explain(deep / "a.log", paths=pattern, code=0)
        self.assertIn(f"the directory '{self.dir}/absent' does not exist",
                      self.explain(self.dir / "absent/a.log", paths=self.dir / "*/*.log", code=1))
        self.assertIn("is excluded", self.explain(
            deep / "a.log", paths=pattern, code=1, flags=("-exclude", deep)))
        self.assertIn("'**' stands for any directories",
                      self.explain(deep / "a.log", paths=self.logs / "*.log", code=1))

    def test_a_rotated_file_is_found_by_its_new_name_and_by_its_old_one(self):
        inbox = self.inbox()
        log = self.logs / "a.log"
        log.write_bytes(b"one\n")
        agent = self.agent_with_admin(inbox.url)
        wait_until(lambda: inbox.lines() == ["one"], "a line")
        log.rename(self.logs / "a.log.1")
        log.write_bytes(b"two\n")
        wait_until(lambda: inbox.lines() == ["one", "two"], "the second file")
        wait_until(lambda: "rotated" in self.explain(self.logs / "a.log.1", agent), "the rotation")
        out = self.explain(self.logs / "a.log.1", agent, code=0)
        self.assertIn(f"followed: as '{log}', the name that it had", out)
        out = self.explain(log, agent, code=0)
        self.assertIn(": followed", out)
        self.assertIn(": rotated", out, "its predecessor is listed, too")
        self.assertEqual(agent.stop(), 0)
        out = self.explain(self.logs / "a.log.1", code=0)
        self.assertIn("now at", out)

    def test_a_running_agent_says_nothing_about_paths_that_no_rule_wants(self):
        inbox = self.inbox()
        secret = self.dir / "secret"
        agent = self.agent_with_admin(inbox.url)
        without = self.get(agent.admin_port, f"/explain{secret}")
        secret.write_bytes(b"x\n")
        self.assertEqual(self.get(agent.admin_port, f"/explain{secret}"), without)

    def test_the_answer_as_json(self):
        (self.logs / "a b\n%.log").write_bytes(b"x\n")
        inbox = self.inbox()
        agent = self.agent_with_admin(inbox.url)
        wait_until(lambda: inbox.lines() == ["x"], "a line")
        for running in (agent, None):
            out = self.explain(self.logs / "a b\n%.log", running, code=0, flags=("-json",))
            answer = json.loads(out)
            self.assertTrue(answer["followed"])
            self.assertEqual(answer["live"], running is not None)
            self.assertEqual(answer["audit"]["lines"][0]["acked"], 2)
            agent.stop()
