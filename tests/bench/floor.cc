// bench_floor: the least that a TCP relay can do, as the measure for proxies. One thread, one epoll_ctl per socket
// (edges), no timers, no limits, no records, no names: whatever connects is joined to one fixed destination.
//
//   copy      recv and send through one buffer of 64 KiB
//   splice    through a kernel pipe of 1 MiB for each direction that carries anything
//   connect   reads a CONNECT head, dials, answers 200 once the destination has accepted, then copies
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "tests/bench/socket.h"

namespace {

using namespace sluice;
using namespace sluice::bench;

constexpr size_t buffer_bytes = 64 * 1024;
constexpr size_t pipe_bytes = 1 << 20;

enum class Mode { kCopy, kSplice, kConnect };
enum class Progress {
  kGoesOn,
  kBlocked,  // bytes are kept until the other end takes more
  kBroken,
};

struct Flow;

// One socket of a flow, and the way from it to the other one.
struct End {
  Flow* flow = nullptr;
  End* other = nullptr;
  Fd socket;
  std::string kept;      // read here, not yet taken by the other end (copy)
  Fd pipe_in, pipe_out;  // made when the first bytes arrive (splice)
  size_t piped = 0;      // bytes inside the pipe
  bool hung_up = false;  // the kernel has said that nothing follows what is queued
  bool ended = false;    // all was read, and the other end was told
};

enum class Stage {
  kAsked,     // connect mode: waiting for the head of CONNECT
  kDialling,  // connect mode: waiting for the destination
  kJoined,
};

// Lives in the relay's map until both directions have ended or one has broken.
struct Flow {
  Stage stage = Stage::kJoined;
  End client;
  End origin;
};

class Relay {
 public:
  Relay(Mode mode, const base::Endpoint& listen, const base::Endpoint& to)
      : mode_(mode), listener_(listen_on(listen)), to_(to) {
    poller_.add(listener_, EPOLLIN, nullptr);
    std::fprintf(stderr, "floor listening on %s\n", endpoint_of(listener_).to_string().c_str());
  }

  [[noreturn]] void run() {
    while (true) {
      for (const epoll_event& event : poller_.wait(-1)) {
        if (event.data.ptr == nullptr) {
          accept();
        } else {
          on_edge(*static_cast<End*>(event.data.ptr), event.events);
        }
      }
      ended_.clear();  // only now: one batch can hold events of both ends of a flow
    }
  }

 private:
  void accept() {
    Fd socket = accept_one(listener_);
    if (!socket) return;
    auto flow = std::make_unique<Flow>();
    Flow& borrowed = *flow;
    borrowed.client.flow = borrowed.origin.flow = &borrowed;
    borrowed.client.other = &borrowed.origin;
    borrowed.origin.other = &borrowed.client;
    borrowed.client.socket = std::move(socket);
    flows_.emplace(&borrowed, std::move(flow));
    if (mode_ == Mode::kConnect) {
      borrowed.stage = Stage::kAsked;
    } else if (dial_origin(borrowed) == Progress::kBroken) {
      return finish(borrowed);
    }
    poller_.add(borrowed.client.socket, Poller::kEdges, &borrowed.client);
  }

  Progress dial_origin(Flow& flow) {
    flow.origin.socket = dial(to_);
    if (!flow.origin.socket) return Progress::kBroken;
    poller_.add(flow.origin.socket, Poller::kEdges, &flow.origin);
    return Progress::kGoesOn;
  }

  void on_edge(End& end, uint32_t events) {
    Flow& flow = *end.flow;
    if (!end.socket) return;  // finished earlier in this batch
    if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) end.hung_up = true;
    Progress progress = Progress::kGoesOn;
    switch (flow.stage) {
      case Stage::kAsked:
        if ((events & ~uint32_t{EPOLLOUT}) != 0) progress = read_ask(flow);
        break;
      case Stage::kDialling: progress = &end == &flow.origin ? answer(flow) : Progress::kGoesOn; break;
      case Stage::kJoined:
        if ((events & EPOLLOUT) != 0 && holds_bytes(*end.other)) progress = move(*end.other);
        if (progress != Progress::kBroken && (events & ~uint32_t{EPOLLOUT}) != 0 && !holds_bytes(end)) {
          progress = move(end);
        }
        break;
    }
    if (progress == Progress::kBroken || (flow.client.ended && flow.origin.ended)) finish(flow);
  }

  // The load generator sends its head in one piece and waits for the answer, so one read sees all of it.
  Progress read_ask(Flow& flow) {
    const ssize_t got = ::recv(flow.client.socket.get(), buffer_.data(), buffer_.size(), 0);
    if (got < 0 && errno == EAGAIN) return Progress::kGoesOn;
    if (got <= 0) return Progress::kBroken;
    const std::string_view head(buffer_.data(), static_cast<size_t>(got));
    if (!head.starts_with("CONNECT ") || !head.ends_with("\r\n\r\n")) return Progress::kBroken;
    flow.stage = Stage::kDialling;
    return dial_origin(flow);
  }

