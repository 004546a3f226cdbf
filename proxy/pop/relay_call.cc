#include "proxy/pop/relay_call.h"

#include <utility>

#include "proxy/pop/relay_service.h"

namespace sluice::pop {

RelayCall* RelayCall::start(RelayService& service, events::v1::Ingest::Stub& store, ControlPeer peer) {
  std::shared_ptr<RelayCall> call(new RelayCall(service, std::move(peer)));
  call->self_ = call;
  service.begun(call);
  // The store believes this of PoPs only.
  call->store_context_.AddMetadata("sluice-device-bin", call->peer_.identity.device);
  store.async()->Publish(&call->store_context_, &call->store_);
  const std::lock_guard lock(call->mutex_);
  call->store_.AddHold();  // writes begin outside of the store's callbacks
  call->reading_store_ = true;
  call->store_.StartRead(&call->response_);
  call->store_.StartCall();
  call->StartRead(&call->request_);
  return call.get();
}

// ---- device to store

void RelayCall::OnReadDone(bool ok) {
  const std::lock_guard lock(mutex_);
  if (store_released_) return;
  if (!ok) {
    store_.StartWritesDone();
    return;
  }
  switch (request_.request_case()) {
    case Request::kHello: request_.mutable_hello()->set_observed_by(peer_.identity.device); break;
    case Request::kBatch: service_.stamp(peer_, *request_.mutable_batch()); break;
    case Request::REQUEST_NOT_SET: break;
  }
  store_.StartWrite(&request_);
}

void RelayCall::on_store_written(bool ok) {
  const std::lock_guard lock(mutex_);
  if (ok && !finished_) StartRead(&request_);
}

// ---- store to device

void RelayCall::on_store_read(bool ok) {
  const std::lock_guard lock(mutex_);
  reading_store_ = false;
  if (!ok || finished_) return release_store();
  writing_ = true;
  StartWrite(&response_);
}

void RelayCall::OnWriteDone(bool ok) {
  const std::lock_guard lock(mutex_);
  writing_ = false;
  finish_when_written();
  if (!ok) return end({grpc::StatusCode::UNAVAILABLE, "the stream broke"});
  if (store_released_) return;
  reading_store_ = true;
  store_.StartRead(&response_);
}

// ---- ends

void RelayCall::on_store_done(const grpc::Status& status) {
  std::shared_ptr<RelayCall> last;
  const bool reached = status.error_code() != grpc::StatusCode::UNAVAILABLE;
  {
    const std::lock_guard lock(mutex_);
    status_ = reached ? status : grpc::Status(grpc::StatusCode::UNAVAILABLE, "the PoP does not reach the event store");
    finish_when_written();
    if (--calls_ == 0) last = std::move(self_);
  }
  if (last) service_.ended(*last);
}

void RelayCall::close(grpc::Status status) {
  const std::lock_guard lock(mutex_);
  end(std::move(status));
}

void RelayCall::OnCancel() {
  close({grpc::StatusCode::CANCELLED, "cancelled"});
}

void RelayCall::OnDone() {
  std::shared_ptr<RelayCall> last;
  {
    const std::lock_guard lock(mutex_);
    if (--calls_ == 0) last = std::move(self_);
  }
  if (last) service_.ended(*last);
}

// Under the mutex, as all below. The device hears `status`; the store's call is given up.
void RelayCall::end(grpc::Status status) {
  if (!status_) status_ = std::move(status);
  store_context_.TryCancel();
  if (!reading_store_) release_store();  // else its read fails and does
  finish_when_written();
}

void RelayCall::release_store() {
  if (!std::exchange(store_released_, true)) store_.RemoveHold();
}

void RelayCall::finish_when_written() {
  if (!status_ || writing_ || std::exchange(finished_, true)) return;
  Finish(*status_);
}

}  // namespace sluice::pop
