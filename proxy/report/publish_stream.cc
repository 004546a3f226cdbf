#include "proxy/report/publish_stream.h"

#include <utility>

namespace sluice::report {

void ShipperInbox::post(StreamEvent event) {
  const std::lock_guard lock(mutex_);
  content_.events.push_back(std::move(event));
  changed_.notify_one();
}

void ShipperInbox::wake() {
  const std::lock_guard lock(mutex_);
  woken_ = true;
  changed_.notify_one();
}

void ShipperInbox::stop() {
  const std::lock_guard lock(mutex_);
  content_.stop = true;
  changed_.notify_one();
}

ShipperInbox::Content ShipperInbox::wait_until(std::chrono::steady_clock::time_point deadline) {
  std::unique_lock lock(mutex_);
  changed_.wait_until(lock, deadline, [this] { return woken_ || content_.stop || !content_.events.empty(); });
  woken_ = false;
  Content taken = std::move(content_);
  content_ = {};
  return taken;
}

// The hold lets writes start outside of callbacks: the call is not over before it is taken back in end().
PublishStream::PublishStream(events::v1::Ingest::Stub& stub, ShipperInbox& inbox, uint64_t stream_id)
    : inbox_(inbox), stream_id_(stream_id) {
  stub.async()->Publish(&context_, this);
  AddHold();
  StartRead(&response_);
  StartCall();
}

void PublishStream::write(events::v1::PublishRequest request) {
  request_ = std::move(request);
  writing_ = true;
  StartWrite(&request_);
}

void PublishStream::finish_writing() {
  writing_ = true;  // for good
  StartWritesDone();
}

void PublishStream::end() {
  if (std::exchange(ended_, true)) return;
  RemoveHold();
}

void PublishStream::OnReadDone(bool ok) {
  if (!ok) {
    inbox_.post({stream_id_, StreamEvent::Kind::kReadEnded, {}});
    return;
  }
  inbox_.post({stream_id_, StreamEvent::Kind::kResponse, response_});
  StartRead(&response_);
}

// A write that failed means the call is broken: the read ends too and says so.
void PublishStream::OnWriteDone(bool ok) {
  if (ok) inbox_.post({stream_id_, StreamEvent::Kind::kWritten, {}});
}

// The last call on this object; the shipper may destroy it as soon as the message is there.
void PublishStream::OnDone(const grpc::Status&) {
  inbox_.post({stream_id_, StreamEvent::Kind::kDone, {}});
}

}  // namespace sluice::report
