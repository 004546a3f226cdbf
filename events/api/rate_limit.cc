#include "events/api/rate_limit.h"

#include <algorithm>

#include "events/api/limits.h"

namespace sluice::api {

RateLimit::Standing RateLimit::take(const std::string& who, int64_t now_ms) {
  const std::lock_guard lock(mutex_);
  const int64_t second = now_ms / 1'000;
  if (buckets_.size() >= rate_buckets_max && !buckets_.contains(who)) {
    std::erase_if(buckets_, [&](const auto& entry) { return entry.second.second != second; });
    if (buckets_.size() >= rate_buckets_max) return {false, 0};
  }
  Bucket& bucket = buckets_[who];
  if (bucket.second != second) bucket = {second, 0};
  if (bucket.used >= per_second_) return {false, 0};
  ++bucket.used;
  return {true, per_second_ - bucket.used};
}

void RateLimit::tell(const Standing& standing, HttpResponse& response) const {
  response.headers.emplace_back("RateLimit-Limit", std::to_string(per_second_));
  response.headers.emplace_back("RateLimit-Remaining", std::to_string(standing.remaining));
  response.headers.emplace_back("RateLimit-Reset", "1");
  if (!standing.allowed) response.headers.emplace_back("Retry-After", "1");
}

}  // namespace sluice::api
