#pragma once
// PolicyDesk: which policy comes into force next, from the configured files, the versions that were applied, and the
// timed bypasses that hold.
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "proxy/base/result.h"
#include "proxy/base/time.h"
#include "proxy/pop/policy_file.h"
#include "proxy/pop/state_folder.h"

namespace sluice::pop {

// A policy that was chosen, and the version of the history that it is or becomes.
struct ChosenPolicy {
  PolicyInput input;
  control::v1::PolicyVersion version;  // number 0: becomes a version once it is in force
};

// Without a state folder only the configured files count. One thread at a time.
class PolicyDesk {
 public:
  // `state` "" = none is configured.
  static base::Result<std::unique_ptr<PolicyDesk>> open(const std::string& state);

  bool has_state() const { return state_ != nullptr; }
  const StateFolder& state() const { return *state_; }

  // What a start or a reload takes: the files at `configured` if they changed since the last version, else that one.
  base::Result<ChosenPolicy> choose(const std::string& configured);
  // What is in force once more, with the timed bypasses that hold now. Only with a state folder.
  base::Result<ChosenPolicy> again(const std::string& configured);
  // What an administrator hands in, or a version of the history.
  base::Result<ChosenPolicy> from_texts(const std::string& configured, std::vector<config::PolicyText> texts,
                                        const std::string& actor, const std::string& reason);
  base::Result<ChosenPolicy> from_version(const std::string& configured, uint64_t number, const std::string& actor,
                                          const std::string& reason);
  // The policy compiled and comes into force: it is on disk from now on. The version with its number.
  base::Result<control::v1::PolicyVersion> accept(const ChosenPolicy& chosen);

  // The error is for whoever asked. What holds changes with the next chosen policy.
  base::Result<control::v1::TimedBypass> add_bypass(const control::v1::AddBypassRequest& request, base::WallTime now);
  base::Result<control::v1::TimedBypass> delete_bypass(const std::string& id);
  // Those that have ended, taken out.
  base::Result<std::vector<control::v1::TimedBypass>> expire_bypasses(base::WallTime now);
  std::optional<base::WallTime> next_expiry() const;

  uint64_t generation() const { return generation_; }
  // In force; number 0 without state.
  const control::v1::PolicyVersion& active() const { return active_; }
  std::vector<policy::TimedBypass> timed() const;

 private:
  ChosenPolicy chosen(PolicyInput input) const;

  std::unique_ptr<StateFolder> state_;
  uint64_t generation_ = 0;
  control::v1::PolicyVersion active_;
};

}  // namespace sluice::pop
