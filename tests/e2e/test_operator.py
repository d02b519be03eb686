"""What a person meets: mistakes, missing rights, full ports. Each message is clear and names the
remedy, and nothing is lost by the mistake."""
import fcntl
import json
import os
import pathlib
import pty
import re
import shutil
import signal
import socket
import struct
import subprocess
import termios
import unittest
import urllib.error

import world
from world import Process, World, free_port, is_sanitized, wait_until

NOBODY = 65534


class Mistakes(World):
    def test_every_mistake_in_a_configuration_is_said_at_once_with_its_place(self):
        config = self.dir / "sluice.yaml"
        config.write_text(f"""\
state: {self.state}
bacth: 100
sources:
  app:
    pahts: ["{self.logs}/*.log"]
    destinations: [main, missing]
destinations:
  main:
    endpoint: ftp://127.0.0.1/x
    wrokers: 4
    wait: 3 parsecs
    compression: lzma
""")
        expected = [r":2:1: error: unknown key 'bacth'; did you mean 'batch'",
                    r":5:5: error: unknown key 'pahts'.*did you mean 'paths'",
                    r":6:\d+: error: .*'missing'",
                    r":9:15: error: 'ftp://127.0.0.1/x'.*http://",
                    r":10:5: error: unknown key 'wrokers'.*did you mean 'workers'",
                    r":11:11: error: '3 parsecs'.*expected a duration",
                    r":12:18: error: 'lzma'.*gzip \| zstd \| none"]
        for command in ("check", "run"):
            with self.subTest(command):
                text = self.ends(78, command, "-c", config)
                for pattern in expected:
                    self.assertRegex(text, re.escape(str(config)) + pattern)
        self.assertFalse(self.state.exists(), "a refused start leaves nothing behind")

    def test_text_that_is_no_yaml_and_a_file_that_is_not_there(self):
        config = self.dir / "broken.yaml"
        config.write_text("a: [1, 2\nb: }\n")
        self.assertRegex(self.ends(78, "check", "-c", config), r"broken.yaml:\d+:\d+: error: .*YAML")
        self.assertRegex(self.ends(78, "run", "-c", self.dir / "none.yaml"), "cannot read|No such")

    def test_flags_and_commands_that_do_not_exist(self):
        text = self.ends(78, "run", "-compresion", "gzip", "--wait", "5parsecs", "-batch-bytes",
                         "3XB", "-batch", "abc")
        self.assertRegex(text, "'-compresion'.*did you mean '-compression'")
        self.assertRegex(text, "'5parsecs'.*-wait.*500ms")
        self.assertRegex(text, "'3XB'.*-batch-bytes.*512KiB")
        self.assertRegex(text, "'abc'.*-batch")
        self.assertRegex(self.ends(78, "-no-such-flag", "1"), "no-such-flag.*--help")
        self.assertRegex(self.ends(78, "rnu"), "rnu.*run")
        self.assertRegex(self.ends(78, "receive", "--no-such"), "no-such")
        self.assertRegex(self.ends(78, "run", env={"SLUICE_WAIT": "soon"}), "SLUICE_WAIT.*duration")
        # Others may use variables that begin alike: no reason not to run, but worth a word.
        self.assertRegex(self.ends(0, "check", env={"SLUICE_BTACH": "7"}),
                         "warning: SLUICE_BTACH.*SLUICE_BATCH")

    def test_nobody_listens_at_the_endpoint_yet(self):
        (self.logs / "a.log").write_text("one\ntwo\n")
        port = free_port()
        agent = self.agent(f"http://127.0.0.1:{port}/ingest", "-retry-max-delay", "300ms")
        agent.wait_said("no connection to the destination; check that it runs")
        receiver = self.receiver("--count", port=port)
        self.wait_lines(receiver, 2)
        self.assertEqual(agent.stop(), 0, agent.text())
        self.assertEqual(self.stats(receiver)["lines"], 2)

    def test_an_endpoint_whose_name_does_not_resolve(self):
        (self.logs / "a.log").write_text("one\ntwo\n")
        agent = self.agent("http://no-such-host.invalid/ingest", "-shutdown-timeout", "100ms")
        agent.wait_said("name of the destination does not resolve; check the host in `endpoint`")
        self.assertEqual(agent.stop(), 0, agent.text())
        self.assertIn("undelivered_bytes=8", agent.text())
        inbox = self.inbox()
        agent = self.agent(inbox.url)
        wait_until(lambda: inbox.lines() == ["one", "two"], "what the wrong name did not take")
        self.assertEqual(agent.stop(), 0, agent.text())

    def test_a_wrong_path_and_wrong_credentials_hold_and_lose_nothing(self):
        for status, said in ((404, "check the path in `endpoint`"), (401, "credentials|token")):
            with self.subTest(status):
                (self.logs / f"{status}.log").write_text(f"one {status}\n")
                inbox = self.inbox()
                inbox.status = status
                agent = self.agent(inbox.url, "-retry-max-delay", "300ms",
                                   paths=self.logs / f"{status}.log")
                agent.wait_said(said)
                wait_until(lambda: inbox.refused >= 2, "it is tried again")
                inbox.status = 200
                wait_until(lambda: inbox.lines() == [f"one {status}"], "delivered when cured")
                self.assertEqual(agent.stop(), 0, agent.text())

    def test_ports_in_use(self):
        receiver = self.receiver("--count")
        (self.logs / "a.log").write_text("one\n")
        agent = self.agent(receiver.url, admin=f"127.0.0.1:{receiver.port}")
        self.assertEqual(agent.wait(), 1)
        self.assertRegex(agent.text(), f"127.0.0.1:{receiver.port}.*in use.*--admin")
        text = self.ends(1, "receive", "--listen", f"127.0.0.1:{receiver.port}", "--count")
        self.assertRegex(text, f"port {receiver.port} on 127.0.0.1 is already in use.*--listen")
        agent = self.agent_with_admin(receiver.url)
        self.wait_lines(receiver, 1)
        self.assertEqual(agent.stop(), 0)
        self.assertEqual(self.stats(receiver)["lines"], 1)

    def test_a_file_in_the_place_of_the_state_directory(self):
        (self.logs / "a.log").write_text("one\n")
        inbox = self.inbox()
        self.state.write_text("not mine")
        for state in (self.state, self.state / "below"):
            right, self.state = self.state, state
            agent = self.agent(inbox.url)
            self.assertEqual(agent.wait(), 1)
            self.assertRegex(agent.text(), "error .*state.*choose another directory with --state")
            self.state = right
        self.assertEqual(self.state.read_text(), "not mine")
        self.state = self.dir / "better"
        agent = self.agent(inbox.url)
        wait_until(lambda: inbox.lines() == ["one"], "delivered with a better directory")
        self.assertEqual(agent.stop(), 0)

    def test_a_state_directory_that_is_read_only(self):
        (self.logs / "a.log").write_text("one\n")
        inbox = self.inbox()
        self.state.mkdir()
        mounted = os.geteuid() == 0 and subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "ro", "sluice-e2e", self.state],
            stderr=subprocess.DEVNULL, check=False).returncode == 0
        if mounted:
            self.addCleanup(subprocess.run, ["umount", "-l", self.state],
                            stderr=subprocess.DEVNULL, check=False)
            agent = self.agent(inbox.url)
        else:
            self.state.chmod(0o555)
            agent = self.agent(inbox.url, **self.as_nobody())
        self.assertEqual(agent.wait(), 1, agent.text())
        self.assertRegex(agent.text(), r"error .*state.*(Read-only|Permission denied).*--state")
        self.assertEqual(inbox.lines(), [])

    def test_cra_11_a_second_agent_on_the_same_state_directory(self):
        (self.logs / "a.log").write_text("one\n")
        inbox = self.inbox()
        first = self.agent(inbox.url)
        first.wait_said("running")
        second = self.agent(inbox.url)
        self.assertEqual(second.wait(), 1)
        self.assertRegex(second.text(), rf"error .*{first.proc.pid}.*--state")
        self.assertRegex(second.text(), rf"waiting .*{first.proc.pid}.*--state", "it said so at once")
        wait_until(lambda: inbox.lines() == ["one"], "the first goes on")
        self.assertEqual(first.stop(), 0)
        self.assertEqual(inbox.lines(), ["one"])

    def as_nobody(self):
        """Runs the binary as a user without rights, from a place that the user can reach."""
        if os.geteuid() != 0:
            return {}
        if not shutil.which("setpriv"):
            self.skipTest("root without setpriv cannot lose its rights")
        copy = self.dir / "sluice"
        if not copy.exists():
            shutil.copy(world.SLUICE, copy)
        self.dir.chmod(0o755)
        self.logs.chmod(0o755)
        return {"command": ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups",
                            str(copy))}

    def test_del_6_a_file_that_the_agent_may_not_read(self):
        secret = self.logs / "secret.log"
        secret.write_text("hidden\n")
        secret.chmod(0)
        (self.logs / "open.log").write_text("seen\n")
        inbox = self.inbox()
        self.state.mkdir()
        if os.geteuid() == 0:
            os.chown(self.state, NOBODY, NOBODY)
        agent = self.agent(inbox.url, "-reconcile-interval", "300ms", **self.as_nobody())
        agent.wait_said("cannot be opened and is tried again.*read permission.*secret.log")
        wait_until(lambda: inbox.lines() == ["seen"], "the others are delivered")
        secret.chmod(0o644)
        wait_until(lambda: inbox.lines() == ["hidden", "seen"], "delivered when it can be read")
        self.assertEqual(agent.stop(), 0, agent.text())
        said = [line for line in agent.lines if "cannot be opened" in line]
        self.assertEqual(len(said), 1, "said once, however often it is tried")

    def test_a_pattern_that_matches_nothing_yet(self):
        inbox = self.inbox()
        agent = self.agent(inbox.url, paths=self.logs / "later/*/app-*.log")
        agent.wait_said(r"warning .*later/\*/app-\*.log' matches no file yet")
        agent.wait_said("running")
        (self.logs / "later/deep").mkdir(parents=True)
        (self.logs / "later/deep/app-1.log").write_text("at last\n")
        wait_until(lambda: inbox.lines() == ["at last"], "delivered when it appears")
        self.assertEqual(agent.stop(), 0)


