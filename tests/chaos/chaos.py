"""What the chaos suite adds to tests/e2e: two sizes, a seed that is always said, and totals."""

import json
import os
import random
import time

from harness import EndToEnd

# "ci" is run with every change; "full" is what a release is judged by (scripts/chaos --release).
FULL = os.environ.get("ZOHOSYNCD_CHAOS_SIZE", "ci") == "full"


def sized(ci, full):
    return full if FULL else ci


class Chaos(EndToEnd):
    """A test that draws everything it leaves to chance from `self.chance`. ZOHOSYNCD_E2E_SEED repeats one."""

    def setUp(self):
        super().setUp()
        self.seed = int(os.environ.get("ZOHOSYNCD_E2E_SEED") or random.SystemRandom().randrange(10**6))
        self.chance = random.Random(self.seed)
        self.begun = time.monotonic()
        print("seed %d" % self.seed, end=" ", flush=True)

    def total(self, **figures):
        """Says what was done; scripts/chaos lists it again at its end. Call it last: a test that failed has no totals."""
        figures = {"test": self.id().split(".", 1)[1], "seed": self.seed, **figures,
                   "seconds": round(time.monotonic() - self.begun, 1)}
        print(", ".join("%s %s" % (value, key) for key, value in figures.items() if key not in ("test", "seed")),
              end=" ", flush=True)
        path = os.environ.get("ZOHOSYNCD_CHAOS_TOTALS")
        if path:
            with open(path, "a") as file:
                file.write(json.dumps(figures) + "\n")
