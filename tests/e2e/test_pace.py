"""How many requests a first sync takes, and how fast it sends them."""

import math

from harness import RECORD_STREAMS, STREAMS, EndToEnd, module_of, scaled
from request_log import counts, lists_of, most_arrivals, most_in_flight, slices_of

PAGE = 200
NO_DELETE_LIST = {"notes"}


class Pace(EndToEnd):
    def accounted(self, simulator, streams):
        """What was asked for and what the contract allows, from the log and the ledger alone."""
        requests = simulator.requests()
        live = simulator.stats()["live"]
        wanted = extra = 0
        for stream in streams:
            slices = slices_of(requests, module_of(stream))
            # All slices page alike, so the first one's rows tell how many were delivered twice.
            rows = sum(r["rows"] for r in slices[0])
            repeated = rows - live[module_of(stream)]
            self.assertGreaterEqual(repeated, 0, stream)
            pages = max(1, math.ceil(live[module_of(stream)] / PAGE))
            wanted += len(slices) * pages
            extra += len(slices) * (math.ceil(rows / PAGE) - pages)
        by_kind = counts(requests)
        single_calls = {"fields": len(streams), "deleted": len(set(streams) - NO_DELETE_LIST), "token": 1, "org": 1,
                        "users": 1, "modules": 1}
        return requests, by_kind, wanted, extra, single_calls

    def test_first_sync_asks_no_more_than_needed(self):
        target = self.postgres()
        # The pages of a wide module and of a large one; at most three records a second, as seeded by default.
        simulator = self.simulator("--scale=%g" % max(1.0, scaled(100) / 100), "--fields", "deals=120",
                                   "--records", "leads=%d" % scaled(2200))
        self.sync(self.install(simulator, target))

        requests, by_kind, pages, repeated, single_calls = self.accounted(simulator, RECORD_STREAMS)
        needed = pages + sum(single_calls.values())
        print("requests %d: lists %d (pages x slices %d, repeated rows allow %d more), others %s" % (
            len(requests), by_kind["list"], pages, repeated, {k: by_kind[k] for k in single_calls}))
        self.assertEqual({k: by_kind[k] for k in single_calls}, single_calls)
        self.assertEqual(set(by_kind) - set(single_calls), {"list"})
        self.assertLessEqual(len(requests), needed * 1.02 + repeated)
        self.assertEqual(len(slices_of(requests, "Deals")), 3)
        for request in requests:
            self.assertIn(request["status"], (200, 204, 304), request)
        self.assert_equal_to_ledger(simulator, target, STREAMS)

    def test_pace_at_default_limits(self):
        target = self.postgres()
        streams = ["leads", "contacts", "deals"]
        sizes = ",".join("%s=%d" % (s, scaled(2000)) for s in streams)
        simulator = self.simulator("--records", sizes, "--fields", "deals=120")
        simulator.post("mode", latency_ms=50)
        result = self.sync(self.install(simulator, target, inputs={}, streams={s: None for s in streams}))

        requests = simulator.requests()
        most = most_arrivals(requests)
        self.assertLessEqual(most, 5)
        self.assertEqual(simulator.stats()["max_arrivals_950ms"], most)
        self.assertLessEqual(most_in_flight(requests), 3)
        used = self.share_of_rate(requests, streams)
        print("%d requests in %.1f s: %.1f %% of the rate, at most %d in 950 ms, at most %d in flight" % (
            len(requests), result.seconds, 100 * used, most, most_in_flight(requests)))
        self.assertGreaterEqual(used, 0.95)

    def share_of_rate(self, requests, streams):
        """Requests sent of those allowed, from the first list until one of the three streams has no more to ask."""
        lists = [[r["monotonic_us"] for r in lists_of(requests, module_of(s))] for s in streams]
        begin, end = max(min(times) for times in lists), min(max(times) for times in lists)
        times = sorted(r["monotonic_us"] for r in requests if begin <= r["monotonic_us"] <= end)
        steps = (len(times) - 1) // 5 * 5  # Five may leave at once: only whole rounds measure the rate.
        self.assertGreaterEqual(steps, 20)
        return steps / 5 / ((times[steps] - times[0]) / 1e6)