class Spelling(World):
    def run_and_compare(self, args, env=None, batch=100):
        """Every way of saying the same leads to requests of at most `batch` lines."""
        inbox = self.inbox()
        full = [str(arg).replace("URL", inbox.url) for arg in args]
        env = {name: value.replace("URL", inbox.url) for name, value in (env or {}).items()}
        agent = self.start(*full, env=env)
        wait_until(lambda: len(inbox.records()) >= 1000, "1000 lines")
        self.assertEqual(agent.stop(), 0, agent.text())
        self.assertEqual(len(inbox.records()), 1000)
        self.assertEqual(max(len(request) for request in inbox.requests), batch)
        shutil.rmtree(self.state)

    def test_one_dash_two_dashes_variables_keys_and_no_subcommand(self):
        logs = f"{self.logs}/*.log"
        (self.logs / "a.log").write_text("".join(f"line {i}\n" for i in range(1000)))
        rest = ["-state", self.state, "-admin", "off", "-io", world.IO]
        self.run_and_compare(["-paths", logs, "-endpoint", "URL", "-batch", "100", "-workers", "4",
                              *rest])
        self.run_and_compare([f"--paths={logs}", "--endpoint=URL", "--batch", "100", "--workers=4",
                              *rest])
        self.run_and_compare(["run", *rest], env={
            "SLUICE_PATHS": logs, "SLUICE_ENDPOINT": "URL", "SLUICE_BATCH": "100",
            "SLUICE_WORKERS": "4"})
        # A flag wins over a variable, a variable over the file.
        config = self.dir / "sluice.yaml"
        config.write_text(f"paths: ['{logs}']\nbatch: 7\nendpoint: http://127.0.0.1:9/\n")
        self.run_and_compare(["-c", config, "-batch", "100", *rest],
                             env={"SLUICE_ENDPOINT": "URL", "SLUICE_BATCH": "8"})

    def test_lists_repeated_patterns_and_exclusions(self):
        for name in ("a.log", "b.log", "c.txt", "private.log", "p.log.gz"):
            (self.logs / name).write_text(name + "\n")
        inbox = self.inbox()
        agent = self.start("-paths", f"{self.logs}/a.log,{self.logs}/p*", "-paths",
                           f"{self.logs}/*.txt", "-exclude", "private*,*.{gz,xz}", "-endpoint", inbox.url,
                           "-state", self.state, "-admin", "off", "-io", world.IO)
        wait_until(lambda: inbox.lines() == ["a.log", "c.txt"], "only what was asked for")
        self.assertEqual(agent.stop(), 0, agent.text())
        self.assertEqual(inbox.lines(), ["a.log", "c.txt"])

    def test_the_default_endpoint_is_where_the_receiver_listens_by_default(self):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", 8080))
            except OSError:
                self.skipTest("port 8080 is in use on this machine")
        receiver = self.start("receive", "--out", self.received)
        receiver.wait_said("listening on http://127.0.0.1:8080")
        receiver.port = 8080
        (self.logs / "a.log").write_text("one\ntwo\n")
        agent = self.start("-paths", f"{self.logs}/*.log", "-state", self.state, "-admin", "off",
                           "-io", world.IO)
        self.wait_lines(receiver, 2)
        self.assertEqual(agent.stop(), 0, agent.text())
        receiver.stop()
        self.assertEqual(self.received_lines()["a.log"], b"one\ntwo\n")


