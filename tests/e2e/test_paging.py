"""The paging matrix: token behaviour, kind of change, size of one second and number of slices, end to end."""

import os
import random
from collections import Counter

from harness import EndToEnd
from request_log import lists_of, slices_of

TOKENS = ("offset", "keyset", "snapshot")
TIES = (1, 199, 200, 201, 1000, 5000)
# Fields that lists deliver, by the number of slices which that takes.
FIELDS = {1: 45, 2: 70, 4: 170}
# Before each answer to a list request. Fractions are probabilities.
CHANGES = {"edits": {"edits_per_request": 2, "creates_per_request": 0.3},
           "deletes": {"deletes_per_request": 1, "restores_per_request": 0.6}}
# Records around the second: pages before it and behind it.
OTHERS = 450
# While a change falls into every walk of a second no two walks agree, and the scan goes on until little is left of that
# second. That is right but takes thousands of requests where the second is large, so changes end after so many: several
# walks of 5,000 records in one slice, three in four.
REQUESTS_WITH_CHANGES = 300

SEED = int(os.environ.get("ZOHOSYNCD_E2E_SEED", "3"))
IS_SLOW = os.environ.get("ZOHOSYNCD_E2E_SLOW") == "1"
# Above the ideal of full pages: the row that two pages share, and a second that fills a page.
MOST_REQUESTS_ABOVE_IDEAL = 0.05


def cells():
    """36 of the 108 combinations; every two values of different kinds meet in at least one."""
    for t, token in enumerate(TOKENS):
        for c, change in enumerate(CHANGES):
            for n, ties in enumerate(TIES):
                yield token, change, ties, tuple(FIELDS)[(t + c + n) % len(FIELDS)]


def chosen_cells():
    every = list(cells())
    return every if IS_SLOW else random.Random(SEED).sample(every, len(every) // 3)


class Paging(EndToEnd):
    def test_the_cells_cover_every_pair_of_values(self):
        every = list(cells())
        self.assertEqual(len(every), 36)
        kinds = (TOKENS, tuple(CHANGES), TIES, tuple(FIELDS))
        for first in range(len(kinds)):
            for second in range(first + 1, len(kinds)):
                pairs = Counter((cell[first], cell[second]) for cell in every)
                self.assertEqual(len(pairs), len(kinds[first]) * len(kinds[second]))

    def test_nothing_is_lost_or_torn_in_any_cell(self):
        print("seed %d" % SEED, end=" ", flush=True)
        for cell in chosen_cells():
            with self.subTest(cell=cell):
                self.run_cell(*cell)

    def run_cell(self, token, change, ties, slices):
        target = self.postgres()
        simulator = self.simulator("--seed", str(SEED), "--records", "accounts=%d" % (ties + OTHERS),
                                   "--tie", "accounts=%d" % ties, "--fields", "accounts=%d" % FIELDS[slices])
        home = self.install(simulator, target, streams={"accounts": None})
        simulator.post("mode", token_mode=token)
        simulator.post("churn", requests=REQUESTS_WITH_CHANGES, **CHANGES[change])
        first = self.sync(home)
        requests = simulator.requests()
        self.assertEqual(len(slices_of(requests, "Accounts")), slices)
        self.assert_changes_fell_between(simulator, change, len(lists_of(requests, "Accounts")))
        # What changed while it was read may still be old or missing, but nothing may be a mix of two versions.
        self.assert_equal_to_ledger(simulator, target, ["accounts"], partial=True)
        self.quiet(simulator)
        second = self.sync(home)
        self.assert_equal_to_ledger(simulator, target, ["accounts"], at_least=ties + OTHERS)
        if IS_SLOW:
            print("\n%-8s %-7s %4d ties %d slices: %4d requests, %.1f s" % (
                token, change, ties, slices, len(simulator.requests()), first.seconds + second.seconds),
                end="", flush=True)

    def assert_changes_fell_between(self, simulator, change, list_requests):
        """At least one for two list requests, or the scan was not disturbed at all."""
        wanted = min(list_requests, REQUESTS_WITH_CHANGES) // 2
        deleted_or_edited = simulator.get("stats")["changes"]
        self.assertGreaterEqual(deleted_or_edited[change], wanted)

    def test_undisturbed_walks_cost_little_more_than_full_pages(self):
        # Stream to the size of its largest second and its records. A second that just fills a page costs five requests
        # more, whatever the size of the walk; one that leaves a row free costs one at most.
        sizes = {"deals": (1, 6000), "vendors": (199, 10_000), "accounts": (200, 30_000)}
        widths = FIELDS if IS_SLOW else {1: FIELDS[1]}
        for token in TOKENS if IS_SLOW else random.Random(SEED).sample(TOKENS, 1):
            for slices, fields in widths.items():
                with self.subTest(token=token, slices=slices):
                    self.count_requests(token, slices, fields, sizes)

    def count_requests(self, token, slices, fields, sizes):
        target = self.postgres()
        flags = ["--records", ",".join("%s=%d" % (s, n) for s, (_, n) in sizes.items()),
                 "--fields", ",".join("%s=%d" % (s, fields) for s in sizes)]
        for stream, (ties, _) in sizes.items():
            flags += ["--tie", "%s=%d" % (stream, ties)]
        simulator = self.simulator(*flags)
        simulator.post("mode", token_mode=token)
        home = self.install(simulator, target, streams={s: None for s in sizes})
        home.inputs["anchor_date"] = "all"
        home.write()
        self.sync(home)
        requests = simulator.requests()
        for stream, (ties, records) in sizes.items():
            module = stream.capitalize()
            self.assertEqual(len(slices_of(requests, module)), slices)
            self.assertEqual(target.rows("select count(*) from " + target.table(stream))[0][0], records)
            used, ideal = len(lists_of(requests, module)), slices * -(-records // 200)
            if IS_SLOW:
                print("\n%-8s %3d ties %d slices: %d requests for %d full pages (+%.1f %%)" % (
                    token, ties, slices, used, ideal, 100 * (used / ideal - 1)), end="", flush=True)
            self.assertLessEqual(used, ideal * (1 + MOST_REQUESTS_ABOVE_IDEAL), (stream, ties))
