#include "proxy/config/proxy_config.h"

#include <algorithm>
#include <set>
#include <thread>

#include "proxy/base/file.h"
#include "proxy/base/text.h"
#include "proxy/config/checks.h"
#include "proxy/config/limits.h"
#include "proxy/config/yaml.h"

namespace sluice::config {

namespace {

using base::Endpoint;

constexpr uint64_t spool_bytes_default = uint64_t{4} << 30;

std::string at(std::string_view list, int index) {
  return std::string(list) + "[" + std::to_string(index) + "]";
}

// Addresses that sockets will listen on, to find two that would collide.
class Listening {
 public:
  explicit Listening(Checks& checks) : checks_(checks) {}

  void add(const std::string& path, const Endpoint& endpoint) {
    if (endpoint.port == 0) return;
    for (const auto& [other_path, other] : taken_) {
      if (other == endpoint) {
        return checks_.problem(path, backquoted(endpoint.to_string()) + " is already the address of " + other_path);
      }
    }
    taken_.emplace_back(path, endpoint);
  }

 private:
  Checks& checks_;
  std::vector<std::pair<std::string, Endpoint>> taken_;
};

// security.md: a plain listener that anyone can reach is refused.
void check_open_relay(Checks& checks, const std::string& path, const v1::Listener& listener, const Endpoint& endpoint) {
  if (is_loopback(endpoint.address) || listener.has_auth() || listener.kind() == "tunnel") return;
  if (listener.allow_sources().empty()) {
    return checks.problem(
        path + ".address",
        backquoted(listener.address()) +
            " can be reached from other machines and would be an open relay; add `auth: {basic: FILE}` or "
            "`allow_sources: [NETWORK, ...]`, or listen on 127.0.0.1");
  }
  for (int i = 0; i < listener.allow_sources_size(); ++i) {
    if (!listener.allow_sources(i).ends_with("/0")) continue;
    checks.problem(at(path + ".allow_sources", i),
                   backquoted(listener.allow_sources(i)) +
                       " allows everyone, which makes an open relay; name the networks of "
                       "your clients or add `auth: {basic: FILE}`");
  }
}

// Who uses a tunnel has a certificate, and nobody else has use for one.
void check_tunnel(Checks& checks, const std::string& path, v1::Listener& listener) {
  if (listener.kind() == "tunnel") {
    checks.device_tls(path + ".tls", *listener.mutable_tls());
    if (listener.has_auth()) {
      checks.problem(path + ".auth", "is not used by kind `tunnel`, whose devices show certificates; remove it");
    }
  } else if (listener.has_tls()) {
    checks.problem(path + ".tls", "is only used by kind `tunnel`; add `kind: tunnel` or remove it");
  }
}

// A header that anyone may send makes anyone everyone.
void check_balancers(Checks& checks, const std::string& path, const v1::Listener& listener, const Endpoint& endpoint) {
  if (listener.proxy_protocol().empty() && !checks.stands(path + ".proxy_protocol")) return;
  if (listener.proxy_protocol() != "v2") {
    checks.problem(path + ".proxy_protocol", backquoted(listener.proxy_protocol()) + " is not known; known: v2");
  } else if (listener.allow_sources().empty() && !is_loopback(endpoint.address)) {
    checks.problem(path + ".proxy_protocol",
                   "is believed from allow_sources only; add `allow_sources: [NETWORK, ...]` with your balancers");
  }
}

void check_listener(Checks& checks, const std::string& path, v1::Listener& listener, Listening& listening) {
  checks.name(path + ".name", listener.name());
  if (listener.kind().empty() && !checks.stands(path + ".kind")) listener.set_kind("explicit");
  if (listener.kind() != "explicit" && listener.kind() != "tunnel" && listener.kind() != "transparent") {
    checks.problem(path + ".kind",
                   "kind " + backquoted(listener.kind()) + " is not known; known: explicit, transparent, tunnel");
  }
  check_tunnel(checks, path, listener);
  if (listener.kind() == "transparent" && listener.has_auth()) {
    checks.problem(path + ".auth", "is not used by kind `transparent`, whose clients know of no proxy; remove it");
  }
  if (listener.has_auth()) {
    v1::Auth& auth = *listener.mutable_auth();
    auth.set_basic(checks.readable_file(path + ".auth.basic", auth.basic()));
  }
  for (int i = 0; i < listener.allow_sources_size(); ++i) {
    checks.cidr(at(path + ".allow_sources", i), listener.allow_sources(i));
  }
  const auto endpoint = checks.endpoint(path + ".address", listener.address(), Checks::Port::kAnyFree);
  if (!endpoint) return;
  listening.add(path + ".address", *endpoint);
  check_open_relay(checks, path, listener, *endpoint);
  check_balancers(checks, path, listener, *endpoint);
}

void check_admin(Checks& checks, v1::Admin& admin, Listening& listening) {
  if (!admin.socket().empty()) admin.set_socket(checks.socket("admin.socket", admin.socket()));
  if (admin.address().empty() && !admin.socket().empty()) return;
  const auto endpoint = checks.endpoint("admin.address", admin.address(), Checks::Port::kAnyFree);
  if (!endpoint) return;
  listening.add("admin.address", *endpoint);
  if (!is_loopback(endpoint->address)) {
    checks.problem("admin.address", backquoted(admin.address()) +
                                        " is not loopback; the admin endpoint has no authentication, so it must be on "
                                        "127.0.0.1 or [::1]");
  }
}

void check_listeners(Checks& checks, v1::Proxy& proxy) {
  Listening listening(checks);
  if (proxy.listeners().empty()) {
    checks.problem("listeners",
                   "at least one listener is required, for example "
                   "`listeners: [{name: explicit, address: 127.0.0.1:3128}]`");
  }
  std::set<std::string> names;
  for (int i = 0; i < proxy.listeners_size(); ++i) {
    v1::Listener& listener = *proxy.mutable_listeners(i);
    const std::string path = at("listeners", i);
    check_listener(checks, path, listener, listening);
    if (!names.insert(listener.name()).second) {
      checks.problem(path + ".name", "a listener named " + backquoted(listener.name()) + " stands here already");
    }
  }
  if (proxy.has_health()) {
    const auto endpoint = checks.endpoint("health.address", proxy.health().address(), Checks::Port::kAnyFree);
    if (endpoint) listening.add("health.address", *endpoint);
  }
  if (proxy.has_control()) {
    v1::Control& control = *proxy.mutable_control();
    const auto endpoint = checks.endpoint("control.address", control.address(), Checks::Port::kAnyFree);
    if (endpoint) listening.add("control.address", *endpoint);
    checks.device_tls("control.tls", *control.mutable_tls());
  }
  if (proxy.has_admin()) check_admin(checks, *proxy.mutable_admin(), listening);
}

void check_origin(Checks& checks, v1::OriginSettings& origin) {
  checks.resolve("origin.resolve", origin.resolve());
  origin.set_connect_timeout_ms(
      checks.number32("origin.connect_timeout_ms", origin.connect_timeout_ms(), {10'000, 1, timeout_ms_max}));
  for (int i = 0; i < origin.allow_destinations_size(); ++i) {
    checks.cidr(at("origin.allow_destinations", i), origin.allow_destinations(i));
  }
  if (origin.allow_ports().empty()) {
    if (checks.stands("origin.allow_ports")) {
      checks.problem("origin.allow_ports", "allows no port; name at least one or remove the key for 443 and 80");
    }
    origin.add_allow_ports(443);
    origin.add_allow_ports(80);
  }
  for (int i = 0; i < origin.allow_ports_size(); ++i) {
    checks.number(at("origin.allow_ports", i), origin.allow_ports(i), {0, 1, 65'535});
  }
  for (int i = 0; i < origin.public_addresses_size(); ++i) {
    checks.ip(at("origin.public_addresses", i), origin.public_addresses(i));
  }
  for (int i = 0; i < origin.dns_servers_size(); ++i) {
    checks.endpoint(at("origin.dns_servers", i), origin.dns_servers(i), Checks::Port::kGiven);
  }
  if (origin.trust().empty()) origin.set_trust("system");
  if (origin.trust() != "system") origin.set_trust(checks.readable_file("origin.trust", origin.trust()));
  for (int i = 0; i < origin.crls_size(); ++i) {
    origin.set_crls(i, checks.readable_file(at("origin.crls", i), origin.crls(i)));
  }
}

void check_interception(Checks& checks, v1::Interception& interception) {
  const auto file = [&](const char* field, const std::string& name) {
    return checks.readable_file(std::string("interception.") + field, name);
  };
  interception.set_ca_certificate(file("ca_certificate", interception.ca_certificate()));
  interception.set_ca_key(file("ca_key", interception.ca_key()));
  if (!interception.chain().empty()) interception.set_chain(file("chain", interception.chain()));
}

void check_proxy(Checks& checks, v1::Proxy& proxy) {
  if (!checks.stands("name")) proxy.set_name(host_name());
  checks.name("name", proxy.name());
  if (!checks.stands("tenant")) proxy.set_tenant("default");
  checks.name("tenant", proxy.tenant());
  proxy.mutable_workers();  // count 0 is `auto`; the loader has checked any other
  check_listeners(checks, proxy);
  check_origin(checks, *proxy.mutable_origin());
  if (proxy.has_interception()) check_interception(checks, *proxy.mutable_interception());
  if (!proxy.policy().empty()) proxy.set_policy(checks.file_or_folder("policy", proxy.policy()));
  if (!proxy.state().empty()) proxy.set_state(checks.folder("state", proxy.state()));
  checks.spool(*proxy.mutable_spool(), spool_bytes_default, {"refuse_new_flows", "drop_oldest"});
  if (proxy.has_events()) checks.event_store(*proxy.mutable_events());
  v1::Pages& pages = *proxy.mutable_pages();
  pages.set_page_ms(checks.number32("pages.page_ms", pages.page_ms(), {60'000, 0, timeout_ms_max}));
  pages.set_rollup_ms(checks.number32("pages.rollup_ms", pages.rollup_ms(), {120'000, 0, timeout_ms_max}));
  v1::Limits& limits = *proxy.mutable_limits();
  limits.set_flows(checks.number32("limits.flows", limits.flows(), {20'000, 1, flows_max}));
  limits.set_flows_per_source(checks.number32("limits.flows_per_source", limits.flows_per_source(), {0, 0, flows_max}));
  limits.set_tunnels(checks.number32("limits.tunnels", limits.tunnels(), {10'000, 1, flows_max}));
  limits.set_flows_per_tunnel(
      checks.number32("limits.flows_per_tunnel", limits.flows_per_tunnel(), {10'000, 1, flows_max}));
  checks.timeouts(*proxy.mutable_timeouts());
  checks.log(*proxy.mutable_log());
}

}  // namespace

base::Result<LoadedProxy> load_proxy_config(const std::string& file) {
  const auto text = base::read_file(file, file_bytes_max);
  if (!text) return text.error();
  return parse_proxy_config(*text, file);
}

base::Result<LoadedProxy> parse_proxy_config(std::string_view text, const std::string& file) {
  LoadedProxy loaded;
  loaded.file = file;
  Marks marks;
  if (const auto status = load_yaml(text, file, loaded.message, &marks); !status) return status.error();
  Problems problems(file);
  Checks checks(file, marks, problems);
  check_proxy(checks, loaded.message);
  if (const auto status = problems.status(); !status) return status.error();
  return loaded;
}

base::Endpoint endpoint_of(std::string_view checked) {
  const auto endpoint = base::Endpoint::parse(checked);
  SLUICE_ASSERT(endpoint.has_value());
  return *endpoint;
}

std::vector<base::Cidr> cidrs_of(const google::protobuf::RepeatedPtrField<std::string>& checked) {
  std::vector<base::Cidr> networks;
  for (const std::string& text : checked) {
    const auto network = base::Cidr::parse(text);
    SLUICE_ASSERT(network.has_value());
    networks.push_back(*network);
  }
  return networks;
}

uint32_t worker_count(const v1::Proxy& checked) {
  if (checked.workers().count() != 0) return checked.workers().count();
  return std::clamp(static_cast<uint32_t>(std::thread::hardware_concurrency()), 1u, workers_max);
}

}  // namespace sluice::config
