// Sessions against the openssl program, over loopback sockets.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <deque>

#include "tests/unit/tls/session_fixture.h"

namespace sluice::tls {

namespace {

constexpr int patience_ms = 20'000;

int listening_socket(uint16_t& port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  REQUIRE(bind(fd, reinterpret_cast<sockaddr*>(&address), length) == 0);
  REQUIRE(listen(fd, 8) == 0);
  REQUIRE(getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) == 0);
  port = ntohs(address.sin_port);
  return fd;
}

void wait_readable(int fd) {
  pollfd watch{fd, POLLIN, 0};
  REQUIRE(poll(&watch, 1, patience_ms) == 1);
}

// A running `openssl ...` with pipes on its input and output; killed at the end.
class OpensslProgram {
 public:
  explicit OpensslProgram(const std::vector<std::string>& arguments) {
    std::array<int, 2> in{};
    std::array<int, 2> out{};
    REQUIRE(pipe2(in.data(), O_CLOEXEC) == 0);
    REQUIRE(pipe2(out.data(), O_CLOEXEC) == 0);
    std::vector<std::string> words = arguments;
    words.insert(words.begin(), "openssl");
    std::vector<char*> pointers;
    for (std::string& word : words) pointers.push_back(word.data());
    pointers.push_back(nullptr);
    process_ = fork();
    if (process_ == 0) {
      dup2(in[0], 0);
      dup2(out[1], 1);
      dup2(out[1], 2);
      execvp("openssl", pointers.data());
      _exit(127);
    }
    close(in[0]);
    close(out[1]);
    in_ = in[1];
    out_ = out[0];
  }
  ~OpensslProgram() {
    end_input();
    close(out_);
    kill(process_, SIGKILL);
    waitpid(process_, nullptr, 0);
  }
  void say(const std::string& text) {
    REQUIRE(::write(in_, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  }
  void end_input() {
    if (in_ >= 0) close(std::exchange(in_, -1));
  }
  // Its output until `word` appears in it.
  std::string output_until(const std::string& word) {
    while (output_.find(word) == std::string::npos) {
      wait_readable(out_);
      std::array<char, 4096> buffer{};
      const ssize_t count = ::read(out_, buffer.data(), buffer.size());
      if (count <= 0) break;
      output_.append(buffer.data(), static_cast<size_t>(count));
    }
    INFO(output_);
    REQUIRE(output_.find(word) != std::string::npos);
    return output_;
  }

 private:
  pid_t process_ = -1;
  int in_ = -1;
  int out_ = -1;
  std::string output_;
};

// A session on a blocking socket.
class Connection {
 public:
  Connection(int fd, Session session) : fd_(fd), session_(std::move(session)) { flush(); }
  ~Connection() { close(fd_); }

  // Until `received` contains `word`, or the session opens, ends or fails.
  template <class Condition>
  void pump(Condition reached) {
    while (!reached()) {
      wait_readable(fd_);
      std::array<uint8_t, 3000> cipher{};
      const ssize_t count = recv(fd_, cipher.data(), cipher.size(), 0);
      if (count <= 0) {
        session_.transport_ended();
        return;
      }
      size_t begin = 0;
      std::array<uint8_t, 777> plain{};
      Session::Read read;
      do {
        read = session_.read(base::ByteView(cipher).subspan(begin, static_cast<size_t>(count) - begin), plain);
        begin += read.consumed;
        received.append(base::as_text(base::ByteView(plain).first(read.produced)));
      } while (read.stop == Session::Read::Stop::kPlaintextFull);
      flush();
      if (read.stop == Session::Read::Stop::kFailed || read.stop == Session::Read::Stop::kEnded) return;
    }
  }
  void pump_open() {
    pump([&] { return session_.state() != Session::State::kHandshaking; });
    INFO(described(session_));
    REQUIRE(session_.state() == Session::State::kOpen);
  }
  void pump_until(const std::string& word) {
    pump([&] { return received.find(word) != std::string::npos; });
    INFO(described(session_));
    REQUIRE(received.find(word) != std::string::npos);
  }
  void say(const std::string& text) {
    REQUIRE(session_.write(base::as_bytes(text)).accepted == text.size());
    flush();
  }
  void flush() {
    while (!session_.output().empty()) {
      const auto bytes = session_.output();
      const ssize_t count = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (count <= 0) return;
      session_.consume_output(static_cast<size_t>(count));
    }
  }
  Session& session() { return session_; }
  std::string received;

 private:
  int fd_;
  Session session_;
};

std::vector<std::string> s_client(uint16_t port, const std::vector<std::string>& more) {
  const Installation& files = Installation::get();
  std::vector<std::string> words = {
      "s_client",    "-connect", "127.0.0.1:" + std::to_string(port), "-servername",
      "pop.example", "-CAfile",  files.path("service-root.crt"),      "-verify_return_error"};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

std::vector<std::string> device_words() {
  const Installation& files = Installation::get();
  return {"-cert", files.path("device.crt"), "-key", files.path("device.key"), "-alpn", "h2"};
}

int dial(uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  REQUIRE(connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  return fd;
}

}  // namespace

TEST_CASE("openssl s_client speaks with our server, resumes, and is refused without certificate") {
  const Installation& files = Installation::get();
  const TemporaryFolder folder;
  uint16_t port = 0;
  const int listener = listening_socket(port);
  const auto accept_one = [&] {
    wait_readable(listener);
    return accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
  };
  const ServerContext context = server_context(files.tunnel_options());
  for (const bool resume : {false, true}) {
    auto words = device_words();
    words.insert(words.end(), {resume ? "-sess_in" : "-sess_out", folder.path("session")});
    OpensslProgram program(s_client(port, words));
    Connection server(accept_one(), Session::accept(context));
    server.pump_open();
    CHECK(server.session().negotiated().resumed == resume);
    CHECK(server.session().negotiated().alpn == "h2");
    CHECK(server.session().peer_certificate()->device() == anna);
    program.say("from s_client\n");
    server.pump_until("from s_client\n");
    server.say("from the session\n");
    const std::string output = program.output_until("from the session\n");
    CHECK(output.find("Verification: OK") != std::string::npos);
    program.end_input();  // s_client says close_notify
    server.pump([&] { return server.session().state() == Session::State::kReadEnded; });
    CHECK(server.session().state() == Session::State::kReadEnded);
  }
  OpensslProgram stranger(s_client(port, {}));
  Connection server(accept_one(), Session::accept(context));
  server.pump([&] { return server.session().state() != Session::State::kHandshaking; });
  REQUIRE(server.session().failure() != nullptr);
  CHECK(server.session().failure()->fault == Failure::Fault::kMissing);
  stranger.output_until("alert number 116");
  close(listener);
}

TEST_CASE("our client speaks with openssl s_server, in TLS 1.2 and 1.3, and resumes") {
  const Installation& files = Installation::get();
  for (const bool old : {false, true}) {
    OpensslProgram program({"s_server", "-accept", "127.0.0.1:0", "-cert", files.path("pop.crt"), "-key",
                            files.path("pop.key"), "-CAfile", files.path("devices.crt"), "-Verify", "1",
                            "-verify_return_error", "-alpn", "h2", old ? "-tls1_2" : "-tls1_3"});
    const std::string greeting = program.output_until("ACCEPT 127.0.0.1:");
    const auto port = static_cast<uint16_t>(std::stoi(greeting.substr(greeting.find("127.0.0.1:") + 10)));
    ClientOptions options = files.device_options();
    options.minimum = Version::kTls12;
    const ClientContext context = client_context(options);
    std::optional<Resumption> ticket;
    for (const bool resumed : {false, true}) {
      Connection client(dial(port), Session::connect(context, {"pop.example", {}, ticket}));
      client.pump_open();
      CHECK(client.session().negotiated().version == (old ? 0x0303 : 0x0304));
      CHECK(client.session().negotiated().resumed == resumed);
      CHECK(client.session().negotiated().alpn == "h2");
      client.say("to s_server\n");
      program.output_until("to s_server\n");
      program.say("to the client\n");
      client.pump_until("to the client\n");
      const auto tickets = client.session().take_resumptions();
      if (!resumed) REQUIRE_FALSE(tickets.empty());
      if (!tickets.empty()) ticket = tickets.back();
      client.session().end_write();
      client.flush();
      client.pump([&] { return client.session().state() == Session::State::kClosed; });
      CHECK((client.session().state() == Session::State::kClosed ||
             client.session().failure()->kind == Failure::Kind::kTruncated));
    }
  }
}

}  // namespace sluice::tls
