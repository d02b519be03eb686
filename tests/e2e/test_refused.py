"""A destination that refuses bodies for what they are: too large, or a line in them that it does not take.

Rows SNK-8 and SNK-10 of docs/scenarios.md on the real binary. Each request and each letter is a real one.
"""
import json
import random
import signal
import unittest

from world import World, wait_until

POISON = "POISON"


class Refused(World):
    def letters(self):
        """All dead letters, oldest first; a line that is being written counts when it has its end."""
        found = []
        for path in sorted((self.state / "dead-letters").glob("*.ndjson")):
            for line in path.read_bytes().splitlines(keepends=True):
                if line.endswith(b"\n"):
                    found.append(json.loads(line))
        return found

    def write(self, name, lines, mode="w"):
        with open(self.logs / name, mode) as file:
            file.writelines(line + "\n" for line in lines)

    def storing_receiver(self, *flags, port=0):
        return self.receiver("--out", self.received, *flags, port=port)

    def lines_in_store(self):
        return b"".join(self.received_lines().values()).decode().splitlines()

    def test_snk_8_one_bad_line_in_a_thousand_is_found_and_the_others_arrive(self):
        lines = [f"line {i} is fine" for i in range(1000)]
        lines[617] = f"line 617 is {POISON}"
        self.write("a.log", lines)
        receiver = self.storing_receiver("--fault", f"poison={POISON}")
        agent = self.agent_with_admin(receiver.url)
        wait_until(lambda: len(self.letters()) == 1, "a dead letter")
        self.wait_lines(receiver, 999)
        letter = self.letters()[0]
        offset = sum(len(line) + 1 for line in lines[:617])
        self.assertEqual((letter["status"], letter["reason"], letter["offset"], letter["bytes"]),
                         (400, "refused", offset, len(lines[617]) + 1))
        self.assertEqual(letter["path"], str(self.logs / "a.log"))
        self.assertEqual(letter["record"]["line"], lines[617])
        self.assertEqual(letter["destination"], "default")
        answers = self.stats(receiver)["status"]
        self.assertLessEqual(sum(answers.values()), 1 + 20, answers)
        wait_until(lambda: self.total(agent, "sluice_dead_lines_total") == 1, "it is counted")
        self.assertEqual(agent.stop(), 0, agent.text())
        self.assertEqual(sorted(self.lines_in_store()), sorted(lines[:617] + lines[618:]))
        self.assertTrue(agent.said("it is in the dead letters"), agent.text())
        # The position is behind it: nothing is sent again, nothing is buried again.
        again = self.agent(receiver.url)
        again.wait_said("running")
        self.write("a.log", ["one more"], "a")
        self.wait_lines(receiver, 1000)
        self.assertEqual(again.stop(), 0, again.text())
        self.assertEqual(len(self.letters()), 1)

    def test_snk_8_every_codec_and_framing_can_be_taken_apart(self):
        for flags in (["-compression", "zstd"], ["-compression", "none"], ["-framing", "ndjson"],
                      ["-order", "file"], ["-level", "fast", "-batch", "50"]):
            with self.subTest(flags):
                name = "-".join(flag.strip("-") for flag in flags)
                self.state = self.dir / f"state-{name}"
                self.logs = self.dir / f"logs-{name}"
                self.logs.mkdir()
                lines = [f"{name} {i}" + (POISON if i in (0, 77, 78, 299) else "")
                         for i in range(300)]
                self.write("a.log", lines)
                receiver = self.storing_receiver("--fault", f"poison={POISON}")
                agent = self.agent(receiver.url, *flags)
                wait_until(lambda: len(self.letters()) == 4, "four dead letters")
                self.wait_lines(receiver, 296)
                self.assertEqual(agent.stop(), 0, agent.text())
                self.assertEqual(sorted(letter["record"]["line"] for letter in self.letters()),
                                 sorted(line for line in lines if POISON in line))

    def test_snk_8_a_kill_before_the_letter_is_durable_loses_neither_line_nor_letter(self):
        lines = [f"line {i}" + (POISON if i % 50 == 7 else "") for i in range(1000)]
        self.write("a.log", lines)
        receiver = self.storing_receiver("--fault", f"poison={POISON}")
        for kill in range(6):
            agent = self.agent(receiver.url, "-checkpoint-interval", "10ms")
            seen = len(self.letters())
            wait_until(lambda: len(self.letters()) > seen or seen >= 20, "one more letter")
            agent.stop(signal.SIGKILL)
        agent = self.agent(receiver.url)
        bad = {line for line in lines if POISON in line}

        def all_there():
            return ({letter["record"]["line"] for letter in self.letters()} == bad
                    and set(self.lines_in_store()) == set(lines) - bad)
        wait_until(all_there, "every line is here or there")
        self.assertEqual(agent.stop(), 0, agent.text())
        # What is there twice has one id.
        ids = {letter["id"] for letter in self.letters()}
        self.assertEqual(len(ids), len(bad))

    def test_snk_8_a_destination_that_refuses_everything_holds_and_buries_nothing(self):
        lines = [f"line {i}" for i in range(500)]
        self.write("a.log", lines)
        receiver = self.storing_receiver("--fault", "status=400")
        agent = self.agent_with_admin(receiver.url, "-retry-max-delay", "200ms")
        wait_until(lambda: self.total(agent, "sluice_destination_holds_total") >= 5, "it holds")
        self.assertTrue(agent.said("none of them is given up"), agent.text())
        self.assertEqual(self.letters(), [])
        self.assertEqual(self.total(agent, "sluice_dead_lines_total"), 0)
        port = receiver.port
        receiver.stop()
        receiver = self.storing_receiver(port=port)
        self.wait_lines(receiver, 500)
        self.assertEqual(agent.stop(), 0, agent.text())
        self.assertEqual(self.letters(), [])
        self.assertEqual(sorted(self.lines_in_store()), sorted(lines))

    def test_snk_10_bodies_that_are_too_large_are_sent_in_parts_and_the_limit_is_learnt(self):
        ledger = self.generate("--files", "1", "--shape", "nginx", "--bytes", "4MiB")
        receiver = self.verifying_receiver("--fault", "larger=20000")
        agent = self.agent_with_admin(receiver.url)
        self.wait_lines(receiver, ledger["lines"])
        answers = self.stats(receiver)["status"]
        self.assertGreater(answers["413"], 0)
        # Bodies of 512 KiB would have been refused at every size on the way down.
        self.assertLess(answers["413"], answers["200"])
        wait_until(lambda: self.total(agent, "sluice_split_requests_total") == answers["413"],
                   "each is counted")
        self.assertEqual(agent.stop(), 0, agent.text())
        report = self.report_of(receiver)
        self.assertEqual((report["missing"], report["duplicate"], report["ghost"]), (0, 0, 0))
        self.assertEqual(self.letters(), [])

    def test_snk_10_a_line_that_is_too_large_alone_goes_to_the_dead_letters(self):
        # Incompressible, so that its size on the wire is its own.
        noise = "".join(random.Random(1).choices("0123456789abcdef", k=20000))
        lines = ["before", noise, "after"]
        self.write("a.log", lines)
        receiver = self.storing_receiver("--fault", "larger=4000")
        agent = self.agent(receiver.url)
        wait_until(lambda: len(self.letters()) == 1, "a dead letter")
        self.wait_lines(receiver, 2)
        letter = self.letters()[0]
        self.assertEqual((letter["status"], letter["reason"]), (413, "too_large"))
        self.assertEqual(letter["record"]["line"], noise)
        self.assertEqual(agent.stop(), 0, agent.text())
        self.assertLess(sum(self.stats(receiver)["status"].values()), 12, "no endless loop")

    def test_full_dead_letters_hold_the_file_and_drop_nothing(self):
        noise = "x" * 400_000
        lines = [f"{POISON} {i} {noise}" for i in range(4)] + ["fine"]
        self.write("a.log", lines)
        receiver = self.storing_receiver("--fault", f"poison={POISON}")
        agent = self.agent_with_admin(receiver.url, "-dead-letter-max", "1MiB", "-retry-max-delay",
                                      "200ms", "-shutdown-timeout", "1s")
        agent.wait_said("cannot be stored in the dead letters")
        self.wait_lines(receiver, 1)
        self.assertEqual(len(self.letters()), 2)
        self.assertEqual(agent.stop(), 0, agent.text())
        again = self.agent(receiver.url, "-dead-letter-max", "8MiB")

        def all_there():
            return {letter["record"]["line"] for letter in self.letters()} == set(lines[:4])
        wait_until(all_there, "the others, too")
        self.assertEqual(again.stop(), 0, again.text())

    def bury(self, lines, receiver):
        self.write("a.log", lines)
        agent = self.agent(receiver.url)
        bad = sum(POISON in line for line in lines)
        wait_until(lambda: len(self.letters()) == bad, "the bad lines are letters")
        self.wait_lines(receiver, len(lines) - bad)
        return agent

    def dlq(self, code, *args):
        return self.ends(code, "dlq", *args, "-state", self.state)

    def test_dlq_lists_and_shows_what_was_refused_and_why(self):
        self.assertIn("no dead letters", self.dlq(0, "list"))
        receiver = self.storing_receiver("--fault", f"poison={POISON}")
        lines = ["fine", f"{POISON} \"1\"", "fine too", f"{POISON} 2", "and fine"]
        agent = self.bury(lines, receiver)
        table = self.dlq(0, "list")
        self.assertRegex(table, r"2  default +refused \(400\) .*a\.log")
        shown = [json.loads(line) for line in self.dlq(0, "show").splitlines()]
        self.assertEqual([letter["record"]["line"] for letter in shown], [lines[1], lines[3]])
        self.assertEqual(self.dlq(0, "replay", "-lines"), f"{lines[1]}\n{lines[3]}\n")
        self.assertIn("no dead letters", self.dlq(0, "list", "-destination", "other"))
        self.assertEqual(agent.stop(), 0, agent.text())

    def test_dlq_replays_once_and_removes_what_is_done(self):
        receiver = self.storing_receiver("--fault", f"poison={POISON}")
        lines = ["fine"] + [f"{POISON} {i}" for i in range(5)] + ["fine"]
        agent = self.bury(lines, receiver)
        still = self.dlq(1, "replay", "-endpoint", receiver.url)
        self.assertIn("0 replayed, 5 still refused", still)
        self.assertEqual(len(self.letters()), 5)
        receiver.stop()
        self.assertIn("nothing is lost", self.dlq(3, "replay", "-endpoint", receiver.url))
        receiver = self.storing_receiver()
        self.assertIn("5 replayed, 0 still refused", self.dlq(0, "replay", "-endpoint", receiver.url))
        self.assertEqual(self.stats(receiver)["lines"], 5)
        # The agent's file stays while it runs, but nothing of it is replayed twice.
        self.assertIn("no dead letters", self.dlq(0, "list"))
        self.assertIn("0 replayed", self.dlq(0, "replay", "-endpoint", receiver.url))
        self.assertEqual(self.stats(receiver)["lines"], 5)
        self.assertEqual(agent.stop(), 0, agent.text())
        self.dlq(0, "replay", "-endpoint", receiver.url)
        self.assertEqual(list((self.state / "dead-letters").iterdir()), [])

    def test_dlq_a_replay_that_is_killed_goes_on_where_it_was(self):
        receiver = self.storing_receiver("--fault", f"poison={POISON}")
        lines = [f"{POISON} {i}" if i % 2 else f"fine {i}" for i in range(81)]
        agent = self.bury(lines, receiver)
        self.assertEqual(agent.stop(), 0, agent.text())
        receiver.stop()
        receiver = self.storing_receiver("--dedupe", "--fsync")
        killed = self.start("dlq", "replay", "-endpoint", receiver.url, "-state", self.state)
        before = self.stats(receiver)["lines"]
        self.wait_lines(receiver, before + 3)
        killed.stop(signal.SIGKILL)
        self.dlq(0, "replay", "-endpoint", receiver.url)
        self.assertEqual(sorted(self.lines_in_store()), sorted(lines), "each once")


if __name__ == "__main__":
    unittest.main()
