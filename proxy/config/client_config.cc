#include "proxy/config/client_config.h"

#include <google/protobuf/util/message_differencer.h>

#include <algorithm>
#include <set>

#include "proxy/base/file.h"
#include "proxy/config/checks.h"
#include "proxy/config/limits.h"
#include "proxy/config/yaml.h"

namespace sluice::config {

namespace {

// A day of an office machine's bypasses at a few hundred bytes each, many times over.
constexpr uint64_t spool_bytes_default = uint64_t{256} << 20;
constexpr uint64_t client_log_bytes_default = uint64_t{10} << 20;
constexpr uint32_t client_logs_kept_default = 5;

std::string at(std::string_view list, int index) {
  return std::string(list) + "[" + std::to_string(index) + "]";
}

void check_pops(Checks& checks, v1::Client& client) {
  std::set<std::string> names;
  for (int i = 0; i < client.pops_size(); ++i) {
    v1::Pop& pop = *client.mutable_pops(i);
    const std::string path = at("pops", i);
    checks.name(path + ".name", pop.name());
    if (!names.insert(pop.name()).second) {
      checks.problem(path + ".name", "a PoP named " + backquoted(pop.name()) + " stands here already");
    }
    checks.endpoint(path + ".address", pop.address(), Checks::Port::kGiven);
    if (!pop.control().empty()) checks.endpoint(path + ".control", pop.control(), Checks::Port::kGiven);
    checks.tls(path + ".tls", *pop.mutable_tls());
    if (!google::protobuf::util::MessageDifferencer::Equals(pop.tls(), client.pops(0).tls())) {
      checks.problem(path + ".tls", "must name the same files as pops[0].tls: a device has one identity");
    }
  }
}

void check_local_listeners(Checks& checks, v1::Client& client) {
  if (client.local_listeners().empty() && client.capture().mode() != "redirect") {
    checks.problem("local_listeners",
                   "at least one listener is required, for example "
                   "`local_listeners: [{name: local, address: 127.0.0.1:3128}]`, or `capture: {mode: redirect}`");
  }
  std::set<std::string> names;
  for (int i = 0; i < client.local_listeners_size(); ++i) {
    const v1::LocalListener& listener = client.local_listeners(i);
    const std::string path = at("local_listeners", i);
    checks.name(path + ".name", listener.name());
    if (!names.insert(listener.name()).second) {
      checks.problem(path + ".name", "a listener named " + backquoted(listener.name()) + " stands here already");
    }
    const auto endpoint = checks.endpoint(path + ".address", listener.address(), Checks::Port::kAnyFree);
    if (endpoint && !is_loopback(endpoint->address)) {
      checks.problem(path + ".address", backquoted(listener.address()) +
                                            " is not loopback; a steering client serves only its own machine, so it "
                                            "listens on 127.0.0.1 or [::1]");
    }
  }
}

void check_client_log(Checks& checks, v1::ClientLog& log) {
  if (!log.file().empty()) log.set_file(checks.absolute(log.file()));
  if (!log.jsonl().empty()) log.set_jsonl(checks.absolute(log.jsonl()));
  if (!log.file().empty() && log.file() == log.jsonl()) {
    checks.problem("client_log.jsonl", "must be another file than client_log.file");
  }
  log.set_max_bytes(checks.number("client_log.max_bytes", log.max_bytes(),
                                  {client_log_bytes_default, client_log_bytes_min, UINT64_MAX}));
  log.set_keep(checks.number32("client_log.keep", log.keep(), {client_logs_kept_default, 0, client_logs_kept_max}));
  if (log.log_as().empty()) log.set_log_as("sluice-client");
  checks.name("client_log.log_as", log.log_as());
}

void check_capture(Checks& checks, v1::Capture& capture) {
  capture.set_mode(checks.word("capture.mode", capture.mode(), {"none", "redirect"}));
  for (int i = 0; i < capture.ports_size(); ++i) {
    checks.number(at("capture.ports", i), capture.ports(i), {0, 1, 65'535});
  }
}

void check_hooks(Checks& checks, const v1::Hooks& hooks) {
  if (!hooks.notify().empty() && !hooks.notify(0).starts_with('/')) {
    checks.problem("hooks.notify",
                   "begins with the absolute name of a program, for example /usr/bin/notify-send, found " +
                       backquoted(hooks.notify(0)));
  }
  if (!hooks.user().empty() && hooks.notify().empty()) {
    checks.problem("hooks.user", "runs nothing without `hooks.notify`");
  }
}

void check_on_network(Checks& checks, v1::OnNetwork& network) {
  if (network.host().empty())
    checks.problem("on_network.host", "is required; write a name of the company's own network");
  checks.ip("on_network.address", network.address());
  network.set_check_every_ms(
      checks.number32("on_network.check_every_ms", network.check_every_ms(), {30'000, 100, timeout_ms_max}));
}

void check_direct(Checks& checks, v1::DirectSettings& direct) {
  checks.resolve("direct.resolve", direct.resolve());
  direct.set_connect_timeout_ms(
      checks.number32("direct.connect_timeout_ms", direct.connect_timeout_ms(), {10'000, 1, timeout_ms_max}));
  for (int i = 0; i < direct.dns_servers_size(); ++i) {
    checks.endpoint(at("direct.dns_servers", i), direct.dns_servers(i), Checks::Port::kGiven);
  }
}

void check_client(Checks& checks, v1::Client& client) {
  if (!checks.stands("name")) client.set_name(host_name());
  checks.name("name", client.name());
  if (!checks.stands("tenant")) client.set_tenant("default");
  checks.name("tenant", client.tenant());
  check_pops(checks, client);
  check_capture(checks, *client.mutable_capture());
  check_local_listeners(checks, client);
  const bool controlled = std::any_of(client.pops().begin(), client.pops().end(),
                                      [](const v1::Pop& pop) { return !pop.control().empty(); });
  if (!client.policy().empty()) {
    client.set_policy(checks.file_or_folder("policy", client.policy()));
  } else if (!controlled) {
    checks.problem("policy",
                   "is required; write the name of the file or folder with the tenant's policy, or give a PoP its "
                   "`control` address");
  }
  if (client.state().empty()) client.set_state("state");
  client.set_state(checks.folder("state", client.state()));
  check_client_log(checks, *client.mutable_client_log());
  checks.spool(*client.mutable_spool(), spool_bytes_default, {"drop_oldest", "refuse_new_flows"});
  if (client.has_events()) checks.event_store(*client.mutable_events());
  check_hooks(checks, client.hooks());
  if (client.has_on_network()) check_on_network(checks, *client.mutable_on_network());
  check_direct(checks, *client.mutable_direct());
  v1::ClientLimits& limits = *client.mutable_limits();
  limits.set_flows(checks.number32("limits.flows", limits.flows(), {20'000, 1, flows_max}));
  checks.timeouts(*client.mutable_timeouts());
  if (client.has_health()) checks.endpoint("health.address", client.health().address(), Checks::Port::kAnyFree);
  checks.log(*client.mutable_log());
}

}  // namespace

base::Result<LoadedClient> load_client_config(const std::string& file) {
  const auto text = base::read_file(file, file_bytes_max);
  if (!text) return text.error();
  return parse_client_config(*text, file);
}

base::Result<LoadedClient> parse_client_config(std::string_view text, const std::string& file) {
  LoadedClient loaded;
  loaded.file = file;
  Marks marks;
  if (const auto status = load_yaml(text, file, loaded.message, &marks); !status) return status.error();
  Problems problems(file);
  Checks checks(file, marks, problems);
  check_client(checks, loaded.message);
  if (const auto status = problems.status(); !status) return status.error();
  return loaded;
}

}  // namespace sluice::config
