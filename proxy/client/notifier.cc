#include "proxy/client/notifier.h"

#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "proxy/client/limits.h"

namespace sluice::client {

base::Result<std::unique_ptr<Notifier>> Notifier::create(std::vector<std::string> command, const std::string& user) {
  if (access(command.front().c_str(), X_OK) != 0) {
    return base::Error{"hooks.notify: cannot run " + command.front() + ": " + std::strerror(errno)};
  }
  Person person;
  if (!user.empty()) {
    passwd entry{};
    passwd* found = nullptr;
    std::array<char, 4'096> buffer{};
    if (getpwnam_r(user.c_str(), &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr) {
      return base::Error{"hooks.user: there is no user `" + user + "`"};
    }
    person = {entry.pw_uid, entry.pw_gid, entry.pw_uid != geteuid()};
    if (person.other && geteuid() != 0) return base::Error{"hooks.user: only root can run programs as `" + user + "`"};
  }
  return std::unique_ptr<Notifier>(new Notifier(std::move(command), person));
}

void Notifier::show(const Refusal& refusal, base::Time now) {
  reap();
  const std::string key = refusal.host + "\n" + refusal.rule;
  const auto found = shown_.find(key);
  if (found != shown_.end() && now - found->second < notice_pause) return;
  if (running_.size() >= notifiers_running_max) return;
  if (shown_.size() >= notices_remembered_max) shown_.clear();
  shown_[key] = now;
  const std::string what = refusal.host + " is blocked" + (refusal.rule.empty() ? "" : " by " + refusal.rule) + ".";
  run(refusal.title.empty() ? "Connection blocked" : refusal.title,
      refusal.text.empty() ? what : what + " " + refusal.text);
}

void Notifier::reap() {
  std::erase_if(running_, [](pid_t pid) { return waitpid(pid, nullptr, WNOHANG) != 0; });
}

void Notifier::run(const std::string& title, const std::string& text) {
  // Everything is made before the fork: behind it, in a process with threads, only system calls are allowed.
  std::vector<char*> arguments;
  for (const std::string& part : command_) arguments.push_back(const_cast<char*>(part.c_str()));
  arguments.push_back(const_cast<char*>(title.c_str()));
  arguments.push_back(const_cast<char*>(text.c_str()));
  arguments.push_back(nullptr);
  const pid_t pid = fork();
  if (pid > 0) running_.push_back(pid);
  if (pid != 0) return;
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  if (person_.other && (setgroups(1, &person_.gid) != 0 || setgid(person_.gid) != 0 || setuid(person_.uid) != 0)) {
    _exit(126);
  }
  execv(arguments[0], arguments.data());
  _exit(127);
}

}  // namespace sluice::client
