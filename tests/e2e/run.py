#!/usr/bin/python3
"""End-to-end tests: the real binary, the simulated Zoho, a real database.

run.py --binary PATH --simulator PATH [--pg CONNINFO] [--tests DIRECTORY] [pattern …]

A pattern is a file (test_first_sync) or a part of a test's name. Without --pg and ZOHOSYNCD_TEST_PG a
throw-away PostgreSQL is started. ZOHOSYNCD_E2E_SCALE=30 gives the sizes that a release is judged by.
"""

import argparse
import os
import sys
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent


def tests_in(suite):
    for entry in suite:
        yield from tests_in(entry) if isinstance(entry, unittest.TestSuite) else [entry]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--simulator", required=True)
    parser.add_argument("--pg", help="conninfo of a superuser on a throw-away server")
    parser.add_argument("--tests", type=Path, default=HERE, help="directory of other tests that build on these")
    parser.add_argument("patterns", nargs="*")
    arguments = parser.parse_args()
    os.environ["ZOHOSYNCD_BINARY"] = str(Path(arguments.binary).resolve())
    os.environ["ZOHO_SIMULATOR"] = str(Path(arguments.simulator).resolve())
    if arguments.pg:
        os.environ["ZOHOSYNCD_TEST_PG"] = arguments.pg

    sys.path.insert(0, str(HERE))
    tests = str(arguments.tests.resolve())
    found = unittest.defaultTestLoader.discover(tests, pattern="test_*.py", top_level_dir=tests)
    chosen = [t for t in tests_in(found)
              if not arguments.patterns or any(p in t.id() or t.id().startswith("unittest.loader") for p in arguments.patterns)]
    if not chosen:
        sys.exit("no test matches " + " ".join(arguments.patterns))
    result = unittest.TextTestRunner(verbosity=2).run(unittest.TestSuite(chosen))
    sys.exit(0 if result.wasSuccessful() else 1)


if __name__ == "__main__":
    main()
