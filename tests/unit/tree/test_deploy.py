"""Container, compose and systemd files agree with each other and with the tree. (No container engine is needed.)"""
import configparser
import re
import shlex
import subprocess
import unittest

import yaml

from tests.unit.tree import source_tree

CONTAINERFILE = "deploy/container/Containerfile"
INSTRUCTIONS = {"FROM", "WORKDIR", "COPY", "RUN", "USER", "VOLUME", "EXPOSE", "HEALTHCHECK", "ENTRYPOINT", "CMD",
                "STOPSIGNAL"}
UNITS = ("sluice-proxy", "sluice-events", "sluice-client")


def instructions():
    """(word, rest) of every instruction, continuation lines joined."""
    joined = re.sub(r"\\\n", " ", source_tree.text(CONTAINERFILE))
    for line in joined.splitlines():
        if line.strip() and not line.startswith("#"):
            word, _, rest = line.partition(" ")
            yield word, rest.strip()


def stages():
    """Stage name -> its instructions, those of the stage it builds on first."""
    found, current = {}, None
    for word, rest in instructions():
        if word == "FROM":
            base, _, name = rest.split()
            found[name] = list(found.get(base, []))
            current = name
        else:
            found[current].append((word, rest))
    return found


class Containers(source_tree.TreeTest):
    def test_instructions_are_known_and_stages_named(self):
        wrong = [word for word, _ in instructions() if word not in INSTRUCTIONS]
        self.expect_none(wrong)
        self.assertEqual(set(stages()), {"build", "runtime", "pop", "store"})

    def test_what_is_copied_exists(self):
        wrong, known = [], stages()
        for word, rest in instructions():
            if word != "COPY":
                continue
            parts = shlex.split(rest)
            if parts[0].startswith("--from="):
                if parts[0].removeprefix("--from=") not in known:
                    wrong.append(rest)
                continue
            wrong += [path for path in parts[:-1] if not (source_tree.ROOT / path).exists()]
        self.expect_none(wrong)

    def test_everything_that_cmake_reads_is_copied(self):
        copied = " ".join(rest for word, rest in stages()["build"] if word == "COPY")
        for folder in re.findall(r"^add_subdirectory\((\w+)\)", source_tree.text("CMakeLists.txt"), re.MULTILINE):
            self.assertIn(folder, copied)

    def test_images_run_without_root_and_with_a_health_check(self):
        for name in ("pop", "store"):
            words = dict(stages()[name])
            self.assertEqual(words["USER"], "10001:10001")
            self.assertIn("sluice-health-check", words["HEALTHCHECK"])
            self.assertTrue(words["ENTRYPOINT"].startswith('["'))

    def test_health_check_asks_the_configured_port(self):
        for stage, configuration in (("pop", "proxy"), ("store", "events")):
            settings = yaml.safe_load(source_tree.text(f"deploy/container/{configuration}.yaml"))
            port = settings["health"]["address"].rpartition(":")[2]
            words = dict(stages()[stage])
            self.assertIn(f'"{port}"', words["HEALTHCHECK"])
            self.assertIn(port, words["EXPOSE"].split())

    def test_compose(self):
        compose = yaml.safe_load(source_tree.text("deploy/container/compose.yaml"))
        services = compose["services"]
        self.assertEqual(set(services), {"certificates", "store", "pop"})
        for name, service in services.items():
            with self.subTest(service=name):
                self.assertEqual(service["cap_drop"], ["ALL"])
                self.assertIn("no-new-privileges:true", service["security_opt"])
                self.assertIn(service.get("build", {}).get("target", "pop"), stages())
                self.assertLessEqual(set(service.get("depends_on", {})), set(services))
                for volume in service["volumes"]:
                    self.assertIn(volume.split(":")[0], compose["volumes"])
        addresses = {name: service["networks"]["sluice"]["ipv4_address"] for name, service in services.items()
                     if "networks" in service}
        proxy = yaml.safe_load(source_tree.text("deploy/container/proxy.yaml"))
        events = yaml.safe_load(source_tree.text("deploy/container/events.yaml"))
        self.assertEqual(proxy["events"]["address"], events["ingest"]["address"])
        self.assertTrue(events["ingest"]["address"].startswith(addresses["store"] + ":"))
        self.assertTrue(proxy["listeners"][0]["address"].startswith(addresses["pop"] + ":"))


class Units(source_tree.TreeTest):
    def test_sandbox(self):
        for name in UNITS:
            with self.subTest(unit=name):
                unit = configparser.ConfigParser(strict=False, interpolation=None)
                unit.optionxform = str
                unit.read_string(source_tree.text(f"deploy/systemd/{name}.service"))
                service = unit["Service"]
                self.assertIn(f"/{name} --config /etc/sluice/", service["ExecStart"])
                for key in ("NoNewPrivileges", "PrivateTmp", "PrivateDevices", "MemoryDenyWriteExecute"):
                    self.assertEqual(service[key], "yes", key)
                if name == "sluice-client":  # sees other users' processes, and nothing else of root's powers is left
                    self.assertEqual(set(service["CapabilityBoundingSet"].split()),
                                     {"CAP_NET_ADMIN", "CAP_SYS_PTRACE", "CAP_DAC_READ_SEARCH"})
                else:
                    self.assertEqual(service["DynamicUser"], "yes")
                self.assertEqual(service["ProtectSystem"], "strict")

    def test_systemd_understands_every_line(self):
        for name in UNITS:
            try:
                checked = subprocess.run(["systemd-analyze", "verify", "--man=no",
                                          str(source_tree.ROOT / f"deploy/systemd/{name}.service")],
                                         capture_output=True, text=True)
            except FileNotFoundError:
                self.skipTest("systemd-analyze is not installed")
            # The program is not installed in /usr/bin here; that complaint is expected.
            wrong = [line for line in checked.stderr.splitlines()
                     if f"{name}.service" in line and "is not executable" not in line]
            self.expect_none(wrong)


if __name__ == "__main__":
    unittest.main()
