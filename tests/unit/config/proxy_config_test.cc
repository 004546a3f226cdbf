#include "proxy/config/proxy_config.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "tests/support/temporary_folder.h"

namespace sluice::config {

namespace {

constexpr const char* smallest = "listeners: [{name: a, address: 127.0.0.1:3128}]\n";

std::string error_of(const std::string& text) {
  const auto loaded = parse_proxy_config(text, "/etc/sluice/p.yaml");
  return loaded.ok() ? "ok" : loaded.error().message;
}

// The error about one listener with these fields.
std::string listener_error(const std::string& fields) {
  return error_of("listeners:\n- {" + fields + "}\n");
}

}  // namespace

TEST_CASE("the smallest configuration gets every default") {
  const auto loaded = parse_proxy_config(smallest, "/etc/sluice/p.yaml");
  REQUIRE(loaded.ok());
  const v1::Proxy& proxy = loaded->message;
  CHECK_FALSE(proxy.name().empty());
  CHECK(proxy.tenant() == "default");
  CHECK(proxy.workers().count() == 0);
  CHECK(worker_count(proxy) >= 1);
  CHECK(proxy.listeners(0).kind() == "explicit");
  CHECK_FALSE(proxy.has_health());
  CHECK_FALSE(proxy.has_admin());
  CHECK_FALSE(proxy.has_events());
  CHECK(proxy.origin().connect_timeout_ms() == 10'000);
  REQUIRE(proxy.origin().allow_ports_size() == 2);
  CHECK(proxy.origin().allow_ports(0) == 443);
  CHECK(proxy.origin().allow_ports(1) == 80);
  CHECK(proxy.spool().directory() == "/etc/sluice/spool");
  CHECK(proxy.spool().max_bytes() == uint64_t{4} << 30);
  CHECK(proxy.spool().when_full() == "refuse_new_flows");
  CHECK(proxy.limits().flows() == 20'000);
  CHECK(proxy.limits().flows_per_source() == 0);
  CHECK(proxy.timeouts().head_ms() == 10'000);
  CHECK(proxy.timeouts().client_hello_ms() == 5'000);
  CHECK(proxy.timeouts().idle_ms() == 300'000);
  CHECK(proxy.timeouts().half_open_ms() == 300'000);
  CHECK(proxy.timeouts().total_ms() == 0);
  CHECK(proxy.timeouts().drain_ms() == 30'000);
  CHECK(proxy.log().format() == "text");
  CHECK(proxy.log().level() == "info");
  CHECK(endpoint_of(proxy.listeners(0).address()).port == 3128);
}

TEST_CASE("a whole configuration with files beside it") {
  const TemporaryFolder folder;
  for (const char* name : {"users.htpasswd", "pop.crt", "pop.key", "ca.crt"}) folder.write(name, "x");
  const std::string file = folder.write("proxy.yaml", R"(
name: pop-tokyo-1
tenant: acme
workers: auto
listeners:
- {name: explicit, address: 0.0.0.0:3128, kind: explicit, auth: {basic: users.htpasswd}}
- {name: office, address: "[::]:3129", allow_sources: [10.0.0.0/8, "fc00::/7"]}
health: {address: 0.0.0.0:9900}
admin: {address: 127.0.0.1:9901, socket: admin.sock}
control: {address: 0.0.0.0:8444, tls: {certificate: pop.crt, key: pop.key, client_ca: ca.crt, revoked: ca.crt}}
state: state
origin: {resolve: {dropbox.com: 127.0.0.1}, connect_timeout_ms: 2000, allow_destinations: [127.0.0.0/8],
         allow_ports: [8443], public_addresses: [203.0.113.9], dns_servers: ["9.9.9.9:53"]}
spool: {directory: /var/spool/sluice, max_bytes: 64MiB, when_full: drop_oldest}
events: {address: 192.0.2.1:8445, tls: {certificate: pop.crt, key: pop.key, ca: ca.crt}}
limits: {flows: 100, flows_per_source: 10}
timeouts: {head_ms: 1, client_hello_ms: 2, idle_ms: 3, half_open_ms: 4, total_ms: 5, drain_ms: 0}
log: {format: json, level: debug}
)");
  const auto loaded = load_proxy_config(file);
  INFO((loaded.ok() ? "" : loaded.error().message));
  REQUIRE(loaded.ok());
  const v1::Proxy& proxy = loaded->message;
  CHECK(proxy.listeners(0).auth().basic() == folder.path("users.htpasswd"));
  CHECK(cidrs_of(proxy.listeners(1).allow_sources()).size() == 2);
  CHECK(proxy.events().tls().key() == folder.path("pop.key"));
  CHECK(proxy.spool().directory() == "/var/spool/sluice");
  CHECK(proxy.spool().max_bytes() == 64u << 20);
  CHECK(proxy.origin().allow_ports_size() == 1);
  CHECK(proxy.timeouts().drain_ms() == 0);
  CHECK(proxy.admin().socket() == folder.path("admin.sock"));
  CHECK(proxy.control().tls().client_ca() == folder.path("ca.crt"));
  CHECK(proxy.control().tls().revoked() == folder.path("ca.crt"));
  CHECK(proxy.state() == folder.path("state"));
}

TEST_CASE("listeners that cannot work are refused") {
  CHECK(error_of("tenant: acme\n") ==
        "/etc/sluice/p.yaml:1:1: listeners: at least one listener is required, for example "
        "`listeners: [{name: explicit, address: 127.0.0.1:3128}]`");
  CHECK(listener_error("name: a, address: 127.0.0.1:1, kind: tunel") ==
        "/etc/sluice/p.yaml:2:41: listeners[0].kind: kind `tunel` is not known; known: explicit, transparent, tunnel");
  CHECK(
      listener_error("name: a, address: 127.0.0.1:1, kind: tunnel")
          .starts_with("/etc/sluice/p.yaml:2:3: listeners[0].tls.certificate: is required; write the name of a file"));
  CHECK(listener_error("name: a, address: 127.0.0.1:1, tls: {certificate: a.crt}") ==
        "/etc/sluice/p.yaml:2:35: listeners[0].tls: is only used by kind `tunnel`; add `kind: tunnel` or remove it");
  CHECK(listener_error("name: a, address: localhost:1") ==
        "/etc/sluice/p.yaml:2:22: listeners[0].address: must be IP:port, for example 127.0.0.1:3128 or [::1]:3128, "
        "found `localhost:1`");
  CHECK(listener_error("name: a") ==
        "/etc/sluice/p.yaml:2:3: listeners[0].address: is required; write IP:port, for example 127.0.0.1:3128");
  CHECK(listener_error("address: 127.0.0.1:1") ==
        "/etc/sluice/p.yaml:2:3: listeners[0].name: must be 1 to 64 letters, digits, `.`, `-` or `_`, found ``");
  CHECK(listener_error("name: a, address: 127.0.0.1:1, auth: {}") ==
        "/etc/sluice/p.yaml:2:35: listeners[0].auth.basic: is required; write the name of a file");
  CHECK(listener_error("name: a, address: 127.0.0.1:1, auth: {basic: missing}") ==
        "/etc/sluice/p.yaml:2:49: listeners[0].auth.basic: cannot read /etc/sluice/missing: No such file or directory");
  CHECK(listener_error("name: a, address: 127.0.0.1:1, allow_sources: [10.0.0.1/8]") ==
        "/etc/sluice/p.yaml:2:51: listeners[0].allow_sources[0]: must be a network such as 10.0.0.0/8 with no bits set "
        "behind the prefix, found `10.0.0.1/8`");
  CHECK(error_of("listeners:\n- {name: a, address: 127.0.0.1:1}\n- {name: a, address: 127.0.0.1:1}\n") ==
        "/etc/sluice/p.yaml:3:22: listeners[1].address: `127.0.0.1:1` is already the address of listeners[0].address\n"
        "/etc/sluice/p.yaml:3:10: listeners[1].name: a listener named `a` stands here already");
}

TEST_CASE("an open relay is refused with the reason and the ways out") {
  const std::string relay =
      " can be reached from other machines and would be an open relay; add `auth: {basic: FILE}` or "
      "`allow_sources: [NETWORK, ...]`, or listen on 127.0.0.1";
  for (const std::string address : {"0.0.0.0:3128", "[::]:3128", "192.0.2.1:3128", "[::ffff:192.0.2.1]:3128"}) {
    CHECK(listener_error("name: a, address: '" + address + "'") ==
          "/etc/sluice/p.yaml:2:22: listeners[0].address: `" + address + "`" + relay);
  }
  for (const std::string address : {"127.0.0.1:3128", "127.9.9.9:3128", "[::1]:3128", "[::ffff:127.0.0.1]:3128"}) {
    CHECK(listener_error("name: a, address: '" + address + "'") == "ok");
  }
  CHECK(listener_error("name: a, address: 0.0.0.0:1, allow_sources: [10.0.0.0/8]") == "ok");
  for (const char* everyone : {"0.0.0.0/0", "::/0"}) {
    CHECK(listener_error(std::string("name: a, address: 0.0.0.0:1, allow_sources: ['") + everyone + "']") ==
          std::string("/etc/sluice/p.yaml:2:49: listeners[0].allow_sources[0]: `") + everyone +
              "` allows everyone, which makes an open relay; name the networks of your clients or add "
              "`auth: {basic: FILE}`");
  }
}

TEST_CASE("the other sections are checked") {
  struct Case {
    const char* text;
    const char* error;
  };
  const Case cases[] = {
      {"name: a b", "2:7: name: must be 1 to 64 letters, digits, `.`, `-` or `_`, found `a b`"},
      {"admin: {address: 0.0.0.0:9901}",
       "2:18: admin.address: `0.0.0.0:9901` is not loopback; the admin endpoint has no authentication, so it must be "
       "on "
       "127.0.0.1 or [::1]"},
      {"control: {address: 0.0.0.0:8444, tls: {certificate: /etc/hosts, key: /etc/hosts}}",
       "2:34: control.tls.client_ca: is required; write the name of a file"},
      {"admin: {socket: 'x/../admin.sock', address: localhost}",
       "2:45: admin.address: must be IP:port, for example 127.0.0.1:3128 or [::1]:3128, found `localhost`"},
      {"state: /etc/passwd", "2:8: state: /etc/passwd is not a folder"},
      {"health: {address: 127.0.0.1:3128}",
       "2:19: health.address: `127.0.0.1:3128` is already the address of listeners[0].address"},
      {"origin: {resolve: {Dropbox.com: 127.0.0.1}}",
       "2:33: origin.resolve[\"Dropbox.com\"]: must be a host name in lower case, without port or final dot; names in "
       "other scripts in their xn-- form"},
      {"origin: {resolve: {a.example: b.example}}",
       "2:31: origin.resolve[\"a.example\"]: must be an IP address such as 192.0.2.1, found `b.example`"},
      {"origin: {connect_timeout_ms: 0}", "2:30: origin.connect_timeout_ms: must be from 1 to 86400000, found 0"},
      {"origin: {allow_ports: [0, 65536]}",
       "2:24: origin.allow_ports[0]: must be from 1 to 65535, found 0\n"
       "/etc/sluice/p.yaml:2:27: origin.allow_ports[1]: must be from 1 to 65535, found 65536"},
      {"origin: {allow_ports: []}",
       "2:10: origin.allow_ports: allows no port; name at least one or remove the key for 443 and 80"},
      {"origin: {dns_servers: ['9.9.9.9:0']}",
       "2:24: origin.dns_servers[0]: needs a port from 1 to 65535, found `9.9.9.9:0`"},
      {"spool: {when_full: drop_oldst}",
       "2:20: spool.when_full: must be `refuse_new_flows` or `drop_oldest`, found `drop_oldst`; did you mean "
       "`drop_oldest`?"},
      {"spool: {max_bytes: 1KiB}", "2:20: spool.max_bytes: must be from 1048576 to 18446744073709551615, found 1024"},
      {"spool: {directory: /etc/passwd}", "2:20: spool.directory: /etc/passwd is not a folder"},
      {"events: {}", "2:1: events.address: is required; write IP:port, for example 127.0.0.1:3128"},
      {"events: {address: 192.0.2.1:8445}",
       "2:19: events.address: `192.0.2.1:8445` is not loopback, so events would cross the network in clear; add "
       "`tls: {certificate: FILE, key: FILE, ca: FILE}` to `events`"},
      {"events: {address: 127.0.0.1:8445, tls: {certificate: /dev/null, key: /, ca: /etc/hosts}}",
       "2:54: events.tls.certificate: cannot read /dev/null: it is not a file\n"
       "/etc/sluice/p.yaml:2:70: events.tls.key: cannot read /: it is not a file"},
      {"limits: {flows: 0}", "2:17: limits.flows: must be from 1 to 1000000, found 0"},
      {"timeouts: {idle_ms: 0}", "2:21: timeouts.idle_ms: must be from 1 to 86400000, found 0"},
      {"log: {level: verbose}", "2:14: log.level: must be `info`, `debug`, `warn` or `error`, found `verbose`"},
  };
  for (const Case& c : cases) {
    INFO(c.text);
    CHECK(error_of(std::string(smallest) + c.text + "\n") == std::string("/etc/sluice/p.yaml:") + c.error);
  }
  CHECK(error_of(std::string(smallest) + "events: {address: 127.0.0.1:8445}\n") == "ok");
  CHECK(error_of(std::string(smallest) + "admin: {socket: admin.sock}\n") == "ok");
}

TEST_CASE("a file that cannot be read is named") {
  const auto missing = load_proxy_config("/nonexistent/p.yaml");
  REQUIRE_FALSE(missing.ok());
  CHECK(missing.error().message == "/nonexistent/p.yaml: cannot read: No such file or directory");
  const auto folder = load_proxy_config("/");
  REQUIRE_FALSE(folder.ok());
  CHECK(folder.error().message == "/: is not a file");
}

}  // namespace sluice::config
