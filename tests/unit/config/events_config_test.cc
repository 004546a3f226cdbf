#include "proxy/config/events_config.h"

#include <catch2/catch.hpp>

#include "tests/support/temporary_folder.h"

namespace sluice::config {

namespace {

std::string error_of(const std::string& text) {
  const auto loaded = parse_events_config(text, "/etc/sluice/e.yaml");
  return loaded.ok() ? "ok" : loaded.error().message;
}

constexpr const char* smallest =
    "ingest: {address: 127.0.0.1:8445}\n"
    "store: {sqlite: {directory: store}}\n";

}  // namespace

TEST_CASE("the smallest store configuration gets every default") {
  const auto loaded = parse_events_config(smallest, "/etc/sluice/e.yaml");
  REQUIRE(loaded.ok());
  const v1::Events& events = loaded->message;
  CHECK(events.tenant() == "default");
  CHECK(events.store().sqlite().directory() == "/etc/sluice/store");
  CHECK(events.store().sqlite().retention_days() == 90);
  CHECK_FALSE(events.has_query());
  CHECK(events.log().format() == "text");
}

TEST_CASE("retention zero means for ever and is kept") {
  const auto loaded = parse_events_config(
      "{ingest: {address: 127.0.0.1:0}, store: {sqlite: {directory: /s, retention_days: 0}}, query: {socket: q.sock}}",
      "/etc/sluice/e.yaml");
  REQUIRE(loaded.ok());
  CHECK(loaded->message.store().sqlite().retention_days() == 0);
  CHECK(loaded->message.query().socket() == "/etc/sluice/q.sock");
}

TEST_CASE("what is wrong with a store configuration is told") {
  CHECK(error_of("name: a\n") ==
        "/etc/sluice/e.yaml:1:1: ingest.address: is required; write IP:port, for example 127.0.0.1:3128\n"
        "/etc/sluice/e.yaml:1:1: store.sqlite.directory: is required; write the name of a folder");
  CHECK(error_of("ingest: {address: 0.0.0.0:8445}\nstore: {sqlite: {directory: s}}\n") ==
        "/etc/sluice/e.yaml:1:19: ingest.address: `0.0.0.0:8445` is not loopback, so events would cross the network in "
        "clear; add `tls: {certificate: FILE, key: FILE, ca: FILE}` to `ingest`");
  CHECK(error_of(std::string(smallest) + "query: {}\n") ==
        "/etc/sluice/e.yaml:3:1: query.socket: is required; write the name of a unix socket");
  CHECK(error_of(std::string(smallest) + "query: {socket: /" + std::string(107, 'x') + "}\n") ==
        "/etc/sluice/e.yaml:3:17: query.socket: /" + std::string(107, 'x') +
            " is longer than the 107 bytes that a unix socket's name may have");
  CHECK(error_of(std::string(smallest) + "ingest: {}\n") == "/etc/sluice/e.yaml:3:1: ingest: stands here twice");
  CHECK(error_of("ingest: {address: 127.0.0.1:1, tls: {certificate: none}}\nstore: {sqlite: {directory: s}}\n") ==
        "/etc/sluice/e.yaml:1:51: ingest.tls.certificate: cannot read /etc/sluice/none: No such file or directory\n"
        "/etc/sluice/e.yaml:1:32: ingest.tls.key: is required; write the name of a file\n"
        "/etc/sluice/e.yaml:1:32: ingest.tls.ca: is required; write the name of a file");
}

TEST_CASE("the HTTP interface is for loopback unless it has TLS, and then needs tokens") {
  const std::string rest = smallest;
  const auto loaded = parse_events_config(rest + "http: {address: 127.0.0.1:0}\n", "/etc/sluice/e.yaml");
  REQUIRE(loaded.ok());
  CHECK(loaded->message.http().tokens() == "required");
  CHECK(loaded->message.http().requests_per_second() == 4);
  CHECK(error_of(rest + "http: {address: 127.0.0.1:0, tokens: optional}\n") == "ok");
  CHECK(error_of(rest + "http: {address: 0.0.0.0:80}\n").find("http.tls is required") != std::string::npos);
  CHECK(error_of(rest + "http: {address: 0.0.0.0:80, tokens: optional}\n").find("loopback only") != std::string::npos);
  CHECK(error_of(rest + "http: {address: 127.0.0.1:0, tls: {certificate: no, key: no}}\n").find("cannot read") !=
        std::string::npos);
}

TEST_CASE("PoPs have a name of their own and a socket, and need the HTTP interface") {
  const std::string rest = std::string(smallest) + "http: {address: 127.0.0.1:0}\n";
  const auto loaded = parse_events_config(rest + "pops: [{name: a, socket: a.sock}]\n", "/etc/sluice/e.yaml");
  REQUIRE(loaded.ok());
  CHECK(loaded->message.pops(0).socket() == "/etc/sluice/a.sock");
  CHECK(error_of(rest + "pops: [{name: a}]\n").find("pops[0].socket: is required") != std::string::npos);
  CHECK(error_of(rest + "pops: [{name: a, socket: a}, {name: a, socket: b}]\n").find("name of another PoP") !=
        std::string::npos);
  CHECK(error_of(std::string(smallest) + "pops: [{name: a, socket: a}]\n").find("without `http`") != std::string::npos);
}

}  // namespace sluice::config
