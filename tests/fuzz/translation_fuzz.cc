// A client of HTTP/2 before origins of HTTP/1.1, through the whole machine: client and origins do what the input says,
// in any order and cut anywhere, on as many connections as the machine opens. Whatever happens: an origin never hears
// what is no request, what either side gets of a body is the beginning of what the other sent, nothing that is blocked
// leaves, and every exchange has one final record.
// Input: a byte for each thing that is done next, with a byte of argument.
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "proxy/http/http1_reader.h"
#include "proxy/http/http1_writer.h"
#include "proxy/http/http2_session.h"
#include "tests/fuzz/machine_run.h"

namespace {

using namespace sluice;
using namespace sluice::flow;
using http::Http2Session;
using http::StreamId;

// By path, which names a request once and for all: what was sent of its body, and of its answers' bodies.
struct Books {
  std::map<std::string, std::string> asked;
  std::map<std::string, std::list<std::string>> answered;
  std::set<std::string> forbidden;
};

// An origin's end of one connection.
class OriginEnd {
 public:
  explicit OriginEnd(Books& books) : books_(books) {}

  void hear(const std::string& bytes) {
    reader_.receive(base::Chunk::copy_of(bytes));
    for (;;) {
      switch (reader_.next()) {
        case http::Next::kNeedMore: return;
        case http::Next::kHead:
          SLUICE_ASSERT(path_.empty());  // one exchange at a time
          path_ = reader_.request().path;
          SLUICE_ASSERT(books_.asked.contains(path_) && !books_.forbidden.contains(path_));
          got_.clear();
          answer_ = nullptr;
          break;
        case http::Next::kContent:
          got_ += base::as_text(reader_.content());
          SLUICE_ASSERT(books_.asked[path_].starts_with(got_));
          break;
        case http::Next::kEnd:
          SLUICE_ASSERT(books_.asked[path_] == got_);
          whole_ = true;
          done();
          break;
        case http::Next::kInvalid: SLUICE_ASSERT(false && "a request that was written anew is refused");
      }
    }
  }
  // The final head.
  void respond(uint8_t argument) {
    if (path_.empty() || answer_ != nullptr) return;
    http::Response response;
    response.status = 200;
    kind_ = argument % 4 == 0 ? http::BodyKind::kUntilClose : http::BodyKind::kChunked;
    to_say += http::write_response_head(response, {.body = {kind_}, .keep_alive = argument % 8 != 1});
    body_ = http::BodyWriter(kind_);
    auto& answers = books_.answered[path_];
    answers.emplace_back();
    answer_ = &answers.back();
  }
  void interim() {
    if (!path_.empty() && answer_ == nullptr) to_say += "HTTP/1.1 103 Early Hints\r\n\r\n";
  }
  void say(const std::string& content) {
    if (answer_ == nullptr || said_end_) return;
    to_say += body_.content(base::as_bytes(content)).text();
    *answer_ += content;
  }
  void end() {
    if (answer_ == nullptr || said_end_) return;
    to_say += body_.end({}).text();
    said_end_ = true;
    if (kind_ == http::BodyKind::kUntilClose) wants_close = true;
    done();
  }

  std::string to_say;
  bool wants_close = false;

 private:
  void done() {
    if (!whole_ || !said_end_) return;
    path_.clear();
    answer_ = nullptr;
    whole_ = said_end_ = false;
  }

