#!/usr/bin/python3
"""Runs the daemon in each fault, scrapes it as Prometheus would, and writes what promtool tests the rules with.

record.py --binary PATH --simulator PATH [scenario …]

All scenarios run at once and take seventeen minutes: three of calm, then the fault, in real time, because the rules wait
in real time. What comes out is kept in tests/alerts/recorded; the test `alerts` needs only that and promtool. To be run
again when a metric or a rule changes that it has no record of.
"""

import argparse
import os
import re
import sys
import threading
import time
import traceback
import urllib.request
from pathlib import Path

from sizes import CALM, SCRAPES, STEP

HERE = Path(__file__).resolve().parent
RULES = HERE.parents[1] / "docs/alerts/zohosyncd.rules.yml"
AS_EVER = "ZohosyncdDeadMansSwitch"


class Recording:
    """The samples of one scenario, on Prometheus' clock: it begins at zero."""

    def __init__(self, metrics):
        self.metrics = metrics
        self.begun = time.time()
        self.series = {'up{job="zohosyncd",instance="one"}': []}
        self.scrapes = 0

    def add(self, text):
        """One scrape; None when there was no answer."""
        found = {'up{job="zohosyncd",instance="one"}': 0 if text is None else 1}
        for line in (text or "").splitlines():
            name = re.match(r"[a-z_0-9]+", line)
            if name and name.group(0) in self.metrics:
                found.update([self.sample(line, name.group(0))])
        for series in found.keys() - self.series.keys():
            self.series[series] = [None] * self.scrapes
        for series, values in self.series.items():
            values.append(found.get(series))
        self.scrapes += 1

    def sample(self, line, name):
        series, _, value = line.rpartition(" ")
        labels = series.partition("{")[2].rstrip("}")
        value = float(value)
        if name.endswith(("_timestamp_seconds", "_start_time_seconds")):
            value -= int(self.begun)
        where = 'job="zohosyncd",instance="one"'
        return "%s{%s}" % (name, where + ("," + labels if labels else "")), int(value) if value == int(value) else round(value, 3)


def compact(values):
    """promtool's notation: "5+15x3" is 5 20 35 50, "_x3" three without a sample."""
    words, at = [], 0
    while at < len(values):
        value, end = values[at], at + 1
        if value is None:
            while end < len(values) and values[end] is None:
                end += 1
            # Prometheus marks what a scrape no longer shows; before its first sample a series is not known.
            gone = at > 0
            words += ["stale"] if gone else []
            words += ["_x%d" % (end - at - gone)] if end - at > gone else []
        else:
            step = values[end] - value if end < len(values) and values[end] is not None else 0
            while end < len(values) and isinstance(step, int) and values[end] is not None and values[end] - values[end - 1] == step:
                end += 1
            words.append("%s%+dx%d" % (value, step, end - at - 1) if end - at > 1 else str(value))
        at = end
    return " ".join(words)


def check(at, alerts):
    lines = ["    - eval_time: %ds" % at, "      expr: group by (alertname) (ALERTS{alertstate=\"firing\"})", "      exp_samples:"]
    for name in sorted(alerts | {AS_EVER}):
        lines += ["      - {labels: '{alertname=\"%s\"}', value: 1}" % name]
    return lines


def test_file(scenario, recording):
    """promtool's test: what was scraped, nothing but the dead man's switch at the end of the calm, then these alerts."""
    lines = ["# Recorded by tests/alerts/record.py: %s" % scenario.__doc__.strip(),
             "rule_files: [../../../docs/alerts/%s]" % RULES.name, "evaluation_interval: %ds" % STEP, "tests:",
             "- interval: %ds" % STEP, "  input_series:"]
    for series, values in sorted(recording.series.items()):
        lines += ["  - series: '%s'" % series, "    values: '%s'" % compact(values)]
    lines += ["  promql_expr_test:"] + check((CALM - 1) * STEP, set()) + check((recording.scrapes - 1) * STEP, scenario.expects)
    return "\n".join(lines) + "\n"


class Clockwork:
    """Takes one scenario through its time."""

    def __init__(self, kind, metrics):
        self.kind, self.metrics, self.error = kind, metrics, None

    def run(self):
        scenario = self.kind()
        try:
            scenario.begin()
            recording = Recording(self.metrics)
            for number in range(SCRAPES):
                time.sleep(max(0, recording.begun + number * STEP - time.time()))
                if number == CALM:
                    scenario.fault()
                scenario.tick(number)
                recording.add(self.scrape(scenario.url()))
            (HERE / "recorded" / (self.kind.name() + ".test.yml")).write_text(test_file(scenario, recording))
            print("recorded", self.kind.name(), flush=True)
        except Exception:
            self.error = traceback.format_exc()
            print(self.kind.name(), self.error, flush=True)
        finally:
            scenario.end()

    @staticmethod
    def scrape(url):
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return answer.read().decode()
        except OSError:
            return None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--simulator", required=True)
    parser.add_argument("scenarios", nargs="*")
    arguments = parser.parse_args()
    os.environ["ZOHOSYNCD_BINARY"] = str(Path(arguments.binary).resolve())
    os.environ["ZOHO_SIMULATOR"] = str(Path(arguments.simulator).resolve())
    sys.path[:0] = [str(HERE.parent / "e2e"), str(HERE.parent / "chaos")]
    import scenarios

    chosen = [kind for kind in scenarios.ALL if not arguments.scenarios or kind.name() in arguments.scenarios]
    metrics = set(re.findall(r"zohosyncd_\w+", RULES.read_text()))
    (HERE / "recorded").mkdir(exist_ok=True)
    works = [Clockwork(kind, metrics) for kind in chosen]
    threads = [threading.Thread(target=work.run) for work in works]
    for thread in threads:
        thread.start()
        time.sleep(0.5)
    for thread in threads:
        thread.join()
    sys.exit(any(work.error for work in works))


if __name__ == "__main__":
    main()
