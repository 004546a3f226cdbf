#include "proxy/config/show.h"

#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/util/message_differencer.h>

#include <catch2/catch.hpp>

#include "proxy/config/proxy_config.h"
#include "proxy/config/yaml.h"

namespace sluice::config {

TEST_CASE("a configuration is shown as YAML that loads to the same") {
  const auto loaded = parse_proxy_config(
      "name: pop\n"
      "workers: 2\n"
      "listeners: [{name: a, address: '127.0.0.1:1'}, {name: b, address: '[::1]:2', allow_sources: [::1/128]}]\n"
      "origin: {resolve: {b.example: 127.0.0.2, a.example: 127.0.0.1}}\n"
      "spool: {max_bytes: 1536MiB}\n",
      "/etc/sluice/p.yaml");
  REQUIRE(loaded.ok());
  const std::string text = redacted_yaml(loaded->message);
  CHECK(text ==
        "name: pop\n"
        "tenant: default\n"
        "workers: 2\n"
        "listeners:\n"
        "- name: a\n"
        "  address: 127.0.0.1:1\n"
        "  kind: explicit\n"
        "- name: b\n"
        "  address: \"[::1]:2\"\n"
        "  kind: explicit\n"
        "  allow_sources:\n"
        "  - \"::1/128\"\n"
        "origin:\n"
        "  resolve:\n"
        "    a.example: 127.0.0.1\n"
        "    b.example: 127.0.0.2\n"
        "  connect_timeout_ms: 10000\n"
        "  allow_ports:\n"
        "  - 443\n"
        "  - 80\n"
        "  trust: system\n"
        "spool:\n"
        "  directory: /etc/sluice/spool\n"
        "  max_bytes: 1536MiB\n"
        "  when_full: refuse_new_flows\n"
        "limits:\n"
        "  flows: 20000\n"
        "  tunnels: 10000\n"
        "  flows_per_tunnel: 10000\n"
        "timeouts:\n"
        "  head_ms: 10000\n"
        "  client_hello_ms: 5000\n"
        "  idle_ms: 300000\n"
        "  half_open_ms: 300000\n"
        "  drain_ms: 30000\n"
        "log:\n"
        "  format: text\n"
        "  level: info\n"
        "pages:\n"
        "  page_ms: 60000\n"
        "  rollup_ms: 120000\n");
  v1::Proxy again;
  REQUIRE(load_yaml(text, "again", again, nullptr).ok());
  CHECK(google::protobuf::util::MessageDifferencer::Equals(loaded->message, again));
}

TEST_CASE("odd text survives being shown, secrets do not") {
  for (const char* text :
       {"",   "null", "~",    "a: b", "- a", "\"quoted\"", "a\\b", "#x", "tab\there", "line\nend", "日本",
        "a ", "true", "key:", "*x",   "&x",  "!x",         "%x",   "@x", "{x}",       "a,b"}) {
    INFO(text);
    v1::Proxy proxy;
    proxy.set_name(text);
    v1::Proxy again;
    proxy.add_listeners()->set_name(text);
    REQUIRE(load_yaml(redacted_yaml(proxy), "again", again, nullptr).ok());
    CHECK(google::protobuf::util::MessageDifferencer::Equals(proxy, again));
  }
  v1::Proxy proxy;
  proxy.mutable_events()->mutable_tls()->set_key("-----BEGIN PRIVATE KEY-----\nMIG");
  proxy.mutable_events()->mutable_tls()->set_certificate("pop.crt");
  CHECK(redacted_yaml(proxy) ==
        "events:\n"
        "  tls:\n"
        "    certificate: pop.crt\n"
        "    key: \"(redacted)\"\n");
}

TEST_CASE("enums and an empty message are shown in the spelling of the loader") {
  google::protobuf::FieldOptions options;
  options.set_ctype(google::protobuf::FieldOptions::CORD);
  options.set_lazy(true);
  CHECK(redacted_yaml(options) == "ctype: cord\nlazy: true\n");
  v1::Proxy proxy;
  proxy.mutable_workers();
  proxy.mutable_health();
  proxy.add_listeners();
  CHECK(redacted_yaml(proxy) == "workers: auto\nlisteners:\n- {}\nhealth: {}\n");
}

}  // namespace sluice::config
