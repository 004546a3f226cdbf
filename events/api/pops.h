#pragma once
// Pops: the PoPs whose policy and clients the console shows and changes. The server reaches them; a test hands in
// others.
#include <string>
#include <vector>

#include "events/query/query_api.h"
#include "sluice/control/v1/admin.pb.h"

namespace sluice::api {

// Any thread; calls block until the PoP answers or its time is over. `pop` is one of names().
class Pops {
 public:
  virtual ~Pops() = default;
  virtual const std::vector<std::string>& names() const = 0;
  virtual query::Answer<control::v1::PopStatus> status(const std::string& pop) = 0;
  virtual query::Answer<control::v1::PolicySource> policy(const std::string& pop, uint64_t number) = 0;
  virtual query::Answer<control::v1::CheckPolicyResponse> check(const std::string& pop,
                                                                const control::v1::CheckPolicyRequest& request) = 0;
  virtual query::Answer<control::v1::PolicyHistoryResponse> history(const std::string& pop) = 0;
  virtual query::Answer<control::v1::ApplyPolicyResponse> apply(const std::string& pop,
                                                                const control::v1::ApplyPolicyRequest& request) = 0;
  virtual query::Answer<control::v1::ApplyPolicyResponse> rollback(
      const std::string& pop, const control::v1::RollbackPolicyRequest& request) = 0;
};

}  // namespace sluice::api
