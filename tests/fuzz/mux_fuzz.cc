// HTTP/2 through the whole machine: a client and an origin (sessions of the codec) do what the input says, in any order
// and cut anywhere. Whatever happens, what either side gets of a stream is the beginning of what the other sent, no
// stream that is blocked leaves, and every exchange has one final record.
// Input: a byte for each thing that is done next, with a byte of argument.
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "proxy/http/http2_session.h"
#include "tests/fuzz/machine_run.h"

namespace {

using namespace sluice;
using namespace sluice::flow;
using http::Http2Session;
using http::StreamId;

// One end of the conversation, and what it knows of each stream.
struct Peer {
  explicit Peer(Http2Session::Role role) : session({.role = role, .streams_max = 50}, base::Time{}) {}

  void hear(const std::string& bytes) {
    session.receive(base::as_bytes(bytes), base::Time{});
    for (http::SessionEvent& event : session.take_events()) {
      if (auto* request = std::get_if<http::RequestReceived>(&event)) {
        names[request->stream] = request->request.path;
        open.push_back(request->stream);
      } else if (auto* response = std::get_if<http::ResponseReceived>(&event)) {
        if (response->response.status >= 200) statuses[response->stream] = response->response.status;
      } else if (auto* data = std::get_if<http::DataReceived>(&event)) {
        got[data->stream] += data->bytes.text();
        session.consumed(data->stream, data->bytes.size());
      } else if (std::holds_alternative<http::RequestRefused>(event)) {
        SLUICE_ASSERT(false && "a request that was written anew is refused");
      }
    }
  }
  void make_output() {
    for (;;) {
      const base::Chunk bytes = session.take_output(16384);
      if (bytes.empty()) break;
      to_say += bytes.text();
    }
    (void)session.take_events();
  }

  Http2Session session;
  std::string to_say;
  std::vector<StreamId> open;
  std::map<StreamId, std::string> names, got, sent;
  std::map<StreamId, int> statuses;
};

class World : private test::ProxyRun {
 public:
  World() {
    make_inside("h2", "h2");
    to_client_.clear();
    begin_origin();
  }

  void run(const uint8_t* data, size_t size) {
    for (size_t i = 0; i + 1 < size && !machine_->done(); i += 2) step(data[i], data[i + 1]);
    for (int rounds = 0; rounds < 200 && !machine_->done(); ++rounds) pass(255);
    if (!machine_->done()) give(Shutdown{CloseReason::kDrain, {}});
    SLUICE_ASSERT(machine_->done());
    SLUICE_ASSERT(all_events_ended());
    check();
  }

 private:
  void begin_origin() {
    origins_.push_back(std::make_unique<Peer>(Http2Session::Role::kServer));
    connected_ = true;
    to_origin_.clear();
  }

  void step(uint8_t what, uint8_t argument) {
    Peer& origin = *origins_.back();
    const auto pick = [&](const std::vector<StreamId>& list) {
      return list.empty() ? 0 : list[argument % list.size()];
    };
    const std::string content(size_t{argument} * 97, static_cast<char>('a' + argument % 26));
    switch (what % 16) {
      case 0:
      case 1: ask(argument, (what & 16) == 0); break;
      case 2: say(client_, pick(client_.open), content); break;
      case 3: client_.session.send_end(pick(client_.open)); break;
      case 4: client_.session.reset(pick(client_.open), http::Http2Code::kCancel); break;
      case 5: {
        http::Response response;
        response.status = 200;
        response.body = {http::BodyKind::kChunked};
        origin.session.send_response(pick(origin.open), response, (argument & 64) != 0);
        break;
      }
      case 6: say(origin, pick(origin.open), content); break;
      case 7: origin.session.send_end(pick(origin.open)); break;
      case 8: origin.session.reset(pick(origin.open), http::Http2Code::kInternalError); break;
      case 9:
        if (argument % 8 == 0) origin.session.drain();
        break;
      case 10:
        if (argument % 8 == 0 && connected_) {
          connected_ = false;
          give(argument % 16 == 0 ? Input(ReadEnded{Side::kOrigin}) : Input(Reset{Side::kOrigin}));
        }
        break;
      case 11:
        if (argument % 4 == 0) (void)tick();
        break;
      case 12:
        if (argument % 16 == 0) give(Draining{});
        break;
      case 13:
        if (argument % 32 == 0) disturb(connected_ && argument % 64 == 0 ? Side::kOrigin : Side::kClient, content);
        break;
      default: pass(argument); break;
    }
  }

  // Bytes that no peer said. Within a frame they are its content.
  void disturb(Side side, const std::string& bytes) {
    disturbed_ = disturbed_ || !bytes.empty();
    give_bytes(side, bytes);
  }