  // Neither side has spoken yet, so no edge is lost by looking at writability alone.
  Progress answer(Flow& flow) {
    if (flow.origin.hung_up) return Progress::kBroken;
    constexpr std::string_view reply = "HTTP/1.1 200 OK\r\n\r\n";
    flow.stage = Stage::kJoined;
    const ssize_t sent = ::send(flow.client.socket.get(), reply.data(), reply.size(), MSG_NOSIGNAL);
    return sent == static_cast<ssize_t>(reply.size()) ? Progress::kGoesOn : Progress::kBroken;
  }

  static bool holds_bytes(const End& from) { return !from.kept.empty() || from.piped > 0; }

  Progress move(End& from) {
    if (from.ended) return Progress::kGoesOn;
    return mode_ == Mode::kSplice ? move_spliced(from) : move_copied(from);
  }

  Progress end_of(End& from) {
    from.ended = true;
    if (!from.other->ended) ::shutdown(from.other->socket.get(), SHUT_WR);  // else both are closed now
    return Progress::kGoesOn;
  }

  // Sends what the other end takes and keeps the rest.
  Progress hand_over(End& from, std::string_view bytes) {
    const ssize_t sent = ::send(from.other->socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) return Progress::kBroken;
    const size_t taken = sent < 0 ? 0 : static_cast<size_t>(sent);
    if (taken == bytes.size()) return Progress::kGoesOn;
    from.kept = std::string(bytes.substr(taken));
    return Progress::kBlocked;
  }

  Progress move_copied(End& from) {
    if (!from.kept.empty()) {
      const std::string kept = std::exchange(from.kept, {});
      if (const Progress progress = hand_over(from, kept); progress != Progress::kGoesOn) return progress;
    }
    while (true) {
      const ssize_t got = ::recv(from.socket.get(), buffer_.data(), buffer_.size(), 0);
      if (got == 0) return end_of(from);
      if (got < 0) return errno == EAGAIN ? Progress::kGoesOn : Progress::kBroken;
      const std::string_view bytes(buffer_.data(), static_cast<size_t>(got));
      if (const Progress progress = hand_over(from, bytes); progress != Progress::kGoesOn) return progress;
      // A buffer that was not filled has emptied the socket: the next bytes bring an edge of their own.
      if (bytes.size() < buffer_.size() && !from.hung_up) return Progress::kGoesOn;
    }
  }

  static bool make_pipe(End& from) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_NONBLOCK | O_CLOEXEC) != 0) return false;
    from.pipe_out = Fd(ends[0]);
    from.pipe_in = Fd(ends[1]);
    ::fcntl(ends[1], F_SETPIPE_SZ, pipe_bytes);  // without the right to so much the default size is used
    return true;
  }

  Progress move_spliced(End& from) {
    constexpr unsigned flags = SPLICE_F_MOVE | SPLICE_F_NONBLOCK;
    if (!from.pipe_in && !make_pipe(from)) return Progress::kBroken;
    while (true) {
      if (from.piped == 0) {
        const ssize_t got = ::splice(from.socket.get(), nullptr, from.pipe_in.get(), nullptr, pipe_bytes, flags);
        if (got == 0) return end_of(from);
        if (got < 0) return errno == EAGAIN ? Progress::kGoesOn : Progress::kBroken;
        from.piped = static_cast<size_t>(got);
      }
      const int into = from.other->socket.get();
      const ssize_t sent = ::splice(from.pipe_out.get(), nullptr, into, nullptr, from.piped, flags);
      if (sent < 0) return errno == EAGAIN ? Progress::kBlocked : Progress::kBroken;
      from.piped -= static_cast<size_t>(sent);
    }
  }

  void finish(Flow& flow) {
    flow.client.socket.close();
    flow.origin.socket.close();
    const auto found = flows_.find(&flow);
    ended_.push_back(std::move(found->second));
    flows_.erase(found);
  }

  const Mode mode_;
  const Fd listener_;
  const base::Endpoint to_;
  Poller poller_;
  std::array<char, buffer_bytes> buffer_{};
  std::unordered_map<Flow*, std::unique_ptr<Flow>> flows_;
  std::vector<std::unique_ptr<Flow>> ended_;
};

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"bench_floor: a bare relay from one loopback address to another"};
  app.footer(
      "Examples:\n"
      "  bench_floor --mode copy --to 127.0.0.1:8443\n"
      "  bench_floor --mode connect --listen 127.0.0.1:3128 --to 127.0.0.1:8443    any CONNECT leads there");
  const std::map<std::string, Mode> modes{
      {"copy", Mode::kCopy}, {"splice", Mode::kSplice}, {"connect", Mode::kConnect}};
  Mode mode = Mode::kCopy;
  std::string listen = "127.0.0.1:0";
  std::string to;
  app.add_option("--mode", mode, "copy, splice or connect")->required()->transform(CLI::Transformer(modes));
  app.add_option("--listen", listen, "address of its own; port 0 takes a free one, which it logs");
  app.add_option("--to", to, "destination of every flow")->required();
  CLI11_PARSE(app, argc, argv);
  std::signal(SIGPIPE, SIG_IGN);
  std::make_unique<Relay>(mode, loopback(listen), loopback(to))->run();
}
