#pragma once
// Dialer: from a checked authority to a connected socket. Resolves, checks the address that is dialled, and races the
// families (RFC 8305). Answers once, always: connected, or why not.
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "proxy/base/ip.h"
#include "proxy/flow/address_rules.h"
#include "proxy/flow/io.h"
#include "proxy/net/resolver.h"
#include "proxy/net/tcp_stream.h"
#include "proxy/wire/authority.h"

namespace sluice::drive {

// One immutable snapshot of what the operator configured; a reload makes a new one.
struct DialSettings {
  base::Duration connect_timeout{10'000};
  flow::AddressRules rules;
  uint32_t mark = 0;  // of our sockets (SO_MARK), so that a packet filter can tell them from others; 0 = none
  // Names that are not asked of DNS; a name covers its subdomains, the longest wins.
  std::unordered_map<std::string, base::IpAddress> resolve;

  std::optional<base::IpAddress> override_for(std::string_view name) const;
};

class DialHandler {
 public:
  // `stream` is null on failure. The dialling may be destroyed from here.
  virtual void on_dialled(std::unique_ptr<net::Stream> stream, flow::DialDone result) = 0;

 protected:
  virtual ~DialHandler() = default;
};

// A connection in the making: by our own dialler, or through a tunnel. Owned by the flow's driver; destroying it gives
// up. One loop.
class Dialling {
 public:
  virtual ~Dialling() = default;
  virtual void start() = 0;  // may answer before it returns
};

class Dialer final : public Dialling, private net::ResolveHandler, private net::StreamHandler, private net::Timer {
 public:
  Dialer(net::Loop& loop, net::Resolver& resolver, std::shared_ptr<const DialSettings> settings,
         wire::Authority authority, DialHandler& handler);
  ~Dialer() override;
  void start() override;

 private:
  void on_resolved(const net::ResolveAnswer& answer) override;
  void on_stream(net::Stream& stream) override;
  void on_timer() override;

  void add(const std::vector<base::IpAddress>& addresses);
  void advance();
  bool may_attempt(base::Time now) const;
  void attempt();
  void attempt_failed(int error);
  std::optional<base::IpAddress> next_address();
  bool resolving() const { return !have_v4_ || !have_v6_; }
  void arm();
  void fail(flow::CloseReason reason, std::string detail);
  void fail_exhausted();

  net::Loop& loop_;
  net::Resolver& resolver_;
  std::shared_ptr<const DialSettings> settings_;
  wire::Authority authority_;
  DialHandler& handler_;

  bool have_v4_ = false;
  bool have_v6_ = false;
  net::ResolveError error_v4_ = net::ResolveError::kNone;
  net::ResolveError error_v6_ = net::ResolveError::kNone;
  std::vector<base::IpAddress> v4_, v6_;  // to be tried, last first
  bool v6_turn_ = true;
  std::string prohibited_;  // the first address that rules refused, and why

  base::Time deadline_{};
  base::Time resolved_at_{};  // the first answer, for the resolution delay
  base::Time next_attempt_{};
  size_t attempts_made_ = 0;
  std::vector<std::unique_ptr<net::TcpStream>> attempts_;
  std::vector<base::Endpoint> attempt_addresses_;
  base::Endpoint last_address_;
  int last_error_ = 0;
  bool starting_ = false;
};

}  // namespace sluice::drive
