#include "proxy/pop/control_hub.h"

#include <algorithm>

#include "proxy/base/time.h"
#include "proxy/policy/client_policy.h"
#include "proxy/pop/limits.h"
#include "proxy/pop/watch_call.h"

namespace sluice::pop {

namespace v1 = control::v1;

namespace {

int64_t now_ms() {
  return base::epoch_ms(base::wall_now());
}

std::string cut(std::string text) {
  if (text.size() > device_fact_bytes_max) text.resize(device_fact_bytes_max);
  return text;
}

}  // namespace

// Under the lock.
ControlHub::Response ControlHub::config_for(Entry& entry) {
  if (policy_.compiled == nullptr) return nullptr;
  const std::string name(policy_.compiled->steering_configuration(entry.status.user()));
  entry.status.set_steering_configuration(name);
  entry.status.set_sent_version(policy_.compiled->version());
  Response& response = configs_[name];
  if (response == nullptr) {
    auto made = std::make_shared<v1::WatchResponse>();
    v1::Config& config = *made->mutable_config();
    config.set_pop(pop_name_);
    config.set_policy_version(policy_.compiled->version());
    config.set_generation(policy_.generation);
    *config.mutable_policy() = policy::client_policy(*policy_.message, name);
    for (const policy::TimedBypass& from : policy_.timed) {
      v1::TimedBypass& to = *config.add_timed_bypasses();
      to.set_id(from.id);
      to.set_host(from.host);
      to.set_process(from.process);
      to.set_reason(from.reason);
      to.set_expires_time(base::epoch_ms(from.expires));
    }
    response = std::move(made);
  }
  return response;
}

void ControlHub::set_policy(ControlPolicy policy) {
  std::vector<std::pair<std::shared_ptr<WatchCall>, Response>> sends;
  {
    const std::lock_guard lock(mutex_);
    policy_ = std::move(policy);
    configs_.clear();
    for (auto& [id, entry] : entries_) {
      if (entry.call == nullptr) continue;
      if (auto config = config_for(entry)) sends.emplace_back(entry.call, std::move(config));
    }
  }
  for (auto& [call, config] : sends) call->send_config(std::move(config));
  counters_.pushes += sends.size();
}

grpc::Status ControlHub::admit(const ControlPeer& peer) {
  if (peer.identity.tenant != tenant_) {
    return {grpc::StatusCode::PERMISSION_DENIED, "this PoP does not serve the device's tenant"};
  }
  const std::lock_guard lock(mutex_);
  if (revocations_ == nullptr || !revocations_->contains(peer.serial)) return grpc::Status::OK;
  ++counters_.revoked;
  return {grpc::StatusCode::PERMISSION_DENIED, "the device's certificate is revoked"};
}

void ControlHub::set_revocations(std::shared_ptr<const tls::Revocations> revocations) {
  std::vector<std::shared_ptr<WatchCall>> revoked;
  {
    const std::lock_guard lock(mutex_);
    revocations_ = std::move(revocations);
    if (revocations_ == nullptr) return;
    for (auto& [id, entry] : entries_) {
      if (entry.call != nullptr && revocations_->contains(entry.serial)) revoked.push_back(entry.call);
    }
  }
  for (const auto& call : revoked) call->revoke();
  counters_.revoked += revoked.size();
}

void ControlHub::notify(const FlowNotice& notice) {
  auto response = std::make_shared<v1::WatchResponse>();
  v1::FlowNotice& told = *response->mutable_flow_notice();
  told.set_flow_id(notice.flow_id);
  told.set_action(notice.action);
  told.set_policy(notice.policy);
  told.set_host(notice.host);
  std::shared_ptr<WatchCall> call;
  {
    const std::lock_guard lock(mutex_);
    if (told_.size() >= flows_told_max) told_.clear();
    if (!told_.insert(notice.device_id + "/" + notice.flow_id).second) return;
    if (const auto found = entries_.find(notice.device_id); found != entries_.end()) call = found->second.call;
    if (policy_.message != nullptr) {
      const auto& texts = policy_.message->notifications();
      if (const auto text = texts.find(notice.notification); text != texts.end()) {
        told.set_title(text->second.title());
        told.set_text(text->second.body());
      }
    }
  }
  const bool sent = call != nullptr && call->send_notice(std::move(response));
  ++(sent ? counters_.notices : counters_.notices_dropped);
}

void ControlHub::hello(const std::shared_ptr<WatchCall>& call, const ControlPeer& peer,
                       const v1::WatchRequest::Hello& hello) {
  auto device = std::make_shared<flow::Device>();
  device->id = peer.identity.device;
  device->hostname = cut(hello.hostname());
  device->os = cut(hello.device_os());
  device->classification = cut(hello.device_classification());
  device->client_version = cut(hello.client_version());
  std::shared_ptr<WatchCall> older;
  Response config;
  {
    const std::lock_guard lock(mutex_);
    if (!entries_.contains(device->id) && entries_.size() >= clients_remembered_max) forget_longest_unseen();
    Entry& entry = entries_[device->id];
    older = std::exchange(entry.call, call);
    entry.serial = peer.serial;
    v1::ClientStatus& status = entry.status;
    status.set_device_id(device->id);
    status.set_user(peer.identity.user);
    status.set_hostname(device->hostname);
    status.set_device_os(device->os);
    status.set_client_version(device->client_version);
    status.set_device_classification(device->classification);
    status.set_applied_version(cut(hello.applied_version()));
    status.clear_error();
    status.set_connected(true);
    status.set_last_seen(now_ms());
    status.set_address(peer.address);
    entry.device = std::move(device);
    config = config_for(entry);
  }
  if (older != nullptr && older != call) older->supersede();
  if (config == nullptr) return;
  ++counters_.pushes;
  call->send_config(std::move(config));
}

void ControlHub::ack(const WatchCall& call, const ControlPeer& peer, const v1::WatchRequest::Ack& ack) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(peer.identity.device);
  if (found == entries_.end() || found->second.call.get() != &call) return;
  v1::ClientStatus& status = found->second.status;
  status.set_last_seen(now_ms());
  status.set_error(cut(ack.error()));
  if (!ack.error().empty()) {
    ++counters_.refusals;
    return;
  }
  ++counters_.acks;
  status.set_applied_version(cut(ack.policy_version()));
}

