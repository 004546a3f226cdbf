#include "proxy/client/runtime.h"

#include <sys/utsname.h>

#include <fstream>

#include "proxy/base/ip.h"
#include "proxy/client/limits.h"
#include "proxy/config/policy_config.h"
#include "proxy/config/proxy_config.h"
#include "proxy/policy/compile.h"
#include "proxy/tls/digest.h"

namespace sluice::client {

namespace {

std::vector<std::string> located(const config::LoadedPolicy& loaded, const policy::Findings& findings) {
  std::vector<std::string> lines;
  for (const policy::Finding& finding : findings) lines.push_back(loaded.located(finding.path, finding.sentence));
  return lines;
}

base::Error error_of(const config::LoadedPolicy& loaded, const policy::Findings& findings) {
  std::string message;
  for (const std::string& line : located(loaded, findings)) message += (message.empty() ? "" : "\n") + line;
  return base::Error{message};
}

// PRETTY_NAME of /etc/os-release ("Debian GNU/Linux 12 (bookworm)"), else the kernel's name.
std::string operating_system() {
  std::ifstream in("/etc/os-release");
  for (std::string line; std::getline(in, line);) {
    constexpr std::string_view key = "PRETTY_NAME=\"";
    if (line.starts_with(key) && line.ends_with('"')) return line.substr(key.size(), line.size() - key.size() - 1);
  }
  utsname about{};
  return uname(&about) == 0 ? about.sysname : "";
}

std::string host_name() {
  utsname about{};
  return uname(&about) == 0 ? about.nodename : "";
}

std::vector<std::string> spared_networks(const LoadedPolicy& policy, const std::string& user) {
  std::vector<std::string> networks;
  const std::string_view in_force = policy.policy->steering_configuration(user);
  for (const auto& steering : policy.message.steering_configurations()) {
    if (steering.name() != in_force) continue;
    for (const auto& exception : steering.exceptions()) {
      networks.insert(networks.end(), exception.destinations().cidrs().begin(), exception.destinations().cidrs().end());
    }
  }
  return networks;
}

// The client dials what the app could have dialled itself: no address is prohibited.
std::shared_ptr<const drive::DialSettings> make_dial_settings(const config::v1::Client& checked) {
  const config::v1::DirectSettings& direct = checked.direct();
  auto dial = std::make_shared<drive::DialSettings>();
  dial->connect_timeout = base::Duration(direct.connect_timeout_ms());
  dial->rules = flow::AddressRules({*base::Cidr::parse("0.0.0.0/0"), *base::Cidr::parse("::/0")}, {});
  if (checked.capture().mode() == "redirect") dial->mark = own_mark;
  for (const auto& [name, address] : direct.resolve()) {
    dial->resolve.emplace(name, base::IpAddress::parse(address).value());
  }
  return dial;
}

}  // namespace

base::Result<LoadedPolicy> load_policy(const std::string& path, uint64_t generation) {
  const auto loaded = config::load_policy_config(path);
  if (!loaded) return loaded.error();
  auto resources = policy::load_resources(loaded->message, loaded->folder);
  if (!resources) return error_of(*loaded, resources.error());
  const policy::CompileOptions options{.generation = generation, .sha256_hex = [](std::string_view bytes) {
                                         return tls::sha256_hex(base::as_bytes(bytes));
                                       }};
  auto compiled = policy::compile(loaded->message, std::move(*resources), options);
  if (!compiled) return error_of(*loaded, compiled.error());
  return LoadedPolicy{compiled->policy, loaded->message, located(*loaded, compiled->warnings)};
}

LoadedPolicy no_policy(const std::string& tenant) {
  LoadedPolicy loaded;
  loaded.message.set_tenant(tenant);
  config::v1::SteeringConfiguration& steering = *loaded.message.add_steering_configurations();
  steering.set_name("none received yet");
  policy::CompileOptions options;
  options.version = "0-000000000000";
  auto compiled = policy::compile(loaded.message, {}, options);
  SLUICE_ASSERT(compiled.ok());
  loaded.policy = compiled->policy;
  return loaded;
}

std::shared_ptr<const Runtime> make_runtime(const config::v1::Client& checked, LoadedPolicy policy) {
  auto runtime = std::make_shared<Runtime>();
  runtime->spared_networks = spared_networks(policy, checked.user());
  auto steering = std::make_shared<flow::SteerSettings>();
  steering->client_name = checked.name();
  steering->user = checked.user();
  flow::Device device;
  device.id = checked.name();
  device.hostname = host_name();
  device.os = operating_system();
  device.client_version = SLUICE_VERSION;
  steering->device = std::make_shared<const flow::Device>(std::move(device));
  steering->policy = std::move(policy.policy);
  const auto& timeouts = checked.timeouts();
  steering->timeouts = {.head = base::Duration(timeouts.head_ms()),
                        .client_hello = base::Duration(timeouts.client_hello_ms()),
                        .idle = base::Duration(timeouts.idle_ms()),
                        .half_open = base::Duration(timeouts.half_open_ms()),
                        .total = base::Duration(timeouts.total_ms())};
  runtime->steering = std::move(steering);
  runtime->dial = make_dial_settings(checked);
  runtime->warnings = std::move(policy.warnings);
  runtime->flows_max = checked.limits().flows();
  return runtime;
}

}  // namespace sluice::client
