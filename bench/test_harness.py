"""The parts of the harness that decide what counts. Run by `go test ./bench`, or python3 -m unittest here."""

import os
import pathlib
import select
import sqlite3
import tempfile
import unittest

from harness import asking, cases, database, environment, extras, goals, growth, intervals, measure, nginx, peers, processes
from harness import program, report, watching, wrk


BENCH = pathlib.Path(__file__).parent


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

    def paced(self, **changed):
        plan = wrk.Plan(threads=2, connections=32, seconds=2, script="load.lua", rate=500)
        return wrk.reasons(load(**changed), plan, 150, 14)

    def test_a_fixed_rate(self):
        self.assertEqual(self.paced(bytes=1), [])
        self.assertEqual(self.paced(late=3000), ["load generator 3.0 ms late"])
        self.assertEqual(self.paced(requests=900), ["900 requests of 1000 that were due"])

    def test_wrong_bytes(self):
        errors = {**dict.fromkeys(wrk.ERRORS, 0), "wrong": 1}
        self.assertEqual(self.paced(errors=errors), ["1 wrong errors"])

    def test_no_request(self):
        self.assertEqual(self.reasons(requests=0, bytes=0), ["no request was answered"])


class Names(unittest.TestCase):
    def test_every_listed_case_exists(self):
        names = {*cases.ALL.split(","), *cases.QUICK.split(","), *goals.CASES, *growth.CASES}
        for case in cases.parse(",".join(names), 32):
            extra = isinstance(case, extras.Extra)
            every = list(peers.PEERS.values())
            self.assertTrue(watching.servers(case, every, 1) if extra else [p for p in every if peers.suits(p, case, 1)])

    def test_every_peer_has_a_case(self):
        found = set()
        for case in cases.parse(cases.ALL, 32):
            every = list(peers.PEERS.values())
            extra = isinstance(case, extras.Extra)
            suited = watching.servers(case, every, 1) if extra else [p for p in every if peers.suits(p, case, 1)]
            found.update(p.name for p in suited)
        self.assertEqual(set(peers.PEERS) - found, set())

    def test_what_differs_from_the_run(self):
        case = cases.parse_one("nginx-flask@64x4~500", 32)
        self.assertEqual((case.topology.name, case.work.name, case.connections, case.processes, case.rate),
                         ("nginx", "flask", 64, 4, 500.0))
        self.assertEqual(cases.parse_one("http-hellox3", 32).processes, 3)

    def test_sizes(self):
        get, post = cases.work_of("get3k"), cases.work_of("post4m")
        self.assertEqual((get.path, get.upload, get.expect), ("/bytes?3072", 0, cases.ALPHABET * 48))
        self.assertEqual((post.path, post.upload, post.expect), ("/upload", 4 << 20, b"4194304\n"))
        self.assertEqual((cases.work_of("get0").expect, cases.work_of("get5").expect), (b"", cases.ALPHABET[:5]))
        self.assertEqual((cases.work_of("get65m"), cases.work_of("put1k")), (None, None))

    def test_extra_cases(self):
        self.assertEqual(cases.parse_one("memory", 32).workers, 8)
        self.assertEqual(cases.parse_one("memory@4", 32).workers, 4)
        self.assertIsNone(extras.parse("idle@3"))
        counted = watching.servers(extras.parse("allocs"), peers.PEERS.values(), 1)
        self.assertEqual([p.name for p in counted], ["penknife-counted"])

    def test_connections(self):
        self.assertEqual([c.connections for c in cases.parse("http-hello,http-hello@1", 32)], [32, 1])

    def test_unknown_cases(self):
        for name in ("http", "http-nothing", "ftp-hello", "http-hello@", "http-hello@x", "http-hello@0", "http-hello~0", "idle@3"):
            with self.assertRaises(cases.CaseError):
                cases.parse(name, 32)

    def test_threads_exclude_servers_without_them(self):
        sleep = cases.parse_one("http-sleep", 32)
        self.assertFalse(peers.suits(peers.PEERS["gunicorn-sync"], sleep, 1))
        self.assertTrue(peers.suits(peers.PEERS["gunicorn-gthread"], sleep, 1))

    def test_debian_packages_serve_no_framework(self):
        debian = peers.PEERS["gunicorn-debian"]
        self.assertTrue(peers.suits(debian, cases.parse_one("http-hello", 32), 1))
        self.assertFalse(peers.suits(debian, cases.parse_one("http-flask", 32), 1))

    def test_missing_peers_say_why(self):
        installed = {"bjoern": "cannot be built: no ev.h", "granian": "2.8"}
        self.assertEqual(peers.missing(peers.PEERS["bjoern"], "/", installed), "bjoern is not installed: cannot be built: no ev.h")
        self.assertEqual(peers.missing(peers.PEERS["cheroot"], "/", installed), "cheroot is not installed")
        self.assertEqual(peers.missing(peers.PEERS["granian"], "/", installed), "")
        self.assertEqual(peers.missing(peers.PEERS["waitress-debian"], "/", installed), "Debian's python3-waitress is not installed")
        self.assertEqual(peers.missing(peers.PEERS["waitress-debian"], "/", {"debian:python3-waitress": "2"}), "")

    def test_every_command_can_be_made(self):
        with tempfile.TemporaryDirectory() as files:
            for peer in peers.PEERS.values():
                for protocol in peer.speaks:
                    self.check_command(peer, protocol, files)

    def check_command(self, peer, protocol, files):
        for blade in peer.blades:
            start = peers.Start("ROOT", "ENV/bin/python", "plain", 2, 4, blade=blade, files=files, scratch=files, **{protocol: "127.0.0.1:9"})
            argv = peer.command(start)
            self.assertTrue(all(isinstance(a, str) and a for a in argv), argv)
            named = [pathlib.Path(a).read_text("ascii") if a.endswith(".conf") else a for a in argv]
            self.assertTrue(any("127.0.0.1:9" in a or a == "9" for a in named), argv)
            self.assertIn("127.0.0.1:9", nginx.server_block("peer", 8, start))