SERIES = re.compile(
    r'[a-zA-Z_:][a-zA-Z0-9_:]*(\{[a-zA-Z_][a-zA-Z0-9_]*="(\\[\\"n]|[^\\"\n])*"'
    r'(,[a-zA-Z_][a-zA-Z0-9_]*="(\\[\\"n]|[^\\"\n])*")*\})? '
    r"(NaN|[+-]?Inf|[+-]?\d+(\.\d+)?([eE][+-]?\d+)?)")


class Seeing(World):
    def check_exposition(self, text):
        """The rules of the Prometheus text format that scrapers insist on."""
        self.assertTrue(text.endswith("\n"))
        typed, seen, current = {}, set(), None
        for line in text.splitlines():
            if line.startswith("# TYPE "):
                _, _, name, kind = line.split(" ")
                self.assertNotIn(name, typed, "one TYPE per family, and families are not split")
                self.assertIn(kind, ("counter", "gauge", "summary", "histogram", "untyped"))
                typed[name] = kind
                current = name
            elif line.startswith("# HELP "):
                self.assertGreater(len(line.split(" ", 3)), 3, line)
            else:
                self.assertTrue(SERIES.fullmatch(line), line)
                series = line.rsplit(" ", 1)[0]
                self.assertNotIn(series, seen)
                seen.add(series)
                name = series.split("{")[0]
                self.assertTrue(name == current or re.fullmatch(
                    re.escape(current) + "_(sum|count|bucket)", name), f"{name} after {current}")
                if typed[current] == "counter":
                    self.assertTrue(name.endswith("_total"), name)
        return seen

    def health(self, agent):
        try:
            return 200, json.loads(self.get(agent.admin_port, "/health"))
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())

    def test_lag_is_exact_and_health_follows_the_destination(self):
        receiver = self.receiver("--count")
        (self.logs / "a.log").write_text("first\n")
        agent = self.agent_with_admin(receiver.url, "-retry-max-delay", "300ms",
                                      "-shutdown-timeout", "5s")
        self.wait_lines(receiver, 1)
        wait_until(lambda: self.total(agent, "sluice_source_lag_bytes") == 0, "no lag")
        self.assertEqual(self.health(agent)[0], 200)
        receiver.stop()
        text = "".join(f"written while it is away {i}\n" for i in range(2500))
        with open(self.logs / "a.log", "a") as out:
            out.write(text)
        (self.logs / "b.log").write_text("a new file\nunfinished")
        behind = len(text) + len("a new file\nunfinished")
        wait_until(lambda: self.total(agent, "sluice_files_added_total") == 2, "the new file")
        self.assertEqual(self.total(agent, "sluice_source_lag_bytes"), behind)
        self.assertEqual(self.total(agent, "sluice_survey_fresh"), 1)
        wait_until(lambda: self.health(agent)[0] == 503, "unhealthy")
        self.assertIn("destination 'default'", json.dumps(self.health(agent)[1]))
        self.assertGreater(self.total(agent, "sluice_source_lag_time_seconds"), 0)
        self.check_exposition(self.get(agent.admin_port, "/metrics"))
        receiver = self.receiver("--count", port=receiver.port)
        self.wait_lines(receiver, 2501)
        wait_until(lambda: self.total(agent, "sluice_source_lag_bytes") == len("unfinished"),
                   "only the unfinished line is behind")
        wait_until(lambda: self.health(agent)[0] == 200, "healthy again")
        self.assertEqual(self.total(agent, "sluice_component_sent_events_total"), 2502)
        receiver.stop()
        with open(self.logs / "a.log", "a") as out:
            out.write("the last\n")
        wait_until(lambda: self.health(agent)[0] == 503, "unhealthy")
        agent.send(signal.SIGTERM)
        wait_until(lambda: self.health(agent)[1]["status"] == "draining", "draining is said")
        self.assertEqual(self.health(agent)[0], 503)
        self.assertEqual(agent.wait(), 0)
        self.assertIn(f"undelivered_bytes={len('the last') + 1 + len('unfinished')}", agent.text())

    def test_positions_that_cannot_be_stored_make_it_degraded_and_hold_nothing_up(self):
        inbox = self.inbox()
        (self.logs / "a.log").write_text("one\n")
        agent = self.agent_with_admin(inbox.url, "-checkpoint-interval", "100ms")
        wait_until(lambda: self.total(agent, "sluice_checkpoints_total") > 0, "stored")
        self.assertEqual(self.health(agent)[1]["status"], "ok")
        away = self.state.with_name("away")
        self.state.rename(away)
        self.state.write_text("a file is in the way")
        with open(self.logs / "a.log", "a") as out:
            out.write("two\n")
        wait_until(lambda: inbox.lines() == ["one", "two"], "it goes on delivering")
        wait_until(lambda: self.health(agent)[1]["status"] == "degraded", "it says so")
        code, health = self.health(agent)
        self.assertEqual(code, 200, "a restart would make it worse")
        self.assertRegex(health["reasons"][0], f"positions cannot be stored.*{self.state}")
        self.assertEqual(self.total(agent, "sluice_degraded_reasons"), 1)
        self.assertEqual(self.total(agent, "sluice_unhealthy_reasons"), 0)
        self.state.unlink()
        away.rename(self.state)
        wait_until(lambda: self.health(agent)[1]["status"] == "ok", "it heals without a restart")
        self.assertEqual(self.health(agent)[1]["reasons"], [])
        self.assertEqual(agent.stop(), 0, agent.text())
        again = self.agent(inbox.url)
        again.wait_said("running")
        self.assertEqual(again.stop(), 0, again.text())
        self.assertEqual(inbox.lines(), ["one", "two"], "the positions were stored after all")

    def test_a_destination_with_a_new_name_is_warned_of_before_it_repeats_everything(self):
        inbox = self.inbox()
        (self.logs / "a.log").write_text("one\n")

        def run(name, lines):
            config = self.dir / "sluice.yaml"
            config.write_text(f"paths: {self.logs}/*.log\nstate: {self.state}\nadmin: off\n"
                              f"destinations: {{{name}: {{endpoint: '{inbox.url}'}}}}\n")
            agent = self.start("run", "-c", config)
            wait_until(lambda: len(inbox.lines()) >= lines, "delivered")
            self.assertEqual(agent.stop(), 0, agent.text())
            return [line for line in agent.lines if "warning" in line]
        self.assertEqual(run("main", 1), [])
        self.assertEqual(run("main", 1), [])
        warnings = run("central", 2)
        self.assertEqual(len(warnings), 1, warnings)
        self.assertRegex(warnings[0], "'central'.*beginning.*'main'.*old name back")
        self.assertEqual(run("central", 2), [], "once is enough")
        self.assertEqual(run("main", 2), [], "the old one has its positions")
        self.assertEqual(inbox.lines(), ["one", "one"])

    def test_the_json_log_is_json_and_silent_is_silent(self):
        (self.logs / "quote\" \n\xff.log").write_text("x\n")
        port = free_port()
        agent = self.agent(f"http://127.0.0.1:{port}/", "-log-format", "json", "-shutdown-timeout",
                           "100ms", "-log-level", "debug", paths=self.logs / "*")
        agent.wait_said("no connection")
        self.assertEqual(agent.stop(), 0)
        for line in agent.lines:
            record = json.loads(line)
            self.assertTrue({"ts", "level", "event", "msg"} <= set(record), line)
        inbox = self.inbox()
        agent = self.agent(inbox.url, "-log-level", "warning", paths=self.logs / "*")
        wait_until(lambda: inbox.lines() == ["x"], "delivered")
        self.assertEqual(agent.stop(), 0)
        self.assertEqual(agent.lines, [], "no progress line and no chatter without a terminal")

    def test_a_terminal_sees_a_progress_line(self):
        inbox = self.inbox()
        (self.logs / "a.log").write_text("one\n" * 1000)
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
        agent = subprocess.Popen([world.SLUICE, "-paths", f"{self.logs}/*.log", "-endpoint",
                                  inbox.url, "-state", self.state, "-admin", "off"],
                                 stdin=subprocess.DEVNULL, stderr=slave)
        self.addCleanup(os.close, master)
        os.close(slave)
        os.set_blocking(master, False)
        seen = b""

        def look():
            nonlocal seen
            try:
                seen += os.read(master, 65536)
            except (BlockingIOError, OSError):
                pass
            return re.search(rb"/s.*lag 0 B.*1 file\b.*in flight", seen)
        try:
            wait_until(look, "a progress line")
        finally:
            agent.terminate()
            self.assertEqual(agent.wait(world.PATIENCE_S), 0)
        drawn = [part for part in re.split(rb"[\r\n]", re.sub(rb"\x1b\[[0-9;?]*[A-Za-z]", b"", seen))]
        for part in drawn:
            if b"in flight" in part:
                self.assertLess(len(part), 100, "the line does not wrap")

    def test_secrets_are_never_shown(self):
        secrets = ("tok3n-of-the-header", "pa55-of-the-url")
        (self.logs / "a.log").write_text("x\n")
        inbox = self.inbox()
        inbox.status = 401
        url = inbox.url.replace("http://", f"http://user:{secrets[1]}@")
        flags = ["-headers", f"X-Api-Key: {secrets[0]}"]
        agent = self.agent_with_admin(url, *flags, "-log-level", "debug", "-retry-max-delay",
                                      "200ms", "-shutdown-timeout", "100ms")
        wait_until(lambda: inbox.refused >= 2, "refused")
        pages = "".join(self.get(agent.admin_port, path) for path in ("/metrics", "/"))
        pages += json.dumps(self.health(agent)[1])
        self.assertEqual(agent.stop(), 0)
        pages += agent.text()
        pages += self.ends(0, "check", "--print", "-endpoint", url, *flags)
        pages += self.ends(78, "check", "-endpoint", url.replace("http:", "ftp:"), *flags)
        for secret in secrets:
            self.assertNotIn(secret, pages)
        self.assertEqual(inbox.headers[-1]["X-Api-Key"], secrets[0])
        self.assertIn("Authorization", inbox.headers[-1])


