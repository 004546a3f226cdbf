#pragma once
// PipePool: kernel pipes for splice(2), kept for reuse because making one costs more than a small flow. One per worker.
#include <memory>
#include <vector>

namespace sluice::drive {

// Two descriptors, closed when it dies.
class Pipe {
 public:
  static std::unique_ptr<Pipe> open();  // null when there are no descriptors left
  ~Pipe();
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  int read_end() const { return ends_[0]; }
  int write_end() const { return ends_[1]; }

 private:
  Pipe() = default;
  int ends_[2] = {-1, -1};
};

class PipePool {
 public:
  std::unique_ptr<Pipe> take();           // null: go on by copying
  void give_back(std::unique_ptr<Pipe>);  // must be empty

 private:
  std::vector<std::unique_ptr<Pipe>> idle_;
};

}  // namespace sluice::drive
