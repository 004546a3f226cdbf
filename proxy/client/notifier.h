#pragma once
// Notifier: tells the person at the machine that a connection was refused, through a program of their desktop.
#include <sys/types.h>

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "proxy/base/result.h"
#include "proxy/base/time.h"

namespace sluice::client {

// Empty title and text: ours.
struct Refusal {
  std::string host;
  std::string rule;
  std::string title;
  std::string text;
};

// Used on the worker's thread. Does not wait for the programs that it starts.
class Notifier {
 public:
  // `command`: the absolute name of a program and its first arguments. `user`: who runs it, "" = who we are.
  static base::Result<std::unique_ptr<Notifier>> create(std::vector<std::string> command, const std::string& user);

  // Starts the program with a title and a text behind its arguments; not again for the same host and rule for a while.
  void show(const Refusal& refusal, base::Time now);

 private:
  struct Person {
    uid_t uid = 0;
    gid_t gid = 0;
    bool other = false;  // than who we are
  };

  Notifier(std::vector<std::string> command, Person person) : command_(std::move(command)), person_(person) {}
  void reap();
  void run(const std::string& title, const std::string& text);

  std::vector<std::string> command_;
  Person person_;
  std::unordered_map<std::string, base::Time> shown_;  // host and rule, when
  std::vector<pid_t> running_;
};

}  // namespace sluice::client
