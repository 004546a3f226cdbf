#include "proxy/pop/watch_call.h"

#include <utility>

#include "proxy/pop/control_hub.h"
#include "proxy/pop/limits.h"
#include "proxy/pop/stream_budget.h"

namespace sluice::pop {

namespace v1 = control::v1;

WatchCall* WatchCall::start(ControlHub& hub, StreamBudget& budget, ControlPeer peer) {
  std::shared_ptr<WatchCall> call(new WatchCall(hub, budget, std::move(peer)));
  call->self_ = call;
  call->StartRead(&call->request_);
  return call.get();
}

void WatchCall::OnReadDone(bool ok) {
  if (!ok) {
    const std::lock_guard lock(mutex_);
    finish(grpc::Status::OK);
    return;
  }
  switch (request_.request_case()) {
    case v1::WatchRequest::kHello:
      if (std::exchange(greeted_, true)) break;
      hub_.hello(self_, peer_, request_.hello());
      break;
    case v1::WatchRequest::kAck: hub_.ack(*this, peer_, request_.ack()); break;
    case v1::WatchRequest::REQUEST_NOT_SET: break;  // a newer client's word that we do not know
  }
  const std::lock_guard lock(mutex_);
  if (!greeted_) return finish({grpc::StatusCode::INVALID_ARGUMENT, "a Hello begins the stream"});
  if (!finished_) StartRead(&request_);
}

void WatchCall::send_config(Response config) {
  const std::lock_guard lock(mutex_);
  if (revoked_ || config->config().generation() < generation_) return;
  generation_ = config->config().generation();
  config_ = std::move(config);
  write_on();
}

bool WatchCall::send_notice(Response notice) {
  const std::lock_guard lock(mutex_);
  if (finished_ || notices_.size() >= notices_per_client_max) return false;
  notices_.push_back(std::move(notice));
  write_on();
  return true;
}

void WatchCall::revoke() {
  auto last = std::make_shared<v1::WatchResponse>();
  last->mutable_revoked();
  const std::lock_guard lock(mutex_);
  revoked_ = true;
  config_ = std::move(last);
  notices_.clear();
  write_on();
}

void WatchCall::supersede() {
  const std::lock_guard lock(mutex_);
  finish({grpc::StatusCode::ABORTED, "a newer stream of this device took over"});
}

void WatchCall::close() {
  const std::lock_guard lock(mutex_);
  finish({grpc::StatusCode::UNAVAILABLE, "the PoP is stopping"});
}

// Under the mutex, as all below.
void WatchCall::write_on() {
  if (writing_ != nullptr || finished_) return;
  if (config_ != nullptr) {
    writing_ = std::move(config_);
  } else if (!notices_.empty()) {
    writing_ = std::move(notices_.front());
    notices_.pop_front();
  } else {
    return;
  }
  StartWrite(writing_.get());
}

void WatchCall::OnWriteDone(bool ok) {
  const std::lock_guard lock(mutex_);
  const Response written = std::move(writing_);
  if (!ok) return finish({grpc::StatusCode::UNAVAILABLE, "the stream broke"});
  if (written->has_revoked()) {
    return finish({grpc::StatusCode::PERMISSION_DENIED, "the device's certificate is revoked"});
  }
  write_on();
}

void WatchCall::finish(grpc::Status status) {
  if (std::exchange(finished_, true)) return;
  Finish(std::move(status));
}

void WatchCall::OnCancel() {
  const std::lock_guard lock(mutex_);
  finish({grpc::StatusCode::CANCELLED, "cancelled"});
}

void WatchCall::OnDone() {
  hub_.gone(*this, peer_);
  budget_.release(peer_.identity.device);
  const std::shared_ptr<WatchCall> self = std::move(self_);  // may be the last
}

}  // namespace sluice::pop