class Ends(unittest.TestCase):
    def test_exit_status_is_0_for_a_whole_run(self):
        asked = asking.arguments(["--quick", "--no-save"])
        self.assertEqual(program.finish("ROOT", asked, {"goals": [], "interrupted": ""}, "PYTHON"), 0)
        self.assertEqual(program.finish("ROOT", asked, {"goals": [], "interrupted": "by hand"}, "PYTHON"), "by hand")

    def test_what_is_compiled_is_not_among_what_must_be_there(self):
        def names(file):
            lines = (line.partition("#")[0].strip() for line in (BENCH / file).read_text("utf-8").splitlines())
            return {line.partition("==")[0].lower().replace("-", "_") for line in lines if line}

        self.assertEqual(names("requirements.txt") & names("requirements-built.txt"), set())

    def test_what_cannot_be_built_says_what_it_needs(self):
        said = []
        pins = "# a comment\ngood==1\nBad==2 # libbad-dev\nworse==3\n"
        failures = environment.build_each(["sh", "-c", 'test "$0" = good==1'], pins, said.append)
        self.assertEqual(failures, {"bad": "cannot be built: it needs a C compiler, python3-dev, libbad-dev",
                                    "worse": "cannot be built: it needs a C compiler, python3-dev"})
        self.assertEqual(len(said), 2)


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

    def test_a_corpse_is_no_member_of_a_tree_but_has_used_time(self):
        child = os.fork()
        if not child:
            os._exit(0)
        os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
        try:
            self.assertIsNone(processes.read_stat(child))
            self.assertEqual(processes.read_stat(child, corpses=True).pid, child)
        finally:
            os.waitpid(child, 0)

    def test_activity_of_this_process(self):
        before = processes.task_activity(os.getpid())
        for _ in range(3):
            select.select([], [], [], 0.001)  # three wake-ups
        sum(range(200_000))
        cpu, wakes = processes.activity_between(before, processes.task_activity(os.getpid()))
        self.assertTrue(0 < cpu < 1 and wakes >= 3, (cpu, wakes))
        self.assertEqual(processes.task_activity(0), {})

    def test_threads_that_come_and_go(self):
        before = {1: (1_000_000_000, 5), 2: (7, 7)}
        after = {1: (3_000_000_000, 6), 3: (500_000_000, 2)}
        self.assertEqual(processes.activity_between(before, after), (2.5, 3))


def round_of(number, rate, p99=1000, cpu=10.0, reasons=()):
    return {"number": number, "reasons": list(reasons), "cpu_us": cpu, "load": {"rate": rate, "p50": 500, "p99": p99}}


def peer_of(name, rounds, memory=1 << 20, fresh=1.0):
    return {"peer": name, "rounds": rounds, "summary": {"memory": memory, "fresh_ms": fresh}}


