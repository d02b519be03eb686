"""The life of a file by rows of the catalogue of scenarios: found, rotated, truncated, deleted."""
import os

import test_delivery
from world import World, wait_until


class Life(World):
    check_complete = test_delivery.Delivery.check_complete

    def rotate_fast(self, every, keep, duration):
        receiver = self.verifying_receiver()
        agent = self.agent(receiver.url)
        agent.wait_said("running")
        ledger = self.generate("--shape", "nginx", "--rate", "2MB/s", "--duration", duration,
                               "--rotate", "rename", "--rotate-every", every, "--keep", keep)
        self.wait_lines(receiver, ledger["lines"])
        self.assertEqual(agent.stop(), 0, agent.text())
        self.check_complete(self.report_of(receiver))

    def test_ROT_22_a_hundred_rotations_a_second(self):
        self.rotate_fast("10ms", "20", "5s")

    def test_rot_26_two_hundred_generations_of_one_write_each(self):
        inbox = self.inbox()
        agent = self.agent_with_admin(inbox.url)
        for i in range(200):
            if i % 40 == 0:  # the first of a burst meets an agent that has nothing to do
                wait_until(lambda i=i: len(inbox.lines()) >= i, "the burst before is read")
            with open(self.logs / "app.log", "a", encoding="utf-8") as out:
                out.write(f"generation {i}\n")
            os.rename(self.logs / "app.log", self.logs / f"app.log.{i}")
        wait_until(lambda: len(inbox.lines()) >= 200, "every generation is read")
        self.assertEqual(self.total(agent, "sluice_files_vanished_unread_total"), 0)
        self.assertEqual(agent.stop(), 0, agent.text())
        self.assertEqual(inbox.lines(), sorted(f"generation {i}" for i in range(200)))

    def test_dsc_7_what_is_replaced_before_it_could_be_opened_is_counted(self):
        inbox = self.inbox()
        agent = self.agent_with_admin(inbox.url)
        for i in range(300):
            (self.logs / "new.tmp").write_text(f"content {i}\n")
            os.rename(self.logs / "new.tmp", self.logs / "a.log")
            if i % 10 == 0:  # the last of a burst stays until it is read
                wait_until(lambda i=i: f"content {i}" in inbox.lines(), f"content {i}")
        unread = lambda: self.total(agent, "sluice_files_vanished_unread_total")
        wait_until(lambda: len(inbox.lines()) + unread() >= 300, "each is read or counted")
        self.assertEqual(agent.stop(), 0, agent.text())
        lines = inbox.lines()
        self.assertEqual(len(lines), len(set(lines)), "none twice")
        self.assertIn("content 299", lines, "the last one stays")
        self.assertGreater(len(lines), 30, "the last of each burst")

    def test_ROT_11_rotations_that_no_pattern_follows(self):
        # Faster than anybody looks: most files are rotated before they were seen. None is deleted:
        # at this pace that is a race with the scheduler, which DSC-7 describes.
        self.rotate_fast("2ms", "1100", "2s")

    def test_ROT_20_the_kubelet_rotates_while_the_agent_is_away(self):
        pods = self.dir / "pods"
        pods.mkdir()
        (pods / "0.log").write_text("first\n")
        (self.logs / "a.log").symlink_to(pods / "0.log")
        inbox = self.inbox()
        agent = self.agent(inbox.url)
        wait_until(lambda: inbox.lines() == ["first"], "the first line")
        self.assertEqual(agent.stop(), 0, agent.text())
        with (pods / "0.log").open("a") as out:
            out.write("written while it was away\n")
        (pods / "0.log").rename(pods / "0.log.20261122-101112")
        (pods / "0.log").write_text("of the new file\n")
        agent = self.agent(inbox.url)
        wait_until(lambda: len(inbox.lines()) >= 3, "the rest and the new")
        self.assertEqual(agent.stop(), 0, agent.text())
        self.assertEqual(inbox.lines(), ["first", "of the new file", "written while it was away"])
