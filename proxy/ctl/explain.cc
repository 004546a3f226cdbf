// sluicectl explain: what would be done with a flow, rule by rule, without a flow. The rules are the ones that the
// programs themselves run: those of a PoP's configuration (flow/) and those of a tenant's policy (policy/).
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "proxy/config/proxy_config.h"
#include "proxy/ctl/commands.h"
#include "proxy/ctl/explain_policy.h"
#include "proxy/flow/address_rules.h"
#include "proxy/flow/settings.h"
#include "proxy/net/address.h"
#include "proxy/wire/authority.h"

namespace sluice::ctl {

namespace {

struct Options {
  std::string config;
  std::string host;
  uint16_t port = 443;
  std::string source = "127.0.0.1";
  std::string listener;
  PolicyQuestion policy;
};

// The rules in the order in which the PoP looks at them; the first refusal ends it.
class Explanation {
 public:
  void step(const char* rule, const std::string& verdict, const std::string& why) {
    std::printf("%2d  %-12s %-8s %s\n", ++count_, rule, verdict.c_str(), why.c_str());
  }
  int refused(const char* rule, const std::string& why, const char* reason) {
    step(rule, "refuse", why);
    std::printf("\nverdict  block, close_reason %s\n", reason);
    return exit_done;
  }

 private:
  int count_ = 0;
};

std::string joined(const google::protobuf::RepeatedPtrField<std::string>& items) {
  std::string text;
  for (const std::string& item : items) text += (text.empty() ? "" : ", ") + item;
  return text;
}

const config::v1::Listener* find_listener(const config::v1::Proxy& proxy, const std::string& name) {
  for (const auto& listener : proxy.listeners()) {
    if (name.empty() || listener.name() == name) return &listener;
  }
  return nullptr;
}

// The longest name of origin.resolve that covers `host`.
std::optional<std::string> override_name(const config::v1::Proxy& proxy, const std::string& host) {
  std::optional<std::string> best;
  for (const auto& [name, address] : proxy.origin().resolve()) {
    const bool covers = host == name || host.ends_with("." + name);
    if (covers && (!best || name.size() > best->size())) best = name;
  }
  return best;
}

// Empty when the address may be dialled.
std::string why_prohibited(const config::v1::Proxy& proxy, const base::IpAddress& address) {
  std::vector<base::IpAddress> own = net::local_addresses();
  for (const std::string& text : proxy.origin().public_addresses()) own.push_back(base::IpAddress::parse(text).value());
  const flow::AddressRules rules(config::cidrs_of(proxy.origin().allow_destinations()), std::move(own));
  const auto why = rules.prohibited(address);
  return why ? address.to_string() + " is " + std::string(*why) : "";
}

int explain_destination(const config::v1::Proxy& proxy, const wire::Host& host, uint16_t port,
                        Explanation& explanation) {
  const auto& ports = proxy.origin().allow_ports();
  if (std::find(ports.begin(), ports.end(), port) == ports.end()) {
    return explanation.refused("port", std::to_string(port) + " is not in origin.allow_ports", "port_not_allowed");
  }
  explanation.step("port", "pass", std::to_string(port) + " is in origin.allow_ports");
  std::optional<base::IpAddress> address = host.address;
  if (const auto name = address ? std::nullopt : override_name(proxy, host.name)) {
    address = base::IpAddress::parse(proxy.origin().resolve().at(*name)).value();
    explanation.step("name", "pass", "origin.resolve[" + *name + "] gives " + address->to_string());
  } else if (!address) {
    explanation.step("name", "pass", "asked of DNS when the flow comes");
  }
  if (address) {
    const std::string why = why_prohibited(proxy, *address);
    if (!why.empty()) return explanation.refused("address", why, "destination_prohibited");
    explanation.step("address", "pass", address->to_string() + " may be dialled");
  } else {
    explanation.step("address", "later", "every address in the answer is checked before it is dialled");
  }
  if (!host.address) {
    explanation.step("name binding", "later", "a ClientHello must name " + host.name + " or no host at all");
  }
  explanation.step("interception", "bypass", "interception is not configured on this PoP: the flow is spliced");
  std::printf("\nverdict  bypass, bypass_mode do_not_decrypt, bypass_reason_code interception_off\n");
  return exit_done;
}

int explain_config(const Options& options) {
  const auto loaded = config::load_proxy_config(options.config);
  if (!loaded) {
    std::fprintf(stderr, "%s\n", loaded.error().message.c_str());
    return exit_usage;
  }
  const config::v1::Proxy& proxy = loaded->message;
  const auto* listener = find_listener(proxy, options.listener);
  const auto source = base::IpAddress::parse(options.source);
  const auto host = wire::parse_host(options.host);
  if (listener == nullptr || !source) {
    std::fprintf(stderr, "sluicectl: %s\n",
                 listener == nullptr ? ("no listener is called " + options.listener).c_str()
                                     : ("--source " + options.source + " is not an IP address").c_str());
    return exit_usage;
  }
  std::printf("flow     %s port %u from %s at listener %s of %s\n\n", options.host.c_str(), unsigned{options.port},
              options.source.c_str(), listener->name().c_str(), proxy.name().c_str());
  Explanation explanation;
  if (!host) return explanation.refused("authority", wire::describe(host.error()), "bad_authority");
  explanation.step("authority", "pass", host->address ? "an address" : "a host name");
  flow::Settings settings;
  settings.allow_sources = config::cidrs_of(listener->allow_sources());
  settings.allow_any_source = listener->allow_sources().empty();
  if (!settings.source_allowed(*source)) {
    return explanation.refused("source", "not in allow_sources [" + joined(listener->allow_sources()) + "]",
                               "source_not_allowed");
  }
  explanation.step("source", "pass",
                   settings.allow_any_source ? "no allow_sources" : "in [" + joined(listener->allow_sources()) + "]");
  explanation.step("auth", listener->has_auth() ? "later" : "pass",
                   listener->has_auth() ? "a user of " + listener->auth().basic() : "no auth on this listener");
  return explain_destination(proxy, *host, options.port, explanation);
}

int explain(const Options& options) {
  if (options.policy.policy.empty()) return explain_config(options);
  PolicyQuestion question = options.policy;
  question.flow.host = options.host;
  question.flow.port = options.port;
  question.flow.source = options.source;
  return explain_policy(question);
}

void add_policy_options(CLI::App& command, PolicyQuestion& question, CLI::Option* of_config) {
  CLI::Option* policy = command.add_option("--policy", question.policy, "policy of the tenant, a file or a folder");
  policy->excludes(of_config);
  const auto add = [&](const char* name, std::string& value, const char* what) {
    return command.add_option(name, value, what)->needs(policy);
  };
  add("--layer", question.flow.layer, "client or pop; default: both")->check(CLI::IsMember({"client", "pop"}));
  add("--process", question.flow.process, "base name of the program, as a steering client sees it");
  add("--process-path", question.flow.process_path, "full path of the program");
  question.flow.platform = "linux";
  add("--platform", question.flow.platform, "of the program")
      ->check(CLI::IsMember({"windows", "macos", "linux"}))
      ->capture_default_str();
  add("--user", question.flow.user, "user of the flow");
  add("--address", question.flow.address, "address of the origin");
  CLI::Option* method = add("--method", question.flow.method, "method of a request in the flow");
  add("--path", question.flow.path, "path of the request")->needs(method);
}

}  // namespace

void add_explain_command(CLI::App& program, int& exit_code) {
  auto options = std::make_shared<Options>();
  CLI::App* command = program.add_subcommand("explain", "Say what would be done with a flow, rule by rule");
  CLI::Option* config = command->add_option("--config", options->config, "configuration of the PoP");
  add_policy_options(*command, options->policy, config);
  command->add_option("--host", options->host, "host that the client asks for")->required();
  command->add_option("--port", options->port, "port")->capture_default_str();
  command->add_option("--source", options->source, "address of the client")->capture_default_str();
  command->add_option("--listener", options->listener, "name of the listener; default: the first")->needs(config);
  command->footer(
      "Examples:\n"
      "  sluicectl explain --config proxy.yaml --host client.dropbox.com --port 443\n"
      "  sluicectl explain --policy policy.yaml --process dropbox --platform linux --host client.dropbox.com");
  command->callback([options, &exit_code] {
    if (options->config.empty() && options->policy.policy.empty()) {
      throw CLI::ValidationError("one of --config and --policy is required");
    }
    exit_code = explain(*options);
  });
}

}  // namespace sluice::ctl
