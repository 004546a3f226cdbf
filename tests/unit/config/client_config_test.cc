#include "proxy/config/client_config.h"

#include <catch2/catch.hpp>

#include "proxy/config/kind.h"
#include "proxy/config/show.h"
#include "proxy/config/yaml.h"
#include "tests/support/temporary_folder.h"

namespace sluice::config {

namespace {

// A configuration in a folder where every file that it may name stands.
struct Files {
  Files() {
    for (const char* name : {"policy.yaml", "device.crt", "device.key", "pop-ca.crt"}) folder.write(name, "x");
  }
  std::string path(const char* name) const { return folder.path(name); }
  base::Result<LoadedClient> parse(const std::string& text) const { return parse_client_config(text, path("c.yaml")); }
  std::string error_of(const std::string& text) const {
    const auto loaded = parse(text);
    if (loaded.ok()) return "ok";
    const std::string prefix = path("c.yaml") + ":";
    REQUIRE(loaded.error().message.starts_with(prefix));
    return loaded.error().message.substr(prefix.size());
  }
  const TemporaryFolder folder;
};

constexpr const char* smallest = "policy: policy.yaml\nlocal_listeners: [{name: a, address: 127.0.0.1:3128}]\n";

}  // namespace

TEST_CASE("the smallest configuration of a client gets every default") {
  const Files files;
  const auto loaded = files.parse(smallest);
  REQUIRE(loaded.ok());
  const v1::Client& client = loaded->message;
  CHECK_FALSE(client.name().empty());
  CHECK(client.tenant() == "default");
  CHECK(client.user().empty());
  CHECK(client.policy() == files.path("policy.yaml"));
  CHECK(client.pops().empty());
  CHECK(client.client_log().file().empty());
  CHECK(client.client_log().max_bytes() == uint64_t{10} << 20);
  CHECK(client.client_log().keep() == 5);
  CHECK(client.client_log().log_as() == "sluice-client");
  CHECK(client.spool().directory() == files.path("spool"));
  CHECK(client.spool().when_full() == "drop_oldest");
  CHECK(client.spool().max_bytes() == uint64_t{256} << 20);
  CHECK(client.direct().connect_timeout_ms() == 10'000);
  CHECK(client.limits().flows() == 20'000);
  CHECK(client.timeouts().idle_ms() == 300'000);
  CHECK_FALSE(client.has_events());
  CHECK_FALSE(client.has_health());
  CHECK(client.log().level() == "info");
}

TEST_CASE("a whole client configuration is shown as it loads") {
  const Files files;
  const auto loaded = files.parse(std::string(smallest) +
                                  "name: laptop-7\nuser: maria\n"
                                  "pops:\n- {name: tokyo, address: 192.0.2.1:8443, "
                                  "tls: {certificate: device.crt, key: device.key, ca: pop-ca.crt}}\n"
                                  "client_log: {file: client.log, jsonl: client.jsonl, log_as: stAgentSvc, keep: 0}\n"
                                  "direct: {resolve: {dropbox.com: 127.0.0.1}}\n");
  REQUIRE(loaded.ok());
  CHECK(loaded->message.client_log().keep() == 0);
  CHECK(loaded->message.pops(0).tls().key() == files.path("device.key"));
  v1::Client again;
  REQUIRE(load_yaml(redacted_yaml(loaded->message), "again", again, nullptr).ok());
  CHECK(again.client_log().log_as() == "stAgentSvc");
  CHECK(again.pops(0).address() == "192.0.2.1:8443");
  const auto kind = kind_of(smallest, "c.yaml");
  REQUIRE(kind.ok());
  CHECK(*kind == Kind::kClient);
}

TEST_CASE("mistakes in a client configuration are named with their place") {
  const Files files;
  const std::string tls = "tls: {certificate: device.crt, key: device.key, ca: pop-ca.crt}";
  const std::vector<std::pair<std::string, std::string>> table{
      {"policy: policy.yaml\n",
       "1:1: local_listeners: at least one listener is required, for example `local_listeners: [{name: local, address: "
       "127.0.0.1:3128}]`, or `capture: {mode: redirect}`"},
      {"local_listeners: [{name: a, address: 127.0.0.1:1}]\n",
       "1:1: policy: is required; write the name of the file or folder with the tenant's policy, or give a PoP its "
       "`control` address"},
      {"policy: policy.yaml\nlocal_listeners: [{name: a, address: 10.0.0.1:1}]\n",
       "2:38: local_listeners[0].address: `10.0.0.1:1` is not loopback; a steering client serves only its own machine, "
       "so it listens on 127.0.0.1 or [::1]"},
      {std::string(smallest) + "pops: [{name: a, address: 192.0.2.1:1, " + tls + "}, {name: a, address: 192.0.2.2:1, " +
           tls + "}]\n",
       "3:113: pops[1].name: a PoP named `a` stands here already"},
      {std::string(smallest) + "client_log: {file: a.log, jsonl: ./a.log}\n",
       "3:34: client_log.jsonl: must be another file than client_log.file"},
      {std::string(smallest) + "client_log: {max_bytes: 1KiB}\n",
       "3:25: client_log.max_bytes: must be from 65536 to 18446744073709551615, found 1024"},
      {std::string(smallest) + "local_listener: []\n",
       "3:1: local_listener: unknown field; did you mean `local_listeners`?"},
  };
  for (const auto& [text, error] : table) CHECK(files.error_of(text) == error);
}

}  // namespace sluice::config
