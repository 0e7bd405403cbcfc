"""The parts of the harness that decide what counts. Run by `go test ./bench`, or python3 -m unittest here."""

import os
import pathlib
import tempfile
import unittest

from harness import cases, intervals, nginx, peers, processes, report, wrk


def load(**changed):
    values = {"requests": 1000, "seconds": 1.0, "bytes": 150_000, "p50": 1, "p99": 2, "p999": 3, "max": 4, "cpu": 0.5,
              "generator_busy": 0.5, "errors": dict.fromkeys(wrk.ERRORS, 0)}
    return wrk.Load(**{**values, **changed})


PLAN = wrk.Plan(threads=2, connections=32, seconds=3, script="load.lua")


class Intervals(unittest.TestCase):
    def test_median(self):
        self.assertEqual(intervals.median([3, 1, 2]), 2)
        self.assertEqual(intervals.median([4, 1, 2, 3]), 2.5)
        self.assertIsNone(intervals.median([]))

    def test_sign_interval_has_the_coverage_of_the_binomial(self):
        # 1 - 2 / 2**n for smallest to largest; tables of the sign test give k = 2 for n = 9 and 10.
        self.assertEqual(intervals.sign_interval(range(5)), (0, 4, 0.9375))
        self.assertEqual(intervals.sign_interval(range(8))[:2], (0, 7))
        self.assertEqual(intervals.sign_interval(range(9))[:2], (1, 7))
        self.assertEqual(intervals.sign_interval(range(10))[:2], (1, 8))
        self.assertEqual(intervals.sign_interval(range(12))[:2], (2, 9))
        self.assertEqual(intervals.sign_interval([7]), (7, 7, 0.0))

    def test_ratios_pair_rounds_that_both_have(self):
        self.assertEqual(intervals.ratios({0: 10, 1: 20, 3: 9}, {1: 10, 2: 5, 3: 3}), [2, 3])


class WhatCounts(unittest.TestCase):
    def reasons(self, body_size=14, **changed):
        return wrk.reasons(load(**changed), PLAN, 150, body_size)

    def test_a_clean_run(self):
        self.assertEqual(self.reasons(), [])
        self.assertEqual(self.reasons(bytes=150_000 + 32 * 150), [])

    def test_every_kind_of_error(self):
        for name in wrk.ERRORS:
            errors = {**dict.fromkeys(wrk.ERRORS, 0), name: 3}
            self.assertEqual(self.reasons(errors=errors), [f"3 {name} errors"])

    def test_missing_and_surplus_bytes(self):
        self.assertTrue(self.reasons(bytes=136_000))
        self.assertTrue(self.reasons(bytes=200_000))

    def test_a_busy_generator(self):
        self.assertTrue(self.reasons(generator_busy=0.97))

    def test_no_request(self):
        self.assertEqual(self.reasons(requests=0, bytes=0), ["no request was answered"])


class Names(unittest.TestCase):
    def test_every_listed_case_exists(self):
        for text in (cases.ALL, cases.QUICK):
            for case in cases.parse(text, 32):
                self.assertTrue(any(peers.suits(p, case, 1) for p in peers.PEERS.values()))

    def test_connections(self):
        self.assertEqual([c.connections for c in cases.parse("http-hello,http-hello@1", 32)], [32, 1])

    def test_unknown_cases(self):
        for name in ("http", "http-nothing", "ftp-hello", "http-hello@", "http-hello@x"):
            with self.assertRaises(cases.CaseError):
                cases.parse(name, 32)

    def test_threads_exclude_servers_without_them(self):
        sleep = cases.parse_one("http-sleep", 32)
        self.assertFalse(peers.suits(peers.PEERS["gunicorn-sync"], sleep, 1))
        self.assertTrue(peers.suits(peers.PEERS["gunicorn-gthread"], sleep, 1))

    def test_every_command_can_be_made(self):
        with tempfile.TemporaryDirectory() as files:
            for peer in peers.PEERS.values():
                for protocol in peer.speaks:
                    self.check_command(peer, protocol, files)

    def check_command(self, peer, protocol, files):
        for blade in peer.blades:
            start = peers.Start("ROOT", "ENV/bin/python", "plain", 2, 4, blade=blade, files=files, **{protocol: "127.0.0.1:9"})
            argv = peer.command(start)
            self.assertTrue(all(isinstance(a, str) and a for a in argv), argv)
            named = [pathlib.Path(a).read_text("ascii") if a.endswith(".conf") else a for a in argv]
            self.assertTrue(any("127.0.0.1:9" in a or a == "9" for a in named), argv)
            self.assertIn("127.0.0.1:9", nginx.server_block("peer", 8, start))


class Accounting(unittest.TestCase):
    def test_a_tree_is_its_session_and_every_descendant(self):
        def stat(pid, parent, session):
            return processes.Stat(pid, parent, 0, session, 1.0, 0)

        stats = [stat(10, 1, 10), stat(11, 10, 10), stat(12, 11, 12), stat(13, 1, 10), stat(20, 1, 20), stat(21, 12, 21)]
        self.assertEqual({s.pid for s in processes.tree(stats, {10})}, {10, 11, 12, 13, 21})

    def test_cpu_and_memory_of_this_process(self):
        own = processes.read_stat(os.getpid())
        self.assertEqual(own.parent, os.getppid())
        self.assertGreater(processes.pss(own.pid), 1 << 20)
        self.assertIsNone(processes.read_stat(0))



class Saving(unittest.TestCase):
    def test_paths_are_taken_out(self):
        scrub = report.Scrubber([("/srv/repo/", ""), ("/srv/repo", ".")])
        self.assertEqual(scrub("/srv/repo/bin/penknife --chdir /srv/repo -s /tmp/bench-a1_b/x.sock"),
                         "bin/penknife --chdir . -s $TMP/x.sock")

    def test_private_texts_are_refused(self):
        for text in ("see /home/me/x", "/tmp/x", "https://pypi.example/simple", "at http://10.0.0.1/"):
            with self.assertRaises(report.PrivateError):
                report.save("never-written", text)

    def test_public_texts(self):
        self.assertIsNone(report.PRIVATE.search("bin/penknife http://127.0.0.1:80/ bench/apps wrk/4.1 bench/data/x"))


if __name__ == "__main__":
    unittest.main()
