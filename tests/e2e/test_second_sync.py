"""What a sync costs and writes when little or nothing has changed."""

import oracle
from harness import LOOSE_STREAMS, RECORD_STREAMS, STREAMS, EndToEnd, module_of, scaled
from request_log import counts, lists_of

SCALE = ["--scale=%g" % max(0.5, scaled(50) / 100)]
WITH_DELETE_LIST = [s for s in RECORD_STREAMS if s != "notes"]


class SecondSync(EndToEnd):
    def after_first_sync(self, target, *flags):
        simulator = self.simulator(*SCALE, "--fields", "deals=120", *flags)
        installation = self.install(simulator, target)
        installation.daemon["overlap"] = "1s"
        installation.write()
        self.sync(installation)
        target.settle()
        return simulator, installation

    def check_idle_requests(self, simulator):
        requests = simulator.requests()
        for stream in RECORD_STREAMS:
            lists = lists_of(requests, module_of(stream))
            self.assertEqual([r["status"] for r in lists], [304], (stream, lists))
            deleted = [r for r in requests if r["kind"] == "deleted:" + module_of(stream)]
            self.assertEqual(len(deleted), int(stream in WITH_DELETE_LIST), (stream, deleted))
        self.assertEqual(counts(requests)["single"], 0)
        self.assertEqual(counts(requests)["token"], 0)

    def test_idle_sync_writes_no_row_in_postgres(self):
        target = self.postgres()
        simulator, installation = self.after_first_sync(target)
        versions = {s: target.row_versions(s) for s in STREAMS}
        writes = target.write_counts()
        simulator.forget_requests()

        result = self.sync(installation)
        target.settle()

        self.check_idle_requests(simulator)
        self.assertEqual({s: target.row_versions(s) for s in STREAMS}, versions)
        after = target.write_counts()
        written = {t: (writes.get(t), after[t]) for t in after if after[t] != writes.get(t)}
        data = {t for t in written if t.startswith("zoho_crm.")}
        self.assertEqual(data, set(), written)
        self.assertLessEqual(written.keys(), {"zohosync." + t for t in ("sync_state", "sync_runs", "lease", "credits")},
                             written)
        state, before = after["zohosync.sync_state"], writes["zohosync.sync_state"]
        self.assertEqual(state[0], before[0])
        # One small update for each stream; a full refresh stages its page first.
        self.assertLessEqual(state[1] - before[1], len(STREAMS) + len(LOOSE_STREAMS))
        print("idle sync: %d requests, %.1f s, written: %s" % (
            len(simulator.requests()), result.seconds, {t: after[t] for t in written}))
        self.assert_equal_to_ledger(simulator, target)

    def test_idle_sync_writes_no_row_in_sqlite(self):
        target = self.sqlite()
        simulator, installation = self.after_first_sync(target)
        versions = {s: target.row_versions(s) for s in STREAMS}
        simulator.forget_requests()

        self.sync(installation)

        self.check_idle_requests(simulator)
        self.assertEqual({s: target.row_versions(s) for s in STREAMS}, versions)

    def check_changes(self, target, policy="soft"):
        """1 % edited, 20 deleted, 5 of the earlier deleted restored, 3 of them without a moved Modified_Time."""
        simulator = self.simulator(*SCALE, "--records", "leads=%d" % scaled(600))
        installation = self.install(simulator, target)
        installation.defaults["target_options"] = {"delete_missing": policy}
        installation.write()
        self.sync(installation)
        gone = simulator.ids("delete", "Leads", count=12)
        self.sync(installation)
        self.assert_equal_to_ledger(simulator, target, ["leads"], deletes=policy, gone=gone)
        target.settle()
        versions = {s: target.row_versions(s) for s in STREAMS}

        gone = sorted(gone)
        changed = {"leads": set()}
        # A hard delete leaves nothing by which an unmoved record could be missed.
        restored = {"leads": simulator.ids("restore", "Leads", ids=[str(i) for i in gone[:2]])
                    | simulator.ids("restore", "Leads", ids=[str(i) for i in gone[2:5]], move_modified_time=policy == "hard")}
        self.assertEqual(len(restored["leads"]), 5)
        for stream in RECORD_STREAMS:
            module, count = module_of(stream), len(versions[stream])
            edited = simulator.ids("edit", module, count=max(1, count // 100))
            changed[stream] = edited | restored.get(stream, set())
        deleted = simulator.ids("delete", "Leads", count=20)
        changed["leads"] |= deleted
        self.sync(installation)

        target.settle()
        self.assert_equal_to_ledger(simulator, target, deletes=policy, gone=deleted)
        for stream in STREAMS:
            after = target.row_versions(stream)
            written = {i for i in after.keys() | versions[stream].keys() if after.get(i) != versions[stream].get(i)}
            with self.subTest(stream):
                self.assertEqual(written, changed.get(stream, set()))
        return simulator, installation, deleted

    def test_changes_reach_postgres_and_only_they_are_written(self):
        target = self.postgres()
        simulator, installation, deleted = self.check_changes(target)

        # One more sync finds the same list again and writes nothing.
        target.settle()
        versions = {s: target.row_versions(s) for s in STREAMS}
        self.sync(installation)
        self.assertEqual({s: target.row_versions(s) for s in STREAMS}, versions)
        self.assert_equal_to_ledger(simulator, target, gone=deleted)

    def test_changes_reach_sqlite_and_only_they_are_written(self):
        self.check_changes(self.sqlite())

    def test_hard_deletes(self):
        target = self.postgres()
        simulator, _, deleted = self.check_changes(target, "hard")
        left = target.rows("select count(*) from zoho_crm.leads where _deleted_at is not null")
        self.assertEqual(left, [(0,)])
        self.assertFalse(deleted & target.row_versions("leads").keys())

    def test_deletes_are_kept_when_asked(self):
        target = self.postgres()
        simulator = self.simulator("--records", "leads=300")
        installation = self.install(simulator, target, streams={"leads": None})
        installation.defaults["target_options"] = {"delete_missing": "none"}
        installation.write()
        self.sync(installation)
        gone = simulator.ids("delete", "Leads", count=10)
        self.sync(installation)
        self.assertLessEqual(gone, target.row_versions("leads").keys())
        self.assert_equal_to_ledger(simulator, target, ["leads"], deletes="none")

    def test_users_and_modules_are_merged(self):
        target = self.postgres()
        simulator, installation = self.after_first_sync(target, "--users", "40")
        versions = target.row_versions("users")
        entries = [oracle.parse_json(line) for line in simulator.ledger_lines("users")]

        # Presence alone is no change.
        simulator.post("edit", module="users", index=1, fields={"Isonline": True, "offset": 3_600_000})
        simulator.post("edit", module="users", index=2, fields={"Isonline": True})
        self.sync(installation, "--streams", "users,modules")
        target.settle()
        self.assertEqual(target.row_versions("users"), versions)

        edited = simulator.ids("edit", "users", index=3)
        created = simulator.ids("create", "users")
        erased = {int(entries[5]["id"])}
        simulator.post("delete", module="users", id=str(min(erased)))
        self.sync(installation, "--streams", "users")
        after = target.row_versions("users")
        written = {i for i in after if after.get(i) != versions.get(i)}
        self.assertEqual(written, edited | created)  # One walk without a user is no proof.

        self.sync(installation, "--streams", "users")
        self.assert_equal_to_ledger(simulator, target, ["users"], gone=erased)
        deleted = target.rows("select id from zoho_crm.users where _deleted_at is not null")
        self.assertEqual({r[0] for r in deleted}, erased)