  Books& books_;
  http::RequestReader reader_{http::Scheme::kHttps};
  http::BodyWriter body_;
  http::BodyKind kind_ = http::BodyKind::kChunked;
  std::string path_, got_;
  std::string* answer_ = nullptr;
  bool whole_ = false, said_end_ = false;
};

struct Leg {
  std::unique_ptr<OriginEnd> origin;  // while connected
  std::string to_origin;
  bool dialling = false, securing = false, tell = false;
};

class World : private test::ProxyRun {
 public:
  World() {
    make_inside("h2", "http/1.1");
    to_client_.clear();
    legs_.clear();
    legs_[0].origin = std::make_unique<OriginEnd>(books_);
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
  void step(uint8_t what, uint8_t argument) {
    const auto picked = static_cast<LegIndex>(argument % std::max<size_t>(legs_.size(), 1));
    OriginEnd* origin = legs_[picked].origin.get();
    const StreamId stream = open_.empty() ? 0 : open_[argument % open_.size()];
    const std::string content(size_t{argument} * 97, static_cast<char>('a' + argument % 26));
    switch (what % 16) {
      case 0:
      case 1: ask(argument, (what & 16) == 0); break;
      case 2: say(stream, content); break;
      case 3: client_.send_end(stream); break;
      case 4: client_.reset(stream, http::Http2Code::kCancel); break;
      case 5:
        if (origin != nullptr) origin->respond(argument / 6);
        break;
      case 6:
        if (origin != nullptr) origin->say(content);
        break;
      case 7:
        if (origin != nullptr) origin->end();
        break;
      case 8:
        if (origin != nullptr) origin->interim();
        break;
      case 9: fails_dials_ = argument % 4 == 0; break;
      case 10:
        if (argument % 8 == 0 && origin != nullptr) lose(picked, argument % 16 == 0);
        break;
      case 11:
        if (argument % 4 == 0) (void)tick();
        break;
      case 12:
        if (argument % 16 == 0) give(Draining{});
        break;
      default: pass(argument); break;
    }
  }

  void ask(uint8_t argument, bool end) {
    http::Request request;
    request.method = end ? "GET" : "POST";
    request.authority = {argument % 16 == 3 ? "b.example" : "a.example", std::nullopt, 443};
    request.path = "/" + std::to_string(++asked_);
    if (argument % 16 == 3) books_.forbidden.insert(request.path);
    if (!end) request.body = {http::BodyKind::kChunked};
    const StreamId id = client_.send_request(request, end);
    if (id == 0) return;
    books_.asked[request.path];
    names_[id] = request.path;
    open_.push_back(id);
  }
  void say(StreamId id, const std::string& content) {
    const size_t before = client_.unsent(id);
    client_.send_data(id, base::Chunk::copy_of(content));
    if (client_.unsent(id) > before) books_.asked[names_[id]] += content;
  }
  void hear(const std::string& bytes) {
    client_.receive(base::as_bytes(bytes), now_);
    for (http::SessionEvent& event : client_.take_events()) {
      if (auto* response = std::get_if<http::ResponseReceived>(&event)) {
        if (response->response.status >= 200) statuses_[response->stream] = response->response.status;
      } else if (auto* data = std::get_if<http::DataReceived>(&event)) {
        got_[data->stream] += data->bytes.text();
        client_.consumed(data->stream, data->bytes.size());
      }
    }
  }

  // Some of what is on its way arrives.
  void pass(uint8_t argument) {
    const size_t piece = argument == 255 ? 1 << 20 : 1 + size_t{argument} * 7;
    for (base::Chunk bytes = client_.take_output(16384); !bytes.empty(); bytes = client_.take_output(16384)) {
      to_machine_ += bytes.text();
    }
    (void)client_.take_events();
    test::move_some(to_machine_, piece, [&](const std::string& bytes) { give_bytes(Side::kClient, bytes); });
    for (auto& [index, leg] : legs_) pass_leg(index, leg, piece);
    test::move_some(to_client_, piece, [&](const std::string& bytes) { hear(bytes); });
    if (to_client_.empty() && std::exchange(tell_client_, false)) give(Sent{Side::kClient});
  }
  void pass_leg(LegIndex index, Leg& leg, size_t piece) {
    if (leg.origin != nullptr) {
      test::move_some(leg.to_origin, piece, [&](const std::string& bytes) { leg.origin->hear(bytes); });
      test::move_some(leg.origin->to_say, piece,
                      [&](const std::string& bytes) { give_bytes(Side::kOrigin, bytes, index); });
    }
    if (leg.origin != nullptr && leg.origin->wants_close && leg.origin->to_say.empty()) lose(index, true);
    if (leg.tell && leg.to_origin.empty()) {
      leg.tell = false;
      give(Sent{Side::kOrigin, index});
    }
    if (std::exchange(leg.dialling, false)) {
      give(fails_dials_ ? DialDone{CloseReason::kConnectRefused, {}, "no", {}, index} : connected(index));
    }
    if (std::exchange(leg.securing, false)) {
      leg.origin = std::make_unique<OriginEnd>(books_);
      give(OriginSecured{agreed("http/1.1"), false, {}, index});
    }
  }
  void lose(LegIndex index, bool orderly) {
    legs_[index].origin.reset();
    legs_[index].to_origin.clear();
    give(orderly ? Input(ReadEnded{Side::kOrigin, false, index}) : Input(Reset{Side::kOrigin, index}));
  }
  void note(const Action& action) override {
    if (const auto* send = std::get_if<Send>(&action)) {
      if (send->side == Side::kClient) {
        to_client_ += send->bytes.text();
      } else if (legs_[send->leg].origin != nullptr) {  // else it has closed, and the machine will hear so
        legs_[send->leg].to_origin += send->bytes.text();
      }
    } else if (const auto* record = std::get_if<Record>(&action)) {
      note_record(*record);
    } else if (const auto* tell = std::get_if<TellWhenSent>(&action)) {
      (tell->side == Side::kClient ? tell_client_ : legs_[tell->leg].tell) = true;
    } else if (const auto* dial = std::get_if<Dial>(&action)) {
      SLUICE_ASSERT(legs_[dial->leg].origin == nullptr && legs_.size() <= 6);
      legs_[dial->leg] = {nullptr, {}, true, false, false};
    } else if (const auto* secure = std::get_if<SecureOrigin>(&action)) {
      legs_[secure->leg].securing = true;
    } else if (const auto* hang_up = std::get_if<HangUp>(&action)) {
      legs_[hang_up->leg] = {};
    }
  }

  void check() {
    for (const auto& [id, got] : got_) {
      const auto status = statuses_.find(id);
      if (status == statuses_.end() || status->second != 200) continue;  // ours
      bool found = false;
      for (const std::string& one : books_.answered[names_.at(id)]) found = found || one.starts_with(got);
      SLUICE_ASSERT(found);
    }
  }

  Books books_;
  Http2Session client_{{.role = Http2Session::Role::kClient}, base::Time{}};
  std::string to_machine_, to_client_;
  bool tell_client_ = false, fails_dials_ = false;
  std::map<LegIndex, Leg> legs_;
  std::vector<StreamId> open_;
  std::map<StreamId, std::string> names_, got_;
  std::map<StreamId, int> statuses_;
  size_t asked_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  World().run(data, size);
  return 0;
}
