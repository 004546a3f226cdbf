// Runs the program itself: output, errors and exit codes as a person or a script meets them.
#include <sys/wait.h>

#include <array>
#include <catch2/catch.hpp>
#include <cstdio>

#include "tests/support/temporary_folder.h"

namespace sluice::ctl {

namespace {

struct Ran {
  int code;
  std::string output;
  bool operator==(const Ran&) const = default;
};

std::ostream& operator<<(std::ostream& out, const Ran& ran) {
  return out << ran.code << ": " << ran.output;
}

// Runs `sluicectl ARGUMENTS` in `folder`. `streams` is shell: by default stdout is dropped and stderr is the output.
Ran ctl(const TemporaryFolder& folder, const std::string& arguments, const char* streams = "2>&1 >/dev/null") {
  FILE* pipe = popen(("cd " + folder.path() + " && " SLUICECTL " " + arguments + " " + streams).c_str(), "r");
  REQUIRE(pipe != nullptr);
  std::string output;
  std::array<char, 4096> buffer{};
  while (const size_t count = fread(buffer.data(), 1, buffer.size(), pipe)) output.append(buffer.data(), count);
  const int status = pclose(pipe);
  REQUIRE(WIFEXITED(status));
  return {WEXITSTATUS(status), output};
}

constexpr const char* stdout_only = "2>/dev/null";

}  // namespace

TEST_CASE("help and version go to stdout") {
  const TemporaryFolder folder;
  for (const char* command :
       {"--help", "ca --help", "ca init --help", "ca issue-server --help", "config check --help"}) {
    const Ran help = ctl(folder, command, stdout_only);
    CHECK(help.code == 0);
    CHECK(help.output.find("Usage: sluicectl") != std::string::npos);
  }
  CHECK(ctl(folder, "ca init --help", stdout_only).output.find("Example:\n  sluicectl ca init") != std::string::npos);
  const Ran version = ctl(folder, "--version", stdout_only);
  CHECK(version.code == 0);
  CHECK(version.output.starts_with("sluicectl "));
}

TEST_CASE("every command shows how it is used, and nothing of other commands") {
  const TemporaryFolder folder;
  for (const char* command : {"events search",   "events tail",   "events export", "events backup", "events stats",
                              "token create",    "token list",    "token revoke",  "status",        "bypass add",
                              "bypass list",     "bypass delete", "policy diff",   "policy apply",  "policy history",
                              "policy rollback", "config check",  "config show",   "ca init",       "explain"}) {
    INFO(command);
    const std::string help = ctl(folder, std::string(command) + " --help", stdout_only).output;
    const size_t examples = help.find("\nExample");
    REQUIRE(examples != std::string::npos);
    CHECK(help.find(command, examples) != std::string::npos);
    CHECK((std::string_view(command) == "ca init" || help.find("ca init") == std::string::npos));
  }
  for (const char* group : {"events", "token", "bypass", "policy", "config", "ca"}) {
    INFO(group);
    const std::string help = ctl(folder, std::string(group) + " --help", stdout_only).output;
    CHECK(help.find("Examples: sluicectl " + std::string(group) + " COMMAND --help") != std::string::npos);
  }
}

TEST_CASE("usage errors are one sentence with the nearest word, exit code 2") {
  const TemporaryFolder folder;
  struct Case {
    const char* arguments;
    const char* error;
  };
  const Case cases[] = {
      {"ca",
       "a command is missing; known: `init`, `issue-server`, `issue-producer`, `issue-client`; see `sluicectl ca "
       "--help`"},
      {"cnofig check", "unknown command `cnofig`; did you mean `config`?"},
      {"config chek x", "unknown command `chek`; did you mean `check`?"},
      {"config zzzzzzzz", "unknown command `zzzzzzzz`; known: `check`, `show`"},
      {"config check --knd x", "unknown option `--knd`; did you mean `--kind`?; see `sluicectl config check --help`"},
      {"config check --kind proxy", "FILE is required; see `sluicectl config check --help`"},
      {"ca init", "--dir is required; see `sluicectl ca init --help`"},
      {"--no-such-option", "unknown option `--no-such-option`; see `sluicectl --help`"},
  };
  for (const Case& c : cases) {
    INFO(c.arguments);
    CHECK(ctl(folder, c.arguments) == Ran{2, std::string("sluicectl: ") + c.error + "\n"});
  }
}

TEST_CASE("sluicectl alone names its commands") {
  const TemporaryFolder folder;
  const Ran alone = ctl(folder, "");
  CHECK(alone.code == 2);
  CHECK(alone.output.starts_with("sluicectl: a command is missing; known: `ca`, `config`"));
}

TEST_CASE("ca init makes a folder of files once") {
  const TemporaryFolder folder;
  const Ran made = ctl(folder, "ca init --dir ca --name Acme", stdout_only);
  CHECK(made.code == 0);
  CHECK(made.output.find("ca/ca.crt                 issuing CA of one PoP          ") != std::string::npos);
  CHECK(made.output.find("ca/ca.key                 its key                        (secret, mode 0600)\n") !=
        std::string::npos);
  CHECK(made.output.find("Next: let clients trust ca/root.crt") != std::string::npos);
  CHECK(ctl(folder, "ca init ca") ==
        Ran{1,
            "sluicectl: ca/interception-root.crt: exists already and is not replaced; choose another place or move it "
            "away\n"});
  CHECK(ctl(folder, "ca issue-server --dir ca --name store --san DNS:store.example,IP:127.0.0.1 --out store").code ==
        0);
  CHECK(ctl(folder, "ca issue-producer --dir ca --name pop --out pop").code == 0);
  CHECK(ctl(folder, "ca issue-producer --dir ca --name pop --out pop").code == 1);

  // What was made is what a configuration takes.
  folder.write(
      "proxy.yaml",
      "listeners: [{name: a, address: 127.0.0.1:0}]\n"
      "events: {address: 192.0.2.1:8445, tls: {certificate: pop.crt, key: pop.key, ca: ca/service-root.crt}}\n");
  CHECK(ctl(folder, "config check proxy.yaml", stdout_only) == Ran{0, "proxy.yaml: ok\n"});
}

TEST_CASE("config check tells every file, by its kind") {
  const TemporaryFolder folder;
  folder.write("proxy.yaml", "listeners: [{name: a, address: 127.0.0.1:0}]\n");
  folder.write("events.yaml", "ingest: {address: 127.0.0.1:0}\nstore: {sqlite: {directory: s}}\n");
  folder.write("bad.yaml", "listeners: [{name: a, adress: 127.0.0.1:0}]\n");
  folder.write("neither.yaml", "name: a\n");
  CHECK(ctl(folder, "config check proxy.yaml events.yaml", stdout_only) == Ran{0, "proxy.yaml: ok\nevents.yaml: ok\n"});
  CHECK(ctl(folder, "config check bad.yaml proxy.yaml") ==
        Ran{2, "bad.yaml:1:23: listeners[0].adress: unknown field; did you mean `address`?\n"});
  CHECK(ctl(folder, "config check bad.yaml proxy.yaml", stdout_only) == Ran{2, "proxy.yaml: ok\n"});
  CHECK(ctl(folder, "config check none.yaml") == Ran{2, "none.yaml: cannot read: No such file or directory\n"});
  CHECK(ctl(folder, "config check neither.yaml") ==
        Ran{2,
            "neither.yaml:1:1: cannot tell whose configuration this is: a proxy's has `listeners`, an event store's "
            "has `ingest` and `store`, a policy has `steering_configurations` or `realtime_policies`, a steering "
            "client's has `local_listeners` or `pops`\n"});
  CHECK(ctl(folder, "config check --kind events neither.yaml")
            .output.starts_with("neither.yaml:1:1: ingest.address: is required"));
  CHECK(ctl(folder, "config check --kind events proxy.yaml")
            .output.starts_with("proxy.yaml:1:1: listeners: unknown field"));
}

TEST_CASE("config check reads the password file too") {
  const TemporaryFolder folder;
  folder.write("proxy.yaml", "listeners: [{name: a, address: 0.0.0.0:0, auth: {basic: users}}]\n");
  folder.write("users", "eve:secret\n");
  const std::string users = folder.path("users");
  CHECK(ctl(folder, "config check proxy.yaml") ==
        Ran{2, users +
                   ":1: user `eve` has a password in clear or of an unknown scheme; make a new one with `htpasswd -B " +
                   users + " eve`\n"});
}

TEST_CASE("config show prints the effective configuration") {
  const TemporaryFolder folder;
  folder.write("events.yaml", "name: s\ningest: {address: 127.0.0.1:0}\nstore: {sqlite: {directory: s}}\n");
  CHECK(ctl(folder, "config show events.yaml", stdout_only) ==
        Ran{0, "name: s\ntenant: default\ningest:\n  address: 127.0.0.1:0\nstore:\n  sqlite:\n    directory: " +
                   folder.path("s") + "\n    retention_days: 90\nlog:\n  format: text\n  level: info\n"});
  folder.write("shown.yaml", ctl(folder, "config show events.yaml", stdout_only).output);
  CHECK(ctl(folder, "config check shown.yaml").code == 0);
}

}  // namespace sluice::ctl
