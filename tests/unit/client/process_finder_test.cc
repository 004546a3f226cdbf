#include "proxy/client/process_finder.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <filesystem>

#include "proxy/net/address.h"
#include "tests/support/temporary_folder.h"

namespace sluice::client {

namespace {

using net::SocketAddress;

class Listening {
 public:
  explicit Listening(const char* address) {
    SocketAddress at = SocketAddress::from(*base::Endpoint::parse(address));
    fd_ = socket(at.get()->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(bind(fd_, at.get(), at.length) == 0);
    REQUIRE(listen(fd_, 8) == 0);
    SocketAddress bound;
    REQUIRE(getsockname(fd_, bound.get(), &bound.length) == 0);
    address_ = bound.endpoint();
  }
  ~Listening() { close(fd_); }
  // The other side's address; the accepted descriptor stays open in `fd`.
  base::Endpoint accept(int& fd) const {
    SocketAddress peer;
    fd = accept4(fd_, peer.get(), &peer.length, SOCK_CLOEXEC);
    REQUIRE(fd >= 0);
    return peer.endpoint();
  }
  const base::Endpoint& address() const { return address_; }

 private:
  int fd_;
  base::Endpoint address_;
};

// A program of another name that holds a connection to `to` until it is killed: bash, copied.
class Program {
 public:
  Program(const std::string& path, const base::Endpoint& to) {
    const std::string script =
        "exec 3<>/dev/tcp/" + to.address.to_string() + "/" + std::to_string(to.port) + "; read -u 3 line";
    pid_ = fork();
    REQUIRE(pid_ >= 0);
    if (pid_ == 0) {
      execl(path.c_str(), path.c_str(), "-c", script.c_str(), nullptr);
      _exit(127);
    }
  }
  ~Program() { end(); }
  void end() {
    if (pid_ <= 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }
  uint32_t pid() const { return static_cast<uint32_t>(pid_); }

 private:
  pid_t pid_ = 0;
};

std::string copied_shell(const TemporaryFolder& folder, const char* name) {
  const std::string path = folder.path(name);
  std::filesystem::copy_file("/bin/bash", path);
  return path;
}

std::unique_ptr<ProcessFinder> finder() {
  auto made = ProcessFinder::create();
  REQUIRE(made.ok());
  return std::move(*made);
}

}  // namespace

TEST_CASE("a connection's process is found by the name of its executable") {
  const TemporaryFolder folder;
  const std::string path = copied_shell(folder, "dropbox");
  const auto find = finder();
  for (const char* address : {"127.0.0.1:0", "[::1]:0"}) {
    const Listening listening(address);
    Program program(path, listening.address());
    int fd = -1;
    const base::Endpoint own = listening.accept(fd);
    const ProcessInfo info = find->find(own, listening.address());
    CHECK(info.name == "dropbox");
    CHECK(info.path == path);
    CHECK(info.pid == program.pid());
    CHECK(info.uid == getuid());
    // Known now, found again; and a process that replaced its name (comm) does not matter.
    CHECK(find->find(own, listening.address()).pid == program.pid());
    program.end();
    const ProcessInfo gone = find->find(own, listening.address());
    CHECK(gone.name.empty());
    CHECK(gone.pid == 0);
    close(fd);
  }
}

TEST_CASE("the process of a UDP socket is found, connected or only bound") {
  const auto find = finder();
  for (const bool connected : {true, false}) {
    const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    SocketAddress own = SocketAddress::from(*base::Endpoint::parse("127.0.0.1:0"));
    REQUIRE(bind(fd, own.get(), own.length) == 0);
    REQUIRE(getsockname(fd, own.get(), &own.length) == 0);
    const base::Endpoint peer = *base::Endpoint::parse("127.0.0.1:443");
    SocketAddress to = SocketAddress::from(peer);
    if (connected) REQUIRE(connect(fd, to.get(), to.length) == 0);
    CHECK(find->find(own.endpoint(), peer, ProcessFinder::Transport::kUdp).pid == static_cast<uint32_t>(getpid()));
    CHECK(find->find(own.endpoint(), peer).pid == 0);  // no such TCP connection
    close(fd);
  }
}

TEST_CASE("an executable that was replaced keeps its name") {
  const TemporaryFolder folder;
  const std::string path = copied_shell(folder, "dropbox");
  const Listening listening("127.0.0.1:0");
  const Program program(path, listening.address());
  int fd = -1;
  const base::Endpoint own = listening.accept(fd);
  std::filesystem::remove(path);
  const ProcessInfo info = finder()->find(own, listening.address());
  CHECK(info.name == "dropbox");
  CHECK(info.path == path);
  close(fd);
}

TEST_CASE("a connection of nobody, of another machine or of mixed families has no process") {
  const auto find = finder();
  const auto nobody = find->find(*base::Endpoint::parse("127.0.0.1:1"), *base::Endpoint::parse("127.0.0.1:2"));
  CHECK(nobody.name.empty());
  CHECK_FALSE(nobody.uid);
  CHECK(find->find(*base::Endpoint::parse("127.0.0.1:1"), *base::Endpoint::parse("[::1]:2")).name.empty());
}

TEST_CASE("an IPv4 connection of an IPv6 socket is found") {
  const Listening listening("127.0.0.1:0");
  const int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  SocketAddress to = SocketAddress::from({*base::IpAddress::parse("::ffff:127.0.0.1"), listening.address().port});
  REQUIRE(connect(fd, to.get(), to.length) == 0);
  int accepted = -1;
  const base::Endpoint own = listening.accept(accepted);
  CHECK(finder()->find(own, listening.address()).pid == static_cast<uint32_t>(getpid()));
  close(fd);
  close(accepted);
}

}  // namespace sluice::client