class Goals(unittest.TestCase):
    def judge(self, case, rivals, ours=(100, 100)):
        penknife = peer_of("penknife", [round_of(i, rate) for i, rate in enumerate(ours)])
        return goals.judge({"cases": [{"case": case, "peers": [penknife, *rivals]}]})

    def test_a_ratio_of_rounds_that_count_on_both_sides(self):
        rival = peer_of("uwsgi", [round_of(0, 45), round_of(1, 1000, reasons=["busy"])])
        found = {v.against: v for v in self.judge("http-hello", [rival])}
        self.assertEqual((found["uwsgi"].state, found["uwsgi"].measured), (goals.MET, "2.22 (2.22 … 2.22)"))
        self.assertEqual(found["granian"].state, goals.UNKNOWN)

    def test_not_met(self):
        rival = peer_of("uwsgi", [round_of(0, 60), round_of(1, 40)])
        verdict = self.judge("http-hello", [rival])[0]
        self.assertEqual((verdict.state, verdict.measured), (goals.MET, "2.08 (1.67 … 2.50)"))
        self.assertIn("the interval holds the goal", verdict.remark)
        self.assertEqual(self.judge("http-hello", [peer_of("uwsgi", [round_of(0, 51)])])[0].state, goals.NOT_MET)

    def test_the_best_peer_is_who_is_closest(self):
        rivals = [peer_of("bjoern", [round_of(0, 90)]), peer_of("granian", [round_of(0, 95)]), peer_of("floor", [round_of(0, 500)])]
        verdict = self.judge("close-hello", rivals)[0]
        self.assertEqual((verdict.against, verdict.state), ("granian", goals.MET))

    def test_latencies_of_who_serves_some_connections_are_left_out(self):
        rivals = [peer_of("uwsgi", [round_of(0, 90, p99=10)], fresh=None), peer_of("granian", [round_of(0, 90, p99=1900)])]
        verdict = self.judge("http-mixed", rivals)[0]
        self.assertEqual((verdict.against, verdict.state), ("granian", goals.NOT_MET))
        self.assertIn("without uwsgi", verdict.remark)

    def test_transfers_take_no_more_memory_than_the_peer_they_beat(self):
        found = self.judge("http-get1m", [peer_of("uwsgi", [round_of(0, 50)], memory=1 << 19)])
        self.assertEqual([v.state for v in found], [goals.MET, goals.NOT_MET])

    def test_extras(self):
        def row(peer, **values):
            return {"peer": peer, "base": "http", "values": values}

        data = {"cases": [], "extras": [
            {"kind": "memory", "case": "memory", "workers": 8, "rows": [row("penknife", mib=200.0), row("uwsgi", mib=199.0)]},
            {"kind": "idle", "case": "idle", "workers": 0, "rows": [row("penknife", cpu_percent=0.01, wakes=4.9)]},
            {"kind": "allocs", "case": "allocs", "workers": 0, "rows": [row("penknife-counted", objects=0.02)]}]}
        self.assertEqual([v.state for v in goals.judge(data)], [goals.NOT_MET, goals.MET, goals.MET, goals.NOT_MET])
        data["extras"][0]["case"] = "memory@2"
        self.assertEqual(len(goals.judge(data)), 3)

    def test_goals_that_were_not_reached_are_said(self):
        found = goals.judge({"cases": [], "extras": []}, ["http-get1m", "idle"])
        self.assertEqual([(v.case, v.state) for v in found], [("http-get1m", goals.UNKNOWN), ("idle", goals.UNKNOWN)])

    def test_every_goal_has_its_case_and_servers(self):
        for goal in goals.GOALS:
            self.assertTrue(goal.against == goals.BEST or goal.against in goals.CASES[goal.case], goal)


class Growth(unittest.TestCase):
    def test_curves_in_the_order_of_what_grows(self):
        def case(name, rate):
            return {"case": name, "peers": [{"peer": "penknife", "summary": {"rate": rate, "p99_us": 5000, "fresh_ms": 1}},
                                            {"peer": "uwsgi", "summary": {"rate": rate, "p99_us": 1, "fresh_ms": None}},
                                            {"peer": "granian"}]}

        data = {"cases": [case("http-hello@32", 7), case("http-hello@1", 3), case("http-hello@64x2", 9)], "extras": [
            {"case": "memory@2", "rows": [{"peer": "uwsgi", "values": {"mib": 12.0}}, {"peer": "granian", "values": {}}]}]}
        sweeps = {s.name: s for s in growth.SWEEPS}
        rates = growth.curves(data, sweeps["connections"], growth.rate)
        self.assertEqual([(c.server, c.points) for c in rates], [("penknife", [(1, 3), (32, 7)]), ("uwsgi", [(1, 3), (32, 7)])])
        latencies = growth.curves(data, sweeps["connections"], growth.p99_ms)
        self.assertEqual([(c.server, c.points) for c in latencies], [("penknife", [(1, 5.0), (32, 5.0)])])
        memory = growth.curves(data, sweeps["memory"], growth.memory_mib)
        self.assertEqual([(c.server, c.points) for c in memory], [("uwsgi", [(2, 12.0)])])


