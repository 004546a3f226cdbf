#pragma once
// AdminClient: sluicectl's connection to the administration socket of a PoP.
#include <memory>
#include <string>

#include "proxy/base/result.h"
#include "sluice/control/v1/admin.pb.h"

namespace sluice::ctl {

struct AdminError {
  bool usage = false;   // what was asked for is wrong (exit code 2), not the PoP (1)
  std::string message;  // one sentence, or one line for each problem of a policy
};
template <class T>
using AdminResult = base::Result<T, AdminError>;

// Used by one thread; the calls block.
class AdminClient {
 public:
  // `server`: "unix:PATH".
  static AdminResult<AdminClient> open(const std::string& server);
  AdminClient(AdminClient&&) noexcept;
  AdminClient& operator=(AdminClient&&) noexcept;
  ~AdminClient();

  AdminResult<control::v1::TimedBypass> add_bypass(const control::v1::AddBypassRequest& request);
  AdminResult<control::v1::ListBypassesResponse> bypasses();
  AdminResult<control::v1::TimedBypass> delete_bypass(const control::v1::DeleteBypassRequest& request);
  AdminResult<control::v1::ApplyPolicyResponse> apply_policy(const control::v1::ApplyPolicyRequest& request);
  AdminResult<control::v1::ApplyPolicyResponse> rollback_policy(const control::v1::RollbackPolicyRequest& request);
  AdminResult<control::v1::PolicyHistoryResponse> policy_history();
  AdminResult<control::v1::PolicySource> policy(uint64_t number);
  AdminResult<control::v1::PopStatus> status();

 private:
  struct Channel;
  explicit AdminClient(std::unique_ptr<Channel> channel);
  std::unique_ptr<Channel> channel_;
};

// Who asks, for the record: the person behind sudo, else the user of this process.
std::string actor();

}  // namespace sluice::ctl
