#!/usr/bin/env python3
"""What is shipped beside the program: test_packaging.py PROGRAM BUILD_FOLDER [TEST…]"""

import gzip
import json
import os
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent.parent
PROGRAM = Path()
BUILD = Path()

CONFFILES = {"/etc/zohosyncd/env.yaml", "/etc/zohosyncd/replication.yaml"}
DOC = "/usr/share/doc/zohosyncd/"
CONTENT = CONFFILES | {
    "/usr/bin/zohosyncd",
    "/usr/lib/systemd/system/zohosyncd.service",
    "/usr/lib/sysusers.d/zohosyncd.conf",
    "/usr/lib/tmpfiles.d/zohosyncd.conf",
    "/usr/share/bash-completion/completions/zohosyncd",
    "/usr/share/man/man1/zohosyncd.1.gz",
    *(DOC + name for name in (
        "ARCHITECTURE.md", "README.md", "changelog.Debian.gz", "changelog.gz", "config/env.yaml",
        "config/replication.yaml", "copyright", "sbom.cdx.json")),
}
# Exposure as systemd rates it, times ten; 1.1 is what is left to a service that talks to the network.
HIGHEST_EXPOSURE = 11


def run(*command, **options):
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False, **options)


def output_of(*command, **options):
    done = run(*command, **options)
    assert done.returncode == 0, (command, done.returncode, done.stdout, done.stderr)
    return done.stdout


def help_of(*command):
    return output_of(PROGRAM, *command, "--help")


def commands_below(*command):
    """The names under "Subcommands:"."""
    below = re.search(r"^Subcommands:\n((?:  .*\n)+)", help_of(*command), re.MULTILINE)
    return re.findall(r"^  ([a-z]\S*)", below[1], re.MULTILINE) if below else []


def every_command(*command):
    yield command
    for name in commands_below(*command):
        yield from every_command(*command, name)


def flags_of(*command):
    """Every way to write every flag."""
    return {name for flags in re.findall(r"^  (-\S+)", help_of(*command), re.MULTILINE) for name in flags.split(",")}


class Unit(unittest.TestCase):
    def setUp(self):
        work = tempfile.TemporaryDirectory()
        self.addCleanup(work.cleanup)
        text = (ROOT / "systemd/zohosyncd.service").read_text()
        # The program is not installed here.
        self.unit = Path(work.name) / "zohosyncd.service"
        self.unit.write_text(re.sub(r"^(Exec\w+=-?)/usr/bin/zohosyncd", rf"\g<1>{PROGRAM}", text, flags=re.MULTILINE))

    def test_systemd_finds_nothing_to_say_about_it(self):
        # An unknown key is no failure for systemd, only a line.
        done = run("systemd-analyze", "verify", "--man=no", self.unit)

        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))

    def test_a_key_with_a_typing_error_would_be_found(self):
        self.unit.write_text(self.unit.read_text().replace("NoNewPrivileges=", "NoNewPrivilege="))

        self.assertIn("NoNewPrivilege", run("systemd-analyze", "verify", "--man=no", self.unit).stderr)

    def test_it_is_as_little_exposed_as_a_network_service_can_be(self):
        done = run("systemd-analyze", "security", "--offline=true", f"--threshold={HIGHEST_EXPOSURE}", self.unit)

        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_what_only_a_person_can_mend_is_not_tried_again(self):
        self.assertIn("\nRestartPreventExitStatus=64 65 77 78\n", self.unit.read_text())