class Bounds(World):
    def test_drop_oldest_counts_to_the_line(self):
        inbox = self.inbox()
        inbox.status = 503
        agent = self.agent_with_admin(inbox.url, "-overflow", "drop-oldest", "-queue", "500",
                                      "-batch", "100", "-workers", "1", "-retry-max-delay", "200ms")
        written = 20_000
        with open(self.logs / "a.log", "w") as out:
            for number in range(written):
                out.write(f"line {number}\n")
        wait_until(lambda: self.total(agent, "sluice_component_discarded_events_total") > 1000,
                   "something is given up")
        inbox.status = 200

        def settled():
            discarded = self.total(agent, "sluice_component_discarded_events_total")
            return discarded + len(inbox.records()) == written
        wait_until(settled, "written = received + discarded")
        wait_until(lambda: self.total(agent, "sluice_source_lag_bytes") == 0, "nothing is behind")
        self.assertEqual(self.total(agent, "sluice_component_sent_events_total"),
                         len(inbox.records()))
        self.assertTrue(settled())
        lines = inbox.lines()
        self.assertEqual(len(lines), len(set(lines)))
        self.assertIn(f"line {written - 1}", lines, "the newest lines are kept")
        self.assertEqual(agent.stop(), 0, agent.text())
        again = self.agent(inbox.url)
        again.wait_said("running")
        self.assertEqual(again.stop(), 0)
        self.assertEqual(inbox.lines(), lines, "what was given up stays given up")

    @unittest.skipIf(is_sanitized(), "a sanitized build needs several times the memory")
    def test_a_hundred_files_at_full_speed_stay_under_48_mib(self):
        receiver = self.receiver("--count")
        agent = self.agent(receiver.url)
        generator = self.generator("--files", "100", "--shape", "nginx", "--bytes", "128MiB")
        peak = 0

        def resident():
            nonlocal peak
            status = pathlib.Path(f"/proc/{agent.proc.pid}/status").read_text()
            peak = max(peak, int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]))
            return generator.proc.poll() is not None and self.stats(receiver)["lines"] >= (
                json.loads(self.ledger.read_text())["lines"])
        wait_until(resident, "everything is delivered")
        self.assertEqual(agent.stop(), 0, agent.text())
        self.assertLess(peak, 48 * 1024, "kB resident at most")
