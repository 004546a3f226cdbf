#pragma once
// Producers to be killed: the program, what it says, and what a torn write leaves.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <set>
#include <sstream>
#include <string>
#include <vector>

extern char** environ;

namespace sluice::support {

inline uint64_t setting(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text != nullptr ? std::strtoull(text, nullptr, 10) : otherwise;
}

// A running spool_kill_child and what it says.
class KillChild {
 public:
  // `program`: the path of spool_kill_child.
  KillChild(std::string program, const std::string& directory, const std::string& store, uint64_t seed,
            const std::string& mode, uint64_t burst = 4) {
    int ends[2] = {};
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    std::vector<std::string> words = {program, directory, store, std::to_string(seed), mode, std::to_string(burst)};
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    REQUIRE(::posix_spawn(&pid_, program.c_str(), &actions, nullptr, arguments.data(), environ) == 0);
    posix_spawn_file_actions_destroy(&actions);
    ::close(ends[1]);
    out_ = ends[0];
  }
  ~KillChild() {
    if (pid_ > 0) kill_and_wait();
    ::close(out_);
  }

  // Reads what it says until `deadline` or its end.
  void listen_until(std::chrono::steady_clock::time_point deadline) {
    for (;;) {
      const auto left =
          std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now()).count();
      pollfd entry{.fd = out_, .events = POLLIN, .revents = 0};
      if (left <= 0 || ::poll(&entry, 1, static_cast<int>(left)) <= 0) return;
      if (!read_some()) return;
    }
  }
  void kill_and_wait() {
    ::kill(pid_, SIGKILL);
    wait();
    while (read_some()) {
    }
  }
  int wait() {
    int status = 0;
    REQUIRE(::waitpid(pid_, &status, 0) == pid_);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
  }
  const std::string& said() const { return said_; }

 private:
  bool read_some() {
    char bytes[4096];
    const ssize_t count = ::read(out_, bytes, sizeof bytes);
    if (count > 0) said_.append(bytes, static_cast<size_t>(count));
    return count > 0;
  }

  pid_t pid_ = -1;
  int out_ = -1;
  std::string said_;
};

// Up to 200 random bytes behind the newest segment of each spool: what a torn write leaves.
inline void tear(const std::string& directory, std::mt19937_64& random) {
  if (!std::filesystem::exists(directory)) return;  // killed before its first spool
  for (const auto& spool : std::filesystem::directory_iterator(directory)) {
    if (!spool.is_directory() || random() % 3 != 0) continue;
    std::set<std::filesystem::path> segments;
    for (const auto& file : std::filesystem::directory_iterator(spool.path())) {
      if (file.path().extension() == ".seg") segments.insert(file.path());
    }
    if (segments.empty()) continue;
    std::ofstream out(*segments.rbegin(), std::ios::binary | std::ios::app);
    for (uint64_t i = random() % 200; i > 0; --i) out.put(static_cast<char>(random()));
  }
}

struct Said {
  std::set<std::string> opened;
  std::set<std::string> closed;
  // The last line may be cut off by the kill.
  void take(const std::string& text) {
    std::istringstream lines(text.substr(0, text.rfind('\n') + 1));
    for (std::string verb, id; lines >> verb >> id;) (verb == "open" ? opened : closed).insert(id);
  }
};

}  // namespace sluice::support
