#pragma once
// NetworkProbe: whether this machine is on the company's own network, told by a name that only resolves there.
#include <functional>
#include <string>

#include "proxy/base/ip.h"
#include "proxy/base/time.h"
#include "proxy/net/loop.h"
#include "proxy/net/resolver.h"

namespace sluice::client {

// Asks at start and again and again. Any other answer, and none, means elsewhere. One loop.
class NetworkProbe : private net::ResolveHandler, private net::Timer {
 public:
  struct Question {
    std::string host;
    base::IpAddress address;
    base::Duration every{};
  };

  NetworkProbe(net::Loop& loop, net::Resolver& resolver, Question question, std::function<void()> changed);
  ~NetworkProbe() override;
  void start();

  bool on_network() const { return on_network_; }

 private:
  void on_resolved(const net::ResolveAnswer& answer) override;
  void on_timer() override;

  net::Loop& loop_;
  net::Resolver& resolver_;
  Question question_;
  std::function<void()> changed_;
  bool on_network_ = false;
};

}  // namespace sluice::client
