#pragma once
// The real sluice-events, to be killed.
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>

#include "tests/support/paths.h"

namespace sluice::support {

// sluice-events as a child; killed with the test. Its log goes to a file, where the bound address is read.
class EventsProgram {
 public:
  explicit EventsProgram(const std::string& directory) : directory_(directory) {}
  ~EventsProgram() { kill(); }

  // After a kill it listens where it listened before.
  void start() {
    std::ofstream(directory_ + "/events.yaml")
        << "ingest: {address: \"" << (address_.empty() ? own_loopback() + ":0" : address_)
        << "\"}\nstore: {sqlite: {directory: store, retention_days: 0}}\n";
    const std::string log = directory_ + "/events.log";
    ::unlink(log.c_str());
    pid_ = ::fork();
    REQUIRE(pid_ >= 0);
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      const int fd = ::open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
      ::dup2(fd, STDERR_FILENO);
      const std::string program = test::binary_dir() + "/bin/sluice-events";
      const std::string config = directory_ + "/events.yaml";
      ::execl(program.c_str(), program.c_str(), "--config", config.c_str(), nullptr);
      ::_exit(127);
    }
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (true) {
      std::ifstream file(log);
      for (std::string line; std::getline(file, line);) {
        const std::string mark = "ingest listening on ";
        const auto at = line.find(mark);
        if (at == std::string::npos || file.eof()) continue;
        const std::string rest = line.substr(at + mark.size());
        address_ = rest.substr(0, rest.find_first_of(" \""));
        return;
      }
      if (::waitpid(pid_, nullptr, WNOHANG) != 0) {
        FAIL("sluice-events ended: " << std::string(std::istreambuf_iterator<char>(std::ifstream(log).rdbuf()), {}));
      }
      REQUIRE(std::chrono::steady_clock::now() < deadline);
      std::this_thread::yield();
    }
  }
  void kill(int signal = SIGKILL) {
    if (pid_ <= 0) return;
    ::kill(pid_, signal);
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = -1;
    clean_ = WIFEXITED(status) && WEXITSTATUS(status) == 0;
  }
  bool running() const { return pid_ > 0; }
  const std::string& address() const { return address_; }
  bool clean() const { return clean_; }

 private:
  // While the store is dead nobody else's connection may take its port: those come from 127.0.0.1.
  static std::string own_loopback() {
    const int id = ::getpid();
    return "127.77." + std::to_string(id / 250 % 250 + 1) + "." + std::to_string(id % 250 + 1);
  }

  const std::string directory_;
  std::string address_;
  pid_t pid_ = -1;
  bool clean_ = false;
};

}  // namespace sluice::support
