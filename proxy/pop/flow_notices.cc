#include "proxy/pop/flow_notices.h"

#include <utility>

#include "proxy/pop/limits.h"

namespace sluice::pop {

void FlowNotices::note(const flow::FlowRecord& record) {
  // "<device id>/<flow id>"; a flow without a name of its own cannot be spoken of.
  const size_t prefix = record.device->id.size() + 1;
  if (record.correlation_id.size() <= prefix) return;
  FlowNotice notice;
  notice.device_id = record.device->id;
  notice.flow_id = record.correlation_id.substr(prefix);
  notice.action = "block";
  notice.policy = record.policy;
  notice.notification = record.notification;
  notice.host = record.host;
  const std::lock_guard lock(mutex_);
  if (content_.notices.size() >= flow_notices_max) {
    ++dropped_;
    return;
  }
  content_.notices.push_back(std::move(notice));
  changed_.notify_one();
}

FlowNotices::Content FlowNotices::wait_until(std::chrono::steady_clock::time_point deadline) {
  std::unique_lock lock(mutex_);
  changed_.wait_until(lock, deadline, [this] { return woken_ || content_.stop || !content_.notices.empty(); });
  woken_ = false;
  Content taken;
  taken.notices = std::exchange(content_.notices, {});
  taken.stop = content_.stop;
  return taken;
}

void FlowNotices::wake() {
  const std::lock_guard lock(mutex_);
  woken_ = true;
  changed_.notify_one();
}

void FlowNotices::stop() {
  const std::lock_guard lock(mutex_);
  content_.stop = true;
  changed_.notify_one();
}

uint64_t FlowNotices::dropped() const {
  const std::lock_guard lock(mutex_);
  return dropped_;
}

}  // namespace sluice::pop
