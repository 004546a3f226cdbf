#include "tests/sim/sim_store.h"

#include "tests/sim/sim_flow.h"

namespace sluice::sim {

namespace fs = std::filesystem;

SimStore::SimStore(Clock& clock, Random& random, fs::path directory)
    : clock_(clock), random_(random), home_(std::move(directory)), directory_(home_ / "0") {
  fs::create_directories(directory_);
  open();
}

void SimStore::open() {
  view_ = std::make_unique<store::StoreView>();
  auto opened = store::Committer::open(directory_, *view_, [this](store::CommitPoint) {
    // The files as they are at this moment are what the next life finds.
    if (points_to_death_ >= 0 && points_to_death_-- == 0) {
      fs::copy(directory_, home_ / std::to_string(deaths_ + 1), fs::copy_options::recursive);
    }
  });
  require(opened.ok(), "the store does not open");
  committer_ = *std::move(opened);
}

bool SimStore::commit(std::vector<store::WriteItem>& items, bool may_die) {
  points_to_death_ = may_die && random_.percent(15) ? static_cast<int64_t>(random_.below(5)) : -1;
  require(committer_->commit(items, base::epoch_ms(clock_.wall())).ok(), "the store cannot commit");
  const fs::path next = home_ / std::to_string(deaths_ + 1);
  if (!fs::exists(next)) return true;
  ++deaths_;
  committer_.reset();
  fs::remove_all(directory_);
  directory_ = next;
  open();
  return false;
}

}  // namespace sluice::sim
