#pragma once
// Capture: a table in the kernel's packet filter that brings the TCP connections of this network namespace to the
// client, refuses QUIC of what is steered, so that browsers fall back to TCP, and shows it DNS answers (PacketWatch).
//
//   policy fails open:   the table belongs to this process; the kernel drops it when the process ends, however it ends
//   policy fails closed: the table stays after a crash, and connections are refused; the next start, or --cleanup,
//                        removes it
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "proxy/base/ip.h"
#include "proxy/base/result.h"

struct nft_ctx;

namespace sluice::client {

// How UDP 443 is refused. The kernel does not know whose it is.
enum class QuicRules : uint8_t {
  kAsk,     // the first packet of a connection waits for the client, which knows (needs the kernel's `queue`)
  kRefuse,  // all of it, but to `spared_networks`
};

struct CaptureRules {
  std::vector<uint16_t> ports;
  uint16_t to_port = 0;  // where the client listens, on 127.0.0.1 and [::1]
  bool fails_open = true;
  std::vector<base::Endpoint> own_services;  // PoPs, event store: reached without a mark
  QuicRules quic = QuicRules::kRefuse;
  std::vector<std::string> spared_networks;  // CIDRs whose UDP 443 passes

  bool operator==(const CaptureRules&) const = default;
};

// The table in nftables' language.
std::string capture_table(const CaptureRules& rules);

// Installed while it lives. One thread.
class Capture {
 public:
  // Replaces what an earlier client left.
  static base::Result<std::unique_ptr<Capture>> install(CaptureRules rules);
  ~Capture();
  Capture(const Capture&) = delete;
  Capture& operator=(const Capture&) = delete;

  // Removes what a client that died has left; nothing there is fine.
  static base::Status clean_up();

  // In one step: no packet meets the old rules gone and the new ones not yet there. A failure leaves the old ones.
  base::Status replace(CaptureRules rules);

  const CaptureRules& rules() const { return rules_; }

 private:
  struct Free {
    void operator()(nft_ctx* context) const;
  };
  using Context = std::unique_ptr<nft_ctx, Free>;

  explicit Capture(Context context) : context_(std::move(context)) {}
  static base::Status run(nft_ctx& context, const std::string& commands);

  Context context_;     // its socket owns the table
  CaptureRules rules_;  // without ports: none are installed
};

}  // namespace sluice::client
