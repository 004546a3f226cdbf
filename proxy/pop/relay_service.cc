#include "proxy/pop/relay_service.h"

#include <utility>

#include "proxy/base/time.h"
#include "proxy/pop/limits.h"
#include "proxy/pop/relay_stamp.h"

namespace sluice::pop {

namespace v1 = events::v1;

namespace {
using Refused = RefusedStream<v1::PublishRequest, v1::PublishResponse>;
}  // namespace

RelayService::RelayService(ControlHub& hub, StreamBudget& budget, std::shared_ptr<grpc::Channel> store,
                           std::string observed_by, Report report)
    : hub_(hub),
      budget_(budget),
      store_(store == nullptr ? nullptr : v1::Ingest::NewStub(store)),
      observed_by_(std::move(observed_by)),
      report_(std::move(report)) {}

grpc::ServerBidiReactor<v1::PublishRequest, v1::PublishResponse>* RelayService::Publish(
    grpc::CallbackServerContext* context) {
  auto peer = control_peer(*context);
  if (!peer) return Refused::start({grpc::StatusCode::UNAUTHENTICATED, peer.error().message});
  if (auto status = hub_.admit(*peer); !status.ok()) return Refused::start(std::move(status));
  if (store_ == nullptr) return Refused::start({grpc::StatusCode::UNAVAILABLE, "this PoP has no event store"});
  if (auto status = budget_.take(peer->identity.device); !status.ok()) return Refused::start(std::move(status));
  return RelayCall::start(*this, *store_, *std::move(peer));
}

void RelayService::begun(const std::shared_ptr<RelayCall>& call) {
  ++counters_.streams_open;
  const std::lock_guard lock(mutex_);
  calls_.emplace(call.get(), call);
}

void RelayService::ended(const RelayCall& call) {
  --counters_.streams_open;
  budget_.release(call.peer().identity.device);
  const std::lock_guard lock(mutex_);
  calls_.erase(&call);
}

void RelayService::stamp(const ControlPeer& peer, v1::PublishRequest::Batch& batch) {
  const RelaySource source{peer.identity, peer.address, hub_.device(peer.identity.device), hub_.policy()};
  const Stamped result = stamp_batch(source, batch);
  ++counters_.batches;
  counters_.records += result.passed;
  counters_.records_refused += result.refused;
  if (result.refused > 0) tell_forgery(peer, result.why);
}

// Once in a while for each device, however many it sends.
void RelayService::tell_forgery(const ControlPeer& peer, const std::string& why) {
  const auto now = std::chrono::steady_clock::now();
  {
    const std::lock_guard lock(mutex_);
    if (told_.size() >= forgers_remembered_max) told_.clear();
    const auto [told, first] = told_.try_emplace(peer.identity.device, now);
    if (!first && now - told->second < forgery_notice_interval) return;
    told->second = now;
  }
  v1::Record record;
  v1::Notice& notice = *record.mutable_notice();
  notice.set_timestamp(base::epoch_ms(base::wall_now()));
  notice.set_severity(v1::Notice::SEVERITY_ALARM);
  notice.set_kind("forged_device_records");
  notice.set_text("The device " + peer.identity.device + " of " + peer.identity.user +
                  " sent records that were refused: " + why);
  notice.set_observed_by(observed_by_);
  report_(std::move(record));
}

std::vector<std::shared_ptr<RelayCall>> RelayService::calls() {
  std::vector<std::shared_ptr<RelayCall>> alive;
  const std::lock_guard lock(mutex_);
  for (const auto& [raw, weak] : calls_) {
    if (auto call = weak.lock()) alive.push_back(std::move(call));
  }
  return alive;
}

void RelayService::end_revoked() {
  for (const auto& call : calls()) {
    if (auto status = hub_.admit(call->peer()); !status.ok()) call->close(std::move(status));
  }
}

void RelayService::close_all() {
  for (const auto& call : calls()) call->close({grpc::StatusCode::UNAVAILABLE, "the PoP is stopping"});
}

}  // namespace sluice::pop
