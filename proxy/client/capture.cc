#include "proxy/client/capture.h"

#include <nftables/libnftables.h>

#include <algorithm>
#include <cstdio>

#include "proxy/client/limits.h"

namespace sluice::client {

namespace {

// Adding it first makes deleting it succeed whether it was there or not.
constexpr const char* remove_table = "add table inet sluice_client\ndelete table inet sluice_client\n";

std::string family_of(const base::IpAddress& address) {
  return address.is_v4() ? "ip" : "ip6";
}

std::string mark() {
  char text[16];
  std::snprintf(text, sizeof text, "0x%x", own_mark);
  return text;
}

}  // namespace

std::string capture_table(const CaptureRules& rules) {
  std::string ports;
  for (const uint16_t port : rules.ports) ports += (ports.empty() ? "" : ", ") + std::to_string(port);
  // This machine's own addresses are none of the cloud's business, and a redirected connection is one to them.
  const std::string not_ours = "    meta mark " + mark() + " return\n    fib daddr type local return\n";
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
  for (const std::string& network : rules.spared_networks) {
    const auto cidr = base::Cidr::parse(network);
    if (cidr) table += "    " + family_of(cidr->network()) + " daddr " + network + " return\n";
  }
  return table + "    udp dport 443 counter reject with icmpx admin-prohibited\n  }\n}\n";
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
  if (auto status = run(*context, remove_table); !status) return status.error();
  if (auto status = run(*context, capture_table(rules)); !status) return status.error();
  return std::unique_ptr<Capture>(new Capture(std::move(context), std::move(rules)));
}

Capture::~Capture() {
  (void)run(*context_, remove_table);
}

base::Status Capture::clean_up() {
  Context context(nft_ctx_new(NFT_CTX_DEFAULT));
  if (context == nullptr) return base::Error{"capture: cannot talk to the packet filter (nf_tables)"};
  (void)nft_ctx_buffer_error(context.get());
  (void)nft_ctx_buffer_output(context.get());
  return run(*context, remove_table);
}

}  // namespace sluice::client