class Manual(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.page = (BUILD / "packaging/zohosyncd.1").read_text()

    def test_it_has_a_section_for_every_command_and_no_other(self):
        told = set(re.findall(r"^\.SS ([a-z].*)$", self.page.replace(r"\-", "-"), re.MULTILINE))

        wanted = {" ".join(words) for words in every_command() if not commands_below(*words)}
        self.assertEqual(told, wanted)

    def test_each_command_has_its_flags_and_no_other(self):
        sections = dict(re.findall(r"^\.SS (.*)\n((?:(?!\.S[HS]).*\n)*)", self.page.replace(r"\-", "-"), re.MULTILINE))

        def flags_in(section):
            return set(re.findall(r"\\fB(-\S+?)\\fR", sections[section]))

        shared = flags_in("Flags of every command")
        self.assertLess({"-r", "--replication", "--help"}, shared)
        for words in every_command():
            if words and not commands_below(*words):
                with self.subTest(words):
                    self.assertEqual(flags_in(" ".join(words)) | shared, flags_of(*words))
        self.assertEqual(flags_in("Flags without a command") | {"-h", "--help"}, flags_of())

    def test_it_has_every_exit_status(self):
        numbers = set(re.findall(r"= (\d+)", (ROOT / "daemon/app/exit_code.hpp").read_text()))
        status = self.page.split(".SH EXIT STATUS")[1].split(".SH ")[0]

        self.assertGreater(len(numbers), 8)
        self.assertEqual(set(re.findall(r"\b\d+\b", status.replace("0).", "").replace("5 seconds", ""))), numbers)

    def test_it_is_set_without_a_warning(self):
        done = run("man", "--warnings", "-l", BUILD / "packaging/zohosyncd.1", env=os.environ | {"LC_ALL": "C.UTF-8"})

        self.assertEqual((done.returncode, done.stderr), (0, ""))


class Completion(unittest.TestCase):
    def offered(self, *words):
        """What the shell would offer for the last of `words`."""
        script = """source "$1"; shift
            COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
            _zohosyncd; printf '%s\\n' "${COMPREPLY[@]}" """
        path = f"{PROGRAM.parent}:{os.environ['PATH']}"
        return set(output_of("bash", "-c", script, "bash", ROOT / "packaging/zohosyncd.bash", "zohosyncd", *words,
                             env=os.environ | {"PATH": path}).split())

    def test_every_command_is_offered(self):
        for words in every_command():
            with self.subTest(words):
                self.assertEqual(self.offered(*words, ""), set(commands_below(*words)))

    def test_every_flag_is_offered(self):
        for words in every_command():
            with self.subTest(words):
                self.assertEqual(self.offered(*words, "-"), flags_of(*words))

    def test_a_beginning_is_completed(self):
        self.assertEqual(self.offered("ver"), {"verify"})
        self.assertEqual(self.offered("conns", "te"), {"test"})
        self.assertEqual(self.offered("-r", "a.yaml", "--log-format", "js"), {"json"})


class Program(unittest.TestCase):
    """How the program was compiled."""

    def test_it_lies_anywhere_in_memory_and_its_tables_are_read_only(self):
        self.assertRegex(output_of("readelf", "-h", PROGRAM), r"Type:\s+DYN \(Position-Independent Executable")
        segments = output_of("readelf", "-lW", PROGRAM)
        self.assertIn("GNU_RELRO", segments)
        self.assertRegex(segments, r"GNU_STACK.* RW ")
        self.assertRegex(output_of("readelf", "-dW", PROGRAM), r"FLAGS_1\).*NOW")

    def test_its_stack_and_its_containers_are_watched(self):
        called = set(re.findall(r"UND (\w+)", output_of("readelf", "--dyn-syms", "-W", PROGRAM)))

        self.assertIn("__stack_chk_fail", called)
        self.assertIn("_ZSt21__glibcxx_assert_failPKciS0_S0_", called)

    def test_every_source_was_compiled_with_the_flags(self):
        # Calls whose bounds are known when compiling, as all of ours are, leave no trace of _FORTIFY_SOURCE behind.
        commands = json.loads((BUILD / "compile_commands.json").read_text())
        ours = [c for c in commands if re.search(r"/(daemon|sinks)/", c["file"].removeprefix(str(ROOT)))]

        self.assertGreater(len(ours), 50)
        for flag in ("-O2", "-D_FORTIFY_SOURCE=3", "-D_GLIBCXX_ASSERTIONS", "-fstack-protector-strong",
                     "-fstack-clash-protection", "-ftrivial-auto-var-init=zero", "-fPIE"):
            self.assertEqual([c["file"] for c in ours if flag not in c["command"].split()], [], flag)

    def test_every_target_of_a_jump_is_marked(self):
        if "X86-64" not in output_of("readelf", "-h", PROGRAM):
            self.skipTest("for x86-64")
        # Debian's C library is not marked, hence neither is the program as a whole; our functions are.
        code = output_of("objdump", "-d", "--no-show-raw-insn", "--disassemble=main", PROGRAM)
        self.assertRegex(code, r"<main>:\n\s+\S+:\s+endbr64")

    def test_it_does_not_tell_where_it_was_compiled(self):
        self.assertNotIn(str(ROOT).encode(), PROGRAM.read_bytes())


class Bill(unittest.TestCase):
    def test_it_lists_what_the_program_is_linked_with_and_compiled_from(self):
        bill = json.loads((BUILD / "packaging/sbom.cdx.json").read_text())
        names = {part["name"] for part in bill["components"]}
        needed = re.findall(r"\(NEEDED\).*\[(.*)\]", output_of("readelf", "-d", PROGRAM))
        hashed = {p["name"].removeprefix("zohosyncd:sha256:") for part in bill["components"] for p in part["properties"]}

        self.assertEqual(bill["bomFormat"], "CycloneDX")
        self.assertEqual({library for library in needed if library not in hashed}, set())
        self.assertLess({"libcurl4", "libpq5", "libssl3", "nlohmann-json3-dev", "libcli11-dev"}, names)
        for part in bill["components"]:
            self.assertTrue(part["version"], part["name"])


class Samples(unittest.TestCase):
    def test_they_hold(self):
        with tempfile.TemporaryDirectory() as state:
            done = run(PROGRAM, "check", "--offline", "-r", ROOT / "config/replication.yaml", "--env-file",
                       ROOT / "config/env.yaml", env={"PATH": os.environ["PATH"], "STATE_DIRECTORY": state})

        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


class Compose(unittest.TestCase):
    """compose.yaml, as far as that can be told without containers."""

    def setUp(self):
        text = (ROOT / "compose.yaml").read_text()
        given = {"ZOHO_CLIENT_ID": "1000.A", "ZOHO_CLIENT_SECRET": "b", "ZOHO_SOID": "ZohoCRM.1"}
        text = re.sub(r"\$\{(\w+):-(.*?)\}", lambda variable: given.get(variable[1], variable[2]), text)
        self.services = yaml.safe_load(text)["services"]

    def test_the_connections_it_makes_are_understood(self):
        for name in ("zohosyncd", "zohosyncd-simulated"):
            with self.subTest(name), tempfile.TemporaryDirectory() as state:
                done = run(PROGRAM, "check", "--offline", "-r", ROOT / "config/replication.yaml",
                           env={"STATE_DIRECTORY": state, **self.services[name]["environment"]})

                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_the_program_has_no_rights(self):
        for name in ("zohosyncd", "zohosyncd-simulated"):
            service = self.services[name]
            self.assertTrue(service["read_only"])
            self.assertEqual(service["cap_drop"], ["ALL"])
            self.assertEqual(service["security_opt"], ["no-new-privileges:true"])

    def test_only_the_real_one_starts_by_itself(self):
        self.assertEqual({name for name, service in self.services.items() if "profiles" not in service},
                         {"postgres", "zohosyncd"})


class Package(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        work = tempfile.TemporaryDirectory()
        cls.addClassCleanup(work.cleanup)
        output_of("cpack", "-G", "DEB", "-B", work.name, cwd=BUILD)
        cls.package = next(Path(work.name).glob("*.deb"))

    def rows(self):
        """(mode, owner, path) of each file, folders left out."""
        for line in output_of("dpkg-deb", "-c", self.package).splitlines():
            mode, owner, *_, path = line.split()
            if not path.endswith("/"):
                yield mode, owner, path.removeprefix(".")

    def test_it_has_what_it_should_and_nothing_else(self):
        documents = {DOC + str(path.relative_to(ROOT)) for path in (ROOT / "docs").rglob("*") if path.is_file()}

        self.assertGreater(len(documents), 0)
        self.assertEqual({path for _, _, path in self.rows()}, CONTENT | documents)

    def test_its_files_belong_to_root_and_only_passwords_are_hidden(self):
        for mode, owner, path in self.rows():
            with self.subTest(path):
                self.assertEqual(owner, "root/root")
                wanted = "-rw-r-----" if path in CONFFILES else "-rwxr-xr-x" if "/bin/" in path else "-rw-r--r--"
                self.assertEqual(mode, wanted)

    def test_the_configuration_is_the_administrator_s(self):
        self.assertEqual(set(output_of("dpkg-deb", "-I", self.package, "conffiles").split()), CONFFILES)

    def test_it_depends_on_what_the_program_is_linked_with(self):
        depends = output_of("dpkg-deb", "-f", self.package, "Depends")

        for package in ("libc6", "libcurl4", "libpq5", "libsqlite3-0", "ca-certificates", "procps", "systemd", "tzdata"):
            self.assertRegex(depends, rf"(^|, ){package}( |,|$)")

    def test_its_scripts_are_well_formed(self):
        for script in ("postinst", "prerm", "postrm"):
            output_of("sh", "-n", ROOT / "packaging/debian" / script)

    def test_its_changelog_names_its_version(self):
        with tempfile.TemporaryDirectory() as tree:
            output_of("dpkg-deb", "-x", self.package, tree)
            newest = gzip.decompress(Path(tree + DOC + "changelog.Debian.gz").read_bytes()).decode().split("\n")[0]

        self.assertIn("({})".format(output_of("dpkg-deb", "-f", self.package, "Version").strip()), newest)


if __name__ == "__main__":
    PROGRAM, BUILD = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
