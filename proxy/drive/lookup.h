#pragma once
// Lookup: where a name lives, for a decision that comes before the dial. The IPv4 address as soon as it is there, else
// the IPv6 one.
#include <optional>
#include <string>

#include "proxy/base/ip.h"
#include "proxy/drive/dialer.h"
#include "proxy/net/loop.h"
#include "proxy/net/resolver.h"

namespace sluice::drive {

class LookupHandler {
 public:
  // Once. The lookup may be destroyed from here.
  virtual void on_looked_up(const flow::Resolved& answer) = 0;

 protected:
  virtual ~LookupHandler() = default;
};

// Destroying it gives up; what the servers still say stays in the resolver's cache for the dialler. One loop.
class Lookup final : private net::ResolveHandler, private net::Timer {
 public:
  Lookup(net::Loop& loop, net::Resolver& resolver, const DialSettings& settings, std::string host,
         LookupHandler& handler);
  ~Lookup() override;
  void start();  // may answer before it returns

 private:
  void on_resolved(const net::ResolveAnswer& answer) override;
  void on_timer() override;
  void answer_if_known();
  void answer(std::optional<base::IpAddress> address);

  net::Loop& loop_;
  net::Resolver& resolver_;
  std::optional<base::IpAddress> configured_;
  std::string host_;
  LookupHandler& handler_;
  std::optional<base::IpAddress> v4_, v6_;
  int missing_ = 2;  // answers that are still on their way
  bool starting_ = false;
};

}  // namespace sluice::drive