void ControlHub::gone(const WatchCall& call, const ControlPeer& peer) {
  std::shared_ptr<WatchCall> last;  // released without the lock
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(peer.identity.device);
  if (found == entries_.end() || found->second.call.get() != &call) return;
  last = std::move(found->second.call);
  found->second.status.set_connected(false);
  found->second.status.set_last_seen(now_ms());
}

// Under the lock. Streams are fewer than what is remembered, so one that is not connected is there.
void ControlHub::forget_longest_unseen() {
  auto oldest = entries_.end();
  for (auto at = entries_.begin(); at != entries_.end(); ++at) {
    if (at->second.call != nullptr) continue;
    if (oldest == entries_.end() || at->second.status.last_seen() < oldest->second.status.last_seen()) oldest = at;
  }
  if (oldest != entries_.end()) entries_.erase(oldest);
}

void ControlHub::close_all() {
  std::vector<std::shared_ptr<WatchCall>> calls;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [id, entry] : entries_) {
      if (entry.call != nullptr) calls.push_back(entry.call);
    }
  }
  for (const auto& call : calls) call->close();
}

std::shared_ptr<const flow::Device> ControlHub::device(const std::string& device_id) const {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(device_id);
  return found == entries_.end() ? nullptr : found->second.device;
}

std::shared_ptr<const policy::Policy> ControlHub::policy() const {
  const std::lock_guard lock(mutex_);
  return policy_.compiled;
}

std::vector<v1::ClientStatus> ControlHub::clients() const {
  std::vector<v1::ClientStatus> all;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [id, entry] : entries_) all.push_back(entry.status);
  }
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.device_id() < b.device_id(); });
  return all;
}

size_t ControlHub::connected() const {
  const std::lock_guard lock(mutex_);
  return static_cast<size_t>(
      std::count_if(entries_.begin(), entries_.end(), [](const auto& one) { return one.second.call != nullptr; }));
}

}  // namespace sluice::pop
