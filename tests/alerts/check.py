#!/usr/bin/python3
"""Tests the alert rules with promtool, and that rules, metrics, recordings and docs/operate.md know of each other."""

import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
RULES = ROOT / "docs/alerts/zohosyncd.rules.yml"
# Of Prometheus' text format, behind a histogram's name.
PARTS = re.compile(r"_(bucket|sum|count)$")


def problems():
    rules = RULES.read_text()
    alerts = set(re.findall(r"- alert: (\w+)", rules))
    exported = {"zohosyncd_" + name for name in
                re.findall(r"\{Metric::\w+,\s*Kind::\w+,\s*\"(\w+)\"", (ROOT / "daemon/runtime/metrics.cpp").read_text())}
    tests = sorted(HERE.glob("recorded/*.test.yml")) + [HERE / "synthetic.test.yml"]
    raised = set(re.findall(r'alertname="(\w+)"', "".join(test.read_text() for test in tests)))
    documented = (ROOT / "docs/operate.md").read_text()
    sys.path[:0] = [str(HERE.parent / "e2e"), str(HERE.parent / "chaos")]
    import scenarios

    yield from ("no metric %s, which a rule asks for" % name for name in
                {PARTS.sub("", found) for found in re.findall(r"zohosyncd_\w+", rules)} - exported)
    yield from ("no test raises " + alert for alert in alerts - raised)
    yield from ("docs/operate.md has no paragraph on " + alert for alert in sorted(alerts) if "**%s**" % alert not in documented)
    yield from ("docs/operate.md does not name " + name for name in sorted(exported) if "`%s" % name[len("zohosyncd_"):] not in documented)
    yield from ("%s was not recorded" % kind.name() for kind in scenarios.ALL
                if not (HERE / "recorded" / (kind.name() + ".test.yml")).is_file())
    if len(exported) < 50:
        yield "only %d metrics were found" % len(exported)
    for command in (["check", "rules", str(RULES)], ["test", "rules", *map(str, tests)]):
        done = subprocess.run(["promtool", *command], capture_output=True, text=True)
        if done.returncode != 0:
            yield "promtool %s: %s" % (" ".join(command[:2]), done.stdout + done.stderr)


if __name__ == "__main__":
    found = list(problems())
    print("\n".join(found) or "all alerts are raised by what should raise them, and by nothing else")
    sys.exit(bool(found))
