#include "proxy/pop/runtime.h"

#include "proxy/config/proxy_config.h"
#include "proxy/net/address.h"

namespace sluice::pop {

namespace {

std::shared_ptr<const flow::Settings> make_settings(const config::v1::Proxy& proxy,
                                                    const config::v1::Listener& listener,
                                                    std::shared_ptr<const policy::Policy> policy) {
  auto settings = std::make_shared<flow::Settings>();
  settings->pop_name = proxy.name();
  settings->policy = std::move(policy);
  settings->interception = proxy.has_interception();
  settings->allow_sources = config::cidrs_of(listener.allow_sources());
  settings->allow_any_source = listener.allow_sources().empty();  // loopback or authenticated: checked by config
  if (!listener.proxy_protocol().empty()) {  // its list names the balancers, and they are looked at first
    settings->allow_sources.clear();
    settings->allow_any_source = true;
  }
  settings->transparent = listener.kind() == "transparent";
  if (listener.kind() == "tunnel") settings->access_method = flow::AccessMethod::kClient;
  if (settings->transparent) settings->access_method = flow::AccessMethod::kTransparent;
  settings->authentication = listener.has_auth();
  settings->allow_ports.clear();
  for (const uint32_t port : proxy.origin().allow_ports()) {
    settings->allow_ports.push_back(static_cast<uint16_t>(port));
  }
  const auto& timeouts = proxy.timeouts();
  settings->timeouts = {.head = base::Duration(timeouts.head_ms()),
                        .client_hello = base::Duration(timeouts.client_hello_ms()),
                        .idle = base::Duration(timeouts.idle_ms()),
                        .half_open = base::Duration(timeouts.half_open_ms()),
                        .total = base::Duration(timeouts.total_ms())};
  return settings;
}

std::shared_ptr<const drive::DialSettings> make_dial_settings(const config::v1::OriginSettings& origin) {
  auto dial = std::make_shared<drive::DialSettings>();
  dial->connect_timeout = base::Duration(origin.connect_timeout_ms());
  std::vector<base::IpAddress> own = net::local_addresses();
  for (const std::string& address : origin.public_addresses()) own.push_back(base::IpAddress::parse(address).value());
  dial->rules = flow::AddressRules(config::cidrs_of(origin.allow_destinations()), std::move(own));
  for (const auto& [name, address] : origin.resolve()) {
    dial->resolve.emplace(name, base::IpAddress::parse(address).value());
  }
  return dial;
}

// Each load makes new ticket keys: no session outlives the CA and the list under which it began.
base::Result<std::shared_ptr<const drive::TunnelSettings>> make_tunnel_settings(const config::v1::Proxy& proxy,
                                                                                const config::v1::Listener& listener) {
  std::shared_ptr<const tls::Revocations> revocations;
  if (!listener.tls().revoked().empty()) {
    auto loaded = tls::Revocations::load(listener.tls().revoked());
    if (!loaded) return loaded.error();
    revocations = std::move(*loaded);
  }
  tls::ServerOptions options;
  options.certificate = listener.tls().certificate();
  options.key = listener.tls().key();
  options.client_ca = listener.tls().client_ca();
  options.alpn = {"h2", "http/1.1"};
  options.tickets = std::make_shared<tls::TicketKeys>();
  options.revocations = revocations;
  auto context = tls::ServerContext::make(options);
  if (!context) return context.error();
  const uint32_t workers = config::worker_count(proxy);
  auto settings = std::make_shared<drive::TunnelSettings>(drive::TunnelSettings{std::move(*context)});
  settings->tenant = proxy.tenant();
  settings->revocations = std::move(revocations);
  settings->streams_max = proxy.limits().flows_per_tunnel();
  settings->tunnels_max = (proxy.limits().tunnels() + workers - 1) / workers;
  settings->handshake_max = base::Duration(proxy.timeouts().head_ms());
  return std::shared_ptr<const drive::TunnelSettings>(std::move(settings));
}

}  // namespace

base::Result<std::shared_ptr<const Runtime>> make_runtime(const config::v1::Proxy& checked, const PolicyInput* policy,
                                                          InterceptionPartsPtr interception) {
  auto runtime = std::make_shared<Runtime>();
  if (policy != nullptr) {
    auto loaded = load_policy(*policy);
    if (!loaded) return loaded.error();
    if (loaded->policy->tenant() != checked.tenant()) {
      return base::Error{checked.policy() + ": tenant: is `" + loaded->policy->tenant() +
                         "`, but this PoP serves the tenant `" + checked.tenant() + "`"};
    }
    runtime->policy = std::move(loaded->policy);
    runtime->policy_message = std::move(loaded->message);
    runtime->warnings = std::move(loaded->warnings);
  }
  for (const config::v1::Listener& listener : checked.listeners()) {
    ListenerRuntime made;
    made.settings = make_settings(checked, listener, runtime->policy);
    if (listener.has_auth()) {
      auto passwords = tls::Passwords::load(listener.auth().basic());
      if (!passwords) return passwords.error();
      made.passwords = std::make_shared<const tls::Passwords>(std::move(*passwords));
    }
    if (listener.kind() == "tunnel") {
      auto tunnel = make_tunnel_settings(checked, listener);
      if (!tunnel) return tunnel.error();
      made.tunnel = std::move(*tunnel);
    }
    if (!listener.proxy_protocol().empty()) {
      made.introduction = std::make_shared<const Introduction>(
          Introduction{config::cidrs_of(listener.allow_sources()), made.settings->timeouts.head});
    }
    runtime->listeners.push_back(std::move(made));
  }
  runtime->dial = make_dial_settings(checked.origin());
  runtime->pages = {base::Duration(checked.pages().page_ms()), base::Duration(checked.pages().rollup_ms())};
  runtime->interception = std::move(interception);
  runtime->flows_max = checked.limits().flows();
  runtime->flows_per_source_max = checked.limits().flows_per_source();
  return std::shared_ptr<const Runtime>(std::move(runtime));
}

base::Status check(const config::v1::Proxy& checked) {
  PolicyInput policy;
  if (!checked.policy().empty()) {
    auto read = read_policy(checked.policy());
    if (!read) return read.error();
    policy = *std::move(read);
  }
  const auto runtime = make_runtime(checked, checked.policy().empty() ? nullptr : &policy, nullptr);
  if (!runtime) return runtime.error();
  if (const auto interception = check_interception(checked); !interception) return interception.error();
  return base::Unit{};
}

}  // namespace sluice::pop
