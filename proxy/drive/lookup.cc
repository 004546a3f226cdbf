#include "proxy/drive/lookup.h"

#include <utility>

#include "proxy/drive/limits.h"

namespace sluice::drive {

Lookup::Lookup(net::Loop& loop, net::Resolver& resolver, const DialSettings& settings, std::string host,
               LookupHandler& handler)
    : loop_(loop),
      resolver_(resolver),
      configured_(settings.override_for(host)),
      host_(std::move(host)),
      handler_(handler) {}

Lookup::~Lookup() {
  if (missing_ > 0) resolver_.cancel(*this);
}

void Lookup::start() {
  if (configured_) {
    missing_ = 0;
    return handler_.on_looked_up({configured_, true});
  }
  // Both answers may come from the cache at once: look only when both were asked for.
  starting_ = true;
  resolver_.resolve(host_, net::Family::kV6, *this);
  resolver_.resolve(host_, net::Family::kV4, *this);
  starting_ = false;
  loop_.timers().arm(*this, loop_.now() + lookup_wait);
  answer_if_known();
}

void Lookup::on_resolved(const net::ResolveAnswer& answer) {
  --missing_;
  if (!answer.addresses.empty()) (answer.family == net::Family::kV4 ? v4_ : v6_) = answer.addresses.front();
  if (!starting_) answer_if_known();
}

void Lookup::on_timer() {
  answer(v6_);
}

void Lookup::answer_if_known() {
  if (v4_) return answer(v4_);
  if (missing_ == 0) answer(v6_);
}

void Lookup::answer(std::optional<base::IpAddress> address) {
  loop_.timers().disarm(*this);
  if (missing_ > 0) resolver_.cancel(*this);
  missing_ = 0;
  handler_.on_looked_up({address, false});
}

}  // namespace sluice::drive
