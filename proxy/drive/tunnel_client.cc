#include "proxy/drive/tunnel_client.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "proxy/base/text.h"
#include "proxy/drive/limits.h"

namespace sluice::drive {

TunnelClient::TunnelClient(net::Loop& loop, net::Resolver& resolver, TunnelClientSettings settings,
                           TunnelWatcher& watcher)
    : workshop_{loop, resolver, std::vector<uint8_t>(copy_buffer_bytes), std::vector<uint8_t>(copy_buffer_bytes)},
      settings_(std::move(settings)),
      watcher_(watcher),
      measured_(settings_.pops.size()) {}

TunnelClient::~TunnelClient() {
  loop().not_soon(*this);
}

void TunnelClient::start() {
  connect();
}

std::unique_ptr<Dialling> TunnelClient::dial(flow::Dial&& dial, DialHandler& handler) {
  // A flow that asks is a reason to look again, unless we just did.
  if (state_ == State::kDown && loop().now() >= round_began_ + demand_pause) connect();
  return std::make_unique<TunnelOpening>(*this, std::move(dial), handler);
}

std::optional<base::Duration> TunnelClient::round_trip() const {
  return tunnel_ ? tunnel_->session().round_trip() : std::nullopt;
}

Tunnel* TunnelClient::usable() {
  return state_ == State::kUp && tunnel_ && !tunnel_->session().draining() ? tunnel_.get() : nullptr;
}

void TunnelClient::set_state(State state) {
  if (std::exchange(state_, state) != state) watcher_.on_tunnel_state();
}

// ---- rounds of attempts

// Known times first, the shortest before the others; who failed in the last moment comes last. Without a measure all
// are tried at once: the nearest answers first.
void TunnelClient::connect() {
  round_began_ = loop().now();
  order_.resize(settings_.pops.size());
  std::iota(order_.begin(), order_.end(), size_t{0});
  const auto rank = [this](size_t pop) {
    const Measured& m = measured_[pop];
    const bool failed = m.failed_at != base::Time{} && loop().now() < m.failed_at + failure_memory;
    return std::pair(failed, m.time.value_or(base::Duration::max()));
  };
  std::stable_sort(order_.begin(), order_.end(), [&](size_t a, size_t b) { return rank(a) < rank(b); });
  std::reverse(order_.begin(), order_.end());
  set_state(State::kConnecting);
  loop().soon(*this);  // not on the stack of whoever lost the tunnel
}

void TunnelClient::on_ready() {
  ended_.clear();
  std::erase_if(attempts_, [](const auto& attempt) { return attempt->over(); });
  const auto idle = [](const auto& tunnel) { return tunnel->session().streams() == 0; };
  std::erase_if(retired_, idle);
  if (state_ == State::kConnecting) try_next();
  if (state_ == State::kUp) wake_openings();
}

void TunnelClient::try_next() {
  const bool measured = std::any_of(measured_.begin(), measured_.end(), [](const Measured& m) { return m.time; });
  while (state_ == State::kConnecting && !order_.empty()) {
    const size_t pop = order_.back();
    order_.pop_back();
    TunnelAttempt::Target target{pop, settings_.pops[pop].authority, std::move(measured_[pop].resume)};
    measured_[pop].resume.reset();  // a ticket is used once
    auto& attempt = attempts_.emplace_back(
        std::make_unique<TunnelAttempt>(workshop_, std::move(target), settings_.dial, settings_.context, *this));
    attempt->start(loop().now() + attempt_time);
    if (measured && !attempts_.back()->over()) break;  // the next one a moment later
  }
  if (state_ != State::kConnecting) return;
  const bool running = std::any_of(attempts_.begin(), attempts_.end(), [](const auto& a) { return !a->over(); });
  if (running || !order_.empty()) {
    loop().timers().arm(*this, loop().now() + (order_.empty() ? attempt_time : attempt_stagger));
    return;
  }
  // Nobody answered. Everybody's clients lost the same PoP: they must not all come back at once.
  const base::Duration longest = std::min(back_off_max, back_off_min * (1 << std::min(rounds_failed_, 10u)));
  ++rounds_failed_;
  const auto jitter = static_cast<int64_t>(base::random_u64() % static_cast<uint64_t>(longest.count()));
  loop().timers().arm(*this, loop().now() + longest / 2 + base::Duration(jitter / 2));
  set_state(State::kDown);
  wake_openings();
}

void TunnelClient::on_timer() {
  if (state_ == State::kDown) return connect();
  if (state_ == State::kConnecting) loop().soon(*this);
}

void TunnelClient::on_attempt_up(TunnelAttempt& attempt) {
  measured_[attempt.pop()].time = loop().now() - attempt.started();
  measured_[attempt.pop()].failed_at = {};
  if (state_ != State::kUp) {
    pop_ = attempt.pop();
    tunnel_ = attempt.take(*this);
    resumed_ = tunnel_->connection().session().negotiated().resumed;
    ++tunnels_made_;
    rounds_failed_ = 0;
    order_.clear();
    loop().timers().disarm(*this);
    on_tunnel_news(*tunnel_);
    set_state(State::kUp);
  }
  loop().soon(*this);  // flows that waited, attempts that are over
}

void TunnelClient::on_attempt_failed(TunnelAttempt& attempt) {
  problem_ = settings_.pops[attempt.pop()].name + ": " + attempt.problem();
  measured_[attempt.pop()].failed_at = loop().now();
  loop().soon(*this);
}

// ---- the tunnel

void TunnelClient::on_tunnel_news(Tunnel& tunnel) {
  if (&tunnel != tunnel_.get()) return;
  for (tls::Resumption& resumption : tunnel.take_resumptions()) measured_[pop_].resume = std::move(resumption);
  if (tunnel.session().draining()) retire();
}

// It takes no new flows; those it has go on.
void TunnelClient::retire() {
  measured_[pop_].failed_at = loop().now();
  retired_.push_back(std::move(tunnel_));
  connect();
}

void TunnelClient::on_tunnel_ended(Tunnel& tunnel) {
  if (&tunnel == tunnel_.get()) {
    for (tls::Resumption& resumption : tunnel.take_resumptions()) measured_[pop_].resume = std::move(resumption);
    measured_[pop_].failed_at = loop().now();
    ended_.push_back(std::move(tunnel_));
    connect();
    return;
  }
  const auto found = std::find_if(retired_.begin(), retired_.end(), [&](const auto& t) { return t.get() == &tunnel; });
  if (found == retired_.end()) return;
  ended_.push_back(std::move(*found));
  retired_.erase(found);
  loop().soon(*this);
}

// ---- openings

void TunnelClient::forget(TunnelOpening& opening) {
  std::replace(waiting_.begin(), waiting_.end(), &opening, static_cast<TunnelOpening*>(nullptr));
  std::replace(waking_.begin(), waking_.end(), &opening, static_cast<TunnelOpening*>(nullptr));
}

void TunnelClient::wake_openings() {
  waking_ = std::exchange(waiting_, {});
  for (size_t i = 0; i < waking_.size(); ++i) {
    if (TunnelOpening* opening = std::exchange(waking_[i], nullptr)) opening->go_on();
  }
  waking_.clear();
}

}  // namespace sluice::drive
