"""What befalls the content of a file: it is cut, it has a hole, it was packed into an archive."""
import os

from world import World, wait_until


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
