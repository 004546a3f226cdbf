#include "proxy/client/network_probe.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

namespace sluice::client {

NetworkProbe::NetworkProbe(net::Loop& loop, net::Resolver& resolver, Question question, std::function<void()> changed)
    : loop_(loop), resolver_(resolver), question_(std::move(question)), changed_(std::move(changed)) {}

NetworkProbe::~NetworkProbe() {
  resolver_.cancel(*this);
  loop_.timers().disarm(*this);
}

void NetworkProbe::start() {
  const net::Family family = question_.address.is_v4() ? net::Family::kV4 : net::Family::kV6;
  resolver_.resolve(question_.host, family, *this);
}

void NetworkProbe::on_timer() {
  start();
}

void NetworkProbe::on_resolved(const net::ResolveAnswer& answer) {
  loop_.timers().arm(*this, loop_.now() + question_.every);
  const bool here =
      std::find(answer.addresses.begin(), answer.addresses.end(), question_.address) != answer.addresses.end();
  if (here == on_network_) return;
  on_network_ = here;
  if (here) {
    spdlog::info("on network: {} has its address here, nothing is tunnelled", question_.host);
  } else {
    spdlog::info("off network: {} has not its address here, traffic is steered", question_.host);
  }
  changed_();
}

}  // namespace sluice::client
