#pragma once
// The one source of chance of a simulation: the same seed gives the same run on every machine.
#include <cstdint>
#include <string>

namespace sluice::sim {

class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}

  uint64_t next() {  // splitmix64
    uint64_t z = (state_ += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  uint64_t below(uint64_t bound) { return bound == 0 ? 0 : next() % bound; }
  uint64_t between(uint64_t first, uint64_t last) { return first + below(last - first + 1); }
  bool percent(uint64_t chance) { return below(100) < chance; }

  // Mostly small, sometimes large.
  size_t size(size_t most) { return static_cast<size_t>(below(percent(80) ? most / 20 + 1 : most)); }
  std::string bytes(size_t count) {
    std::string out(count, '\0');
    for (char& c : out) c = static_cast<char>(next());
    return out;
  }

 private:
  uint64_t state_;
};

}  // namespace sluice::sim