  void ask(uint8_t argument, bool end) {
    http::Request request;
    request.method = end ? "GET" : "POST";
    request.authority = {argument % 16 == 3 ? "b.example" : "a.example", std::nullopt, 443};
    request.path = "/" + std::to_string(++asked_);
    if (argument % 16 == 3) forbidden_.insert(request.path);
    if (!end) request.body = {http::BodyKind::kChunked};
    const StreamId id = client_.session.send_request(request, end);
    if (id == 0) return;
    client_.names[id] = request.path;
    client_.open.push_back(id);
  }
  static void say(Peer& peer, StreamId id, const std::string& content) {
    const size_t before = peer.session.unsent(id);
    peer.session.send_data(id, base::Chunk::copy_of(content));
    if (peer.session.unsent(id) > before) peer.sent[id] += content;
  }

  // Some of what is on its way arrives.
  void pass(uint8_t argument) {
    const size_t piece = argument == 255 ? 1 << 20 : 1 + size_t{argument} * 7;
    client_.make_output();
    test::move_some(client_.to_say, piece, [&](const std::string& bytes) { give_bytes(Side::kClient, bytes); });
    Peer& origin = *origins_.back();
    if (connected_) {
      origin.make_output();
      test::move_some(origin.to_say, piece, [&](const std::string& bytes) { give_bytes(Side::kOrigin, bytes); });
      test::move_some(to_origin_, piece, [&](const std::string& bytes) { origin.hear(bytes); });
    }
    test::move_some(to_client_, piece, [&](const std::string& bytes) { client_.hear(bytes); });
    for (const Side side : {Side::kClient, Side::kOrigin}) {
      bool& tell = tell_[static_cast<size_t>(side)];
      const std::string& unsent = side == Side::kClient ? to_client_ : to_origin_;
      if (tell && unsent.empty()) {
        tell = false;
        give(Sent{side});
      }
    }
    if (std::exchange(dialling_, false)) give(connected());
    if (std::exchange(securing_, false)) {
      begin_origin();
      give(OriginSecured{agreed("h2"), false, {}});
    }
  }
  void note(const Action& action) override {
    if (const auto* send = std::get_if<Send>(&action)) {
      SLUICE_ASSERT(send->side == Side::kClient || connected_);
      (send->side == Side::kClient ? to_client_ : to_origin_) += send->bytes.text();
    } else if (const auto* record = std::get_if<Record>(&action)) {
      note_record(*record);
    } else if (const auto* tell = std::get_if<TellWhenSent>(&action)) {
      tell_[static_cast<size_t>(tell->side)] = true;
    } else if (std::holds_alternative<Dial>(action)) {
      dialling_ = ++dials_ > 1;
      connected_ = false;
    } else if (std::holds_alternative<SecureOrigin>(action)) {
      securing_ = dials_ > 1;
    } else if (std::holds_alternative<HangUp>(action)) {
      connected_ = securing_ = dialling_ = false;
      tell_[1] = false;
    }
  }

  void check() const {
    if (disturbed_) return;
    std::map<std::string, std::string> asked;
    for (const auto& [id, path] : client_.names) {
      const auto sent = client_.sent.find(id);
      asked[path] = sent == client_.sent.end() ? "" : sent->second;
    }
    std::map<std::string, std::vector<std::string>> answered;
    for (const auto& origin : origins_) {
      for (const auto& [id, path] : origin->names) {
        SLUICE_ASSERT(asked.contains(path) && !forbidden_.contains(path));
        const auto got = origin->got.find(id);
        if (got != origin->got.end()) SLUICE_ASSERT(asked[path].starts_with(got->second));
        const auto sent = origin->sent.find(id);
        answered[path].push_back(sent == origin->sent.end() ? "" : sent->second);
      }
    }
    for (const auto& [id, got] : client_.got) {
      const auto status = client_.statuses.find(id);
      if (status == client_.statuses.end() || status->second != 200) continue;  // ours
      bool found = false;
      for (const std::string& one : answered[client_.names.at(id)]) found = found || one.starts_with(got);
      SLUICE_ASSERT(found);
    }
  }

  Peer client_{Http2Session::Role::kClient};
  std::vector<std::unique_ptr<Peer>> origins_;
  bool disturbed_ = false;
  std::string to_client_, to_origin_;
  bool tell_[2] = {false, false};
  std::set<std::string> forbidden_;
  size_t asked_ = 0, dials_ = 0;
  bool dialling_ = false, securing_ = false, connected_ = true;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  World().run(data, size);
  return 0;
}