class Choosing(unittest.TestCase):
    def chosen(self, *argv):
        asked = asking.arguments(list(argv))
        return asked, [(case.name, [p.name for p in wanted]) for case, wanted in asked.wanted]

    def test_every_selection(self):
        for name in asking.SELECTIONS:
            asked, found = self.chosen("--" + name)
            self.assertEqual(asked.name, name)
            self.assertTrue(all("penknife" in wanted or case == "allocs" for case, wanted in found))

    def test_a_selection_has_its_own_servers(self):
        asked, found = self.chosen("--goals")
        self.assertEqual(dict(found)["nginx-hello"], ["penknife", "uwsgi"])
        self.assertEqual((asked.name, asked.rounds, asked.seconds, asked.drop), ("goals", 6, 1, 0.4))

    def test_less_of_a_selection(self):
        _, found = self.chosen("--goals", "--case", "http-hello,nginx-hello", "--peers", "floor,penknife")
        self.assertEqual(found, [("http-hello", ["floor", "penknife"]), ("nginx-hello", ["penknife"])])

    def test_without_a_selection(self):
        _, found = self.chosen("--case", "http-hello", "--peers", "bjoern")
        self.assertEqual(found, [("http-hello", ["bjoern"])])
        _, found = self.chosen()
        self.assertEqual([name for name, _ in found], cases.ALL.split(","))

    def test_the_command_gives_the_same_run(self):
        for argv in (["--goals", "--case", "http-hello"], ["--case", "http-hello", "--peers", "bjoern"], ["--growth"], []):
            asked, found = self.chosen(*argv)
            again, same = self.chosen(*asking.command_line(asked).split()[1:])
            self.assertEqual((found, asked.rounds, asked.drop, asked.name), (same, again.rounds, again.drop, again.name))


class Blaming(unittest.TestCase):
    def test_a_load_without_a_result_is_the_servers_problem(self):
        subject = measure.Subject(peers.PEERS["uwsgi"], 2, 1)
        with measure.blaming(subject):
            raise wrk.LoadError("no result")
        self.assertEqual(subject.problem, "no result")


class Dropping(unittest.TestCase):
    def test_who_is_far_behind_has_no_more_rounds(self):
        def subject(name, *rates):
            found = measure.Subject(peers.PEERS[name], 2, 1)
            for number, rate in enumerate(rates):
                one = load(requests=rate, seconds=1.0)
                found.rounds.append(measure.Round(number, one, [], 1.0, 0.0, 1, 0.0, 1.0))
            return found

        settings = measure.Settings("", "", {}, 2, 1, 6, 1, 2, 1, 0.1, 0.0, drop=0.4)
        bench = measure.Bench(cases.parse_one("http-hello", 32), [], settings, print)
        bench.subjects = [subject("penknife", 100, 100), subject("uwsgi", 39, 39), subject("granian", 41, 41), subject("bjoern")]
        self.assertEqual(len(bench.order(1)), 4)
        self.assertEqual([s.peer.name for s in bench.order(2)], ["penknife", "granian", "bjoern"])
        self.assertEqual([s.peer.name for s in bench.order(3)], ["bjoern", "granian", "penknife"])


class Pages(unittest.TestCase):
    def test_the_page_shows_the_rows_of_the_database(self):
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "books.sqlite")
            database.make(path)
            connection = sqlite3.connect(path)
            rows = connection.execute("SELECT title, year FROM book WHERE shelf = 3 ORDER BY year").fetchall()
            connection.close()
        page = database.page(3).decode()
        self.assertEqual(page.count("<li>"), len(rows))
        self.assertIn(f"<li>{rows[-1][0].replace('&', '&amp;')}, {rows[-1][1]}</li>\n</ul>", page)


class Saving(unittest.TestCase):
    def test_paths_are_taken_out(self):
        scrub = report.Scrubber([("/srv/repo/", ""), ("/srv/repo", ".")])
        self.assertEqual(scrub("/srv/repo/bin/penknife --chdir /srv/repo -s /tmp/bench-a1_b/x.sock"),
                         "bin/penknife --chdir . -s $TMP/x.sock")

    def test_what_a_failing_server_says_can_be_saved(self):
        scrub = report.Scrubber([("/srv/repo/", "")])
        text = scrub("File '/usr/lib/python3.11/x.py', line 3: see https://pypi.example/simple and /srv/repo/bin/x")
        self.assertEqual(text, "File '$PRIVATE', line 3: see $PRIVATE and bin/x")
        self.assertIsNone(report.PRIVATE.search(text))

    def test_private_texts_are_refused(self):
        for text in ("see /home/me/x", "/tmp/x", "https://pypi.example/simple", "/usr/local/bin/x", "at http://10.0.0.1/"):
            with self.assertRaises(report.PrivateError):
                report.save("never-written", text)

    def test_public_texts(self):
        self.assertIsNone(report.PRIVATE.search("bin/penknife http://127.0.0.1:80/ bench/apps wrk/4.1 bench/data/x "
                                                "http://www.w3.org/2000/svg /usr/bin/python3 -m waitress"))


if __name__ == "__main__":
    unittest.main()
