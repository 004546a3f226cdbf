#include "proxy/client/capture.h"

#include <nftables/libnftables.h>

#include <algorithm>
#include <cstdio>

#include "proxy/client/limits.h"

namespace sluice::client {

namespace {

// Adding it first makes deleting it succeed whether it was there or not.
constexpr const char* remove_table = "add table inet sluice_client\ndelete table inet sluice_client\n";
// The kernel does not let an owned table be added once more, not even by its owner.
constexpr const char* remove_own_table = "delete table inet sluice_client\n";

std::string family_of(const base::IpAddress& address) {
  return address.is_v4() ? "ip" : "ip6";
}

std::string hex(uint32_t mark) {
  char text[16];
  std::snprintf(text, sizeof text, "0x%x", mark);
  return text;
}

// Behind them a packet is the first of a connection that nobody has judged. The program's verdict comes as a mark, and
// the packet with it through the chain once more; the connection keeps the mark.
std::string ask_rules(const CaptureRules& rules) {
  const std::string passes = hex(quic_passes_mark);
  const std::string refused = hex(quic_refused_mark);
  const std::string reject = " counter reject with icmpx admin-prohibited\n";
  return "    ct mark " + passes + " return\n" +                                               //
         "    ct mark " + refused + reject +                                                   //
         "    meta mark " + passes + " ct mark set " + passes + " meta mark set 0 return\n" +  //
         "    meta mark " + refused + " ct mark set " + refused + reject +                     //
         "    queue " + (rules.fails_open ? "flags bypass " : "") + "to " + std::to_string(quic_queue) + "\n";
}

std::string refuse_rules(const CaptureRules& rules) {
  std::string text;
  for (const std::string& network : rules.spared_networks) {
    const auto cidr = base::Cidr::parse(network);
    if (!cidr) continue;
    const std::string there = "    " + family_of(cidr->network()) + " daddr " + network;
    text += there + " ct state new log group " + std::to_string(quic_passed_log_group) + "\n" + there + " return\n";
  }
  return text + "    limit rate 50/second burst 100 packets log group " + std::to_string(quic_log_group) + "\n" +
         "    counter reject with icmpx admin-prohibited\n";
}

}  // namespace

std::string capture_table(const CaptureRules& rules) {
  std::string ports;
  for (const uint16_t port : rules.ports) ports += (ports.empty() ? "" : ", ") + std::to_string(port);
  // This machine's own addresses are none of the cloud's business, and a redirected connection is one to them.
  const std::string not_ours = "    meta mark " + hex(own_mark) + " return\n    fib daddr type local return\n";
  std::string table = "table inet sluice_client {\n";
  if (rules.fails_open) table += "  flags owner\n";
  table += "  chain capture {\n    type nat hook output priority -100; policy accept;\n" + not_ours;
  for (const base::Endpoint& service : rules.own_services) {
    const base::IpAddress address = service.address.unmapped();
    table += "    " + family_of(address) + " daddr " + address.to_string() + " tcp dport " +
             std::to_string(service.port) + " return\n";
  }
  table += "    tcp dport { " + ports + " } redirect to :" + std::to_string(rules.to_port) + "\n  }\n";
  table += "  chain quic {\n    type filter hook output priority 0; policy accept;\n" + not_ours;
  table += "    meta l4proto != udp return\n    udp dport != 443 return\n";
  table += rules.quic == QuicRules::kAsk ? ask_rules(rules) : refuse_rules(rules);
  // Answers to questions of this machine only.
  table += "  }\n  chain names {\n    type filter hook input priority 0; policy accept;\n";
  return table + "    udp sport 53 ct state established log group " + std::to_string(dns_log_group) + "\n  }\n}\n";
}

void Capture::Free::operator()(nft_ctx* context) const {
  nft_ctx_free(context);
}

base::Status Capture::run(nft_ctx& context, const std::string& commands) {
  if (nft_run_cmd_from_buffer(&context, commands.c_str()) == 0) return base::Unit{};
  std::string why = nft_ctx_get_error_buffer(&context);
  why.resize(std::min(why.find('\n'), why.size()));
  return base::Error{"capture: the packet filter refuses (CAP_NET_ADMIN is needed, and no other running client): " +
                     why};
}

base::Result<std::unique_ptr<Capture>> Capture::install(CaptureRules rules) {
  Context context(nft_ctx_new(NFT_CTX_DEFAULT));
  if (context == nullptr) return base::Error{"capture: cannot talk to the packet filter (nf_tables)"};
  (void)nft_ctx_buffer_error(context.get());
  (void)nft_ctx_buffer_output(context.get());
  std::unique_ptr<Capture> capture(new Capture(std::move(context)));
  if (auto status = capture->replace(std::move(rules)); !status) return status.error();
  return capture;
}

base::Status Capture::replace(CaptureRules rules) {
  const bool installed = !rules_.ports.empty();
  const std::string table = capture_table(rules);
  // A table that somebody else has removed is made anew.
  if (!installed || !run(*context_, remove_own_table + table)) {
    if (auto status = run(*context_, remove_table + table); !status) return status.error();
  }
  rules_ = std::move(rules);
  return base::Unit{};
}

Capture::~Capture() {
  if (!rules_.ports.empty()) (void)run(*context_, remove_own_table);
}

base::Status Capture::clean_up() {
  Context context(nft_ctx_new(NFT_CTX_DEFAULT));
  if (context == nullptr) return base::Error{"capture: cannot talk to the packet filter (nf_tables)"};
  (void)nft_ctx_buffer_error(context.get());
  (void)nft_ctx_buffer_output(context.get());
  return run(*context, remove_table);
}

}  // namespace sluice::client
