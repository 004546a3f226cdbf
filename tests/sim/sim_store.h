#pragma once
// SimStore: the store's real commit rule on real files, in a process that may die between any two durable steps.
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "events/store/committer.h"
#include "events/store/store_view.h"
#include "tests/sim/clock.h"
#include "tests/sim/random.h"

namespace sluice::sim {

class SimStore {
 public:
  SimStore(Clock& clock, Random& random, std::filesystem::path directory);

  // The results of all items; none if the process died on the way: whoever asked hears nothing.
  bool commit(std::vector<store::WriteItem>& items, bool may_die);
  const std::filesystem::path& directory() const { return directory_; }
  uint64_t deaths() const { return deaths_; }
  void close() { committer_.reset(); }

 private:
  void open();

  Clock& clock_;
  Random& random_;
  const std::filesystem::path home_;
  std::filesystem::path directory_;  // of this life
  std::unique_ptr<store::StoreView> view_;
  std::unique_ptr<store::Committer> committer_;
  int64_t points_to_death_ = -1;  // commit points left; -1: it lives
  uint64_t deaths_ = 0;
};

}  // namespace sluice::sim
