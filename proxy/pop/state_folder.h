#pragma once
// StateFolder: what a PoP remembers from one run to the next, as STATE_FORMAT.md says.
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "proxy/base/result.h"
#include "proxy/config/policy_config.h"
#include "sluice/control/v1/admin.pb.h"

namespace sluice::pop {

// Every change is on disk when its function returns; an error changes nothing. One thread at a time.
class StateFolder {
 public:
  // Makes it if need be. An error when another process holds it or a file of it is damaged.
  static base::Result<std::unique_ptr<StateFolder>> open(const std::string& directory);
  ~StateFolder();
  StateFolder(const StateFolder&) = delete;
  StateFolder& operator=(const StateFolder&) = delete;

  uint64_t generation() const { return generation_; }
  base::Status set_generation(uint64_t generation);

  const control::v1::ListBypassesResponse& bypasses() const { return bypasses_; }
  base::Status set_bypasses(control::v1::ListBypassesResponse bypasses);

  // Oldest first.
  const std::vector<control::v1::PolicyVersion>& versions() const { return versions_; }
  const control::v1::PolicyVersion* version(uint64_t number) const;
  base::Result<std::vector<config::PolicyText>> texts(uint64_t number) const;
  // Gives it the next number. The oldest go when there are more than policy_versions_max.
  base::Result<control::v1::PolicyVersion> add(control::v1::PolicyVersion version,
                                               const std::vector<config::PolicyText>& texts);

 private:
  StateFolder(std::string directory, int lock) : directory_(std::move(directory)), lock_(lock) {}
  base::Status load();
  std::string path_of(uint64_t number) const;
  void forget_oldest();

  const std::string directory_;
  const int lock_;
  uint64_t generation_ = 0;
  control::v1::ListBypassesResponse bypasses_;
  std::vector<control::v1::PolicyVersion> versions_;
};

// As STATE_FORMAT.md says.
std::string sha256_of(const std::vector<config::PolicyText>& texts);

}  // namespace sluice::pop
