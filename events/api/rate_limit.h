#pragma once
// RateLimit: how many requests of one caller an endpoint answers per second, told in the headers collectors read.
#include <cstdint>
#include <map>
#include <mutex>
#include <string>

#include "events/api/http.h"

namespace sluice::api {

// Any thread.
class RateLimit {
 public:
  explicit RateLimit(uint32_t per_second) : per_second_(per_second) {}

  struct Standing {
    bool allowed = true;
    uint32_t remaining = 0;
  };
  // Counts a request of `who` in the second of now_ms.
  Standing take(const std::string& who, int64_t now_ms);
  // RateLimit-Limit, -Remaining, -Reset; and Retry-After when refused.
  void tell(const Standing& standing, HttpResponse& response) const;

 private:
  struct Bucket {
    int64_t second = 0;
    uint32_t used = 0;
  };
  const uint32_t per_second_;
  std::mutex mutex_;
  std::map<std::string, Bucket> buckets_;
};

}  // namespace sluice::api
