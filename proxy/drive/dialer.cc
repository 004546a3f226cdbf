#include "proxy/drive/dialer.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "proxy/drive/limits.h"

namespace sluice::drive {

using flow::CloseReason;
using net::Family;
using net::ResolveError;

std::optional<base::IpAddress> DialSettings::override_for(std::string_view name) const {
  if (resolve.empty()) return std::nullopt;
  while (true) {
    if (const auto found = resolve.find(std::string(name)); found != resolve.end()) return found->second;
    const size_t dot = name.find('.');
    if (dot == std::string_view::npos) return std::nullopt;
    name.remove_prefix(dot + 1);
  }
}

Dialer::Dialer(net::Loop& loop, net::Resolver& resolver, std::shared_ptr<const DialSettings> settings,
               wire::Authority authority, DialHandler& handler)
    : loop_(loop),
      resolver_(resolver),
      settings_(std::move(settings)),
      authority_(std::move(authority)),
      handler_(handler) {}

Dialer::~Dialer() {
  if (resolving()) resolver_.cancel(*this);
}

void Dialer::start() {
  deadline_ = loop_.now() + settings_->connect_timeout;
  next_attempt_ = loop_.now();
  auto known = authority_.address;
  if (!known) known = settings_->override_for(authority_.host);
  if (known) {
    have_v4_ = have_v6_ = true;
    add({*known});
    advance();
    return;
  }
  // Both answers may come from the cache at once: look only when both were asked for.
  starting_ = true;
  resolver_.resolve(authority_.host, Family::kV6, *this);
  resolver_.resolve(authority_.host, Family::kV4, *this);
  starting_ = false;
  advance();
}

void Dialer::on_resolved(const net::ResolveAnswer& answer) {
  if (have_v4_ == have_v6_) resolved_at_ = loop_.now();
  if (answer.family == Family::kV4) {
    have_v4_ = true;
    error_v4_ = answer.error;
  } else {
    have_v6_ = true;
    error_v6_ = answer.error;
  }
  add(answer.addresses);
  if (!starting_) advance();
}

void Dialer::add(const std::vector<base::IpAddress>& addresses) {
  for (auto it = addresses.rbegin(); it != addresses.rend(); ++it) {
    if (const auto why = settings_->rules.prohibited(*it)) {
      if (prohibited_.empty()) prohibited_ = it->to_string() + " (" + std::string(*why) + ")";
      last_address_ = {*it, authority_.port};
      continue;
    }
    (it->is_v4() ? v4_ : v6_).push_back(*it);
  }
}

// IPv4 alone waits a moment for IPv6 (RFC 8305 section 3).
bool Dialer::may_attempt(base::Time now) const {
  if (v4_.empty() && v6_.empty()) return false;
  if (attempts_made_ >= dial_attempts_max || now < next_attempt_) return false;
  return !v6_.empty() || have_v6_ || now >= resolved_at_ + resolution_delay;
}

std::optional<base::IpAddress> Dialer::next_address() {
  auto& first = v6_turn_ ? v6_ : v4_;
  auto& second = v6_turn_ ? v4_ : v6_;
  auto& list = first.empty() ? second : first;
  if (list.empty()) return std::nullopt;
  const base::IpAddress address = list.back();
  list.pop_back();
  v6_turn_ = address.is_v4();
  return address;
}

void Dialer::attempt() {
  const base::Endpoint to{next_address().value(), authority_.port};
  ++attempts_made_;
  last_address_ = to;
  next_attempt_ = loop_.now() + connection_attempt_delay;
  int error = 0;
  auto stream = net::TcpStream::connect(loop_, to, *this, &error, settings_->mark);
  if (!stream) {
    attempt_failed(error);
    return;
  }
  attempts_.push_back(std::move(stream));
  attempt_addresses_.push_back(to);
}

void Dialer::attempt_failed(int error) {
  last_error_ = error;
  next_attempt_ = loop_.now();  // no reason to wait for the next one
}

void Dialer::advance() {
  while (may_attempt(loop_.now())) attempt();
  const bool more = attempts_made_ < dial_attempts_max && (!v4_.empty() || !v6_.empty() || resolving());
  if (attempts_.empty() && !more) {
    fail_exhausted();
    return;
  }
  arm();
}

void Dialer::arm() {
  base::Time wake = deadline_;
  if ((!v4_.empty() || !v6_.empty()) && attempts_made_ < dial_attempts_max) {
    wake = std::min(wake, std::max(next_attempt_, resolved_at_ + resolution_delay));
  }
  loop_.timers().arm(*this, wake);
}

void Dialer::on_timer() {
  if (loop_.now() < deadline_) {
    advance();
  } else if (attempts_made_ == 0) {
    fail(CloseReason::kDnsTimeout, "The name servers did not answer for " + authority_.host + " in time.");
  } else {
    fail(CloseReason::kConnectTimeout, "The origin did not accept the connection in time.");
  }
}

void Dialer::on_stream(net::Stream& changed) {
  const auto found =
      std::find_if(attempts_.begin(), attempts_.end(), [&](const auto& a) { return a.get() == &changed; });
  const auto index = static_cast<size_t>(found - attempts_.begin());
  net::TcpStream& stream = **found;
  const int error = stream.connect_error();
  if (error == 0 && !stream.writable()) return;
  const base::Endpoint address = attempt_addresses_[index];
  std::unique_ptr<net::TcpStream> owned = std::move(*found);
  attempts_.erase(found);
  attempt_addresses_.erase(attempt_addresses_.begin() + static_cast<std::ptrdiff_t>(index));
  if (error != 0) {
    last_address_ = address;
    owned.reset();
    attempt_failed(error);
    advance();
    return;
  }
  loop_.timers().disarm(*this);
  handler_.on_dialled(std::move(owned),
                      flow::DialDone{.failure = CloseReason::kUnspecified, .address = address, .detail = {}});
}

void Dialer::fail_exhausted() {
  if (attempts_made_ > 0) {
    const std::string text = std::strerror(last_error_);
    switch (last_error_) {
      case ECONNREFUSED: return fail(CloseReason::kConnectRefused, "The origin refused the connection.");
      case ETIMEDOUT: return fail(CloseReason::kConnectTimeout, "The origin did not accept the connection in time.");
      case ENETUNREACH:
      case EHOSTUNREACH:
      case EADDRNOTAVAIL: return fail(CloseReason::kConnectUnreachable, "The origin cannot be reached: " + text + ".");
      default: return fail(CloseReason::kConnectError, "The connection to the origin failed: " + text + ".");
    }
  }
  if (!prohibited_.empty()) {
    return fail(CloseReason::kDestinationProhibited, "The destination address is not allowed: " + prohibited_ + ".");
  }
  if (error_v4_ == ResolveError::kTimeout || error_v6_ == ResolveError::kTimeout) {
    return fail(CloseReason::kDnsTimeout, "The name servers did not answer for " + authority_.host + " in time.");
  }
  if (error_v4_ == ResolveError::kFailed || error_v6_ == ResolveError::kFailed) {
    return fail(CloseReason::kDnsError, "The name " + authority_.host + " could not be resolved.");
  }
  fail(CloseReason::kDnsNotFound, "The name " + authority_.host + " does not exist.");
}

void Dialer::fail(CloseReason reason, std::string detail) {
  loop_.timers().disarm(*this);
  attempts_.clear();
  handler_.on_dialled(nullptr,
                      flow::DialDone{.failure = reason, .address = last_address_, .detail = std::move(detail)});
}

}  // namespace sluice::drive
