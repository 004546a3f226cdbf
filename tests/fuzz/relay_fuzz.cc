// Plain HTTP through the whole machine: what reaches either side is, message by message and byte by byte of every body,
// what the other side sent, and all of it is in the records.
// Input: a byte of options (1: a connection that was turned over to us), a byte that cuts what is received into pieces,
// two bytes with the length of what the client sends, which follows; the rest is what origins send.
#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "proxy/http/http1_reader.h"
#include "tests/fuzz/machine_run.h"

namespace {

using namespace sluice;
using namespace sluice::flow;
using http::Next;

struct Message {
  std::string head;  // what it is: method and URL, or status
  std::string body;
  bool ours = false;    // written by the proxy
  bool opaque = false;  // what follows is no HTTP
};

struct Reading {
  std::vector<Message> messages;  // the last one may be cut short
  bool invalid = false;
};

Reading read_requests(const std::string& bytes, std::optional<http::Scheme> scheme) {
  Reading reading;
  http::RequestReader reader(scheme);
  reader.receive(base::Chunk::copy_of(bytes));
  for (;;) {
    switch (reader.next()) {
      case Next::kNeedMore: return reading;
      case Next::kInvalid: reading.invalid = true; return reading;
      case Next::kHead: {
        const http::Request& request = reader.request();
        reading.messages.push_back(
            {request.method + " " + http::url_of(http::Scheme::kHttp, request), "", false, request.websocket});
        break;
      }
      case Next::kContent: reading.messages.back().body += base::as_text(reader.content()); break;
      case Next::kEnd: break;
    }
  }
}

// `methods`: of the requests that are answered, in order; GET beyond them.
Reading read_responses(const std::string& bytes, const std::vector<std::string>& methods) {
  Reading reading;
  base::Chunk rest = base::Chunk::copy_of(bytes);
  for (size_t i = 0;; ++i) {
    http::ResponseReader reader(i < methods.size() ? methods[i] : "GET");
    reader.receive(std::move(rest));
    bool ended = false;
    while (!ended) {
      const size_t at = bytes.size() - reader.waiting();
      switch (reader.next()) {
        case Next::kNeedMore: return reading;
        case Next::kInvalid: reading.invalid = true; return reading;
        case Next::kHead: {
          const http::Response& response = reader.response();
          constexpr int switching_protocols = 101;
          if (response.status == switching_protocols) {
            reading.messages.push_back({"101", "", false, true});
            return reading;
          }
          if (response.status < 200) break;
          // No origin's Proxy-Status passes.
          const bool ours = bytes.substr(at, reader.taken()).find("\r\nProxy-Status: ") != std::string::npos;
          reading.messages.push_back({std::to_string(response.status), "", ours, false});
          break;
        }
        case Next::kContent: reading.messages.back().body += base::as_text(reader.content()); break;
        case Next::kEnd: ended = true; break;
      }
    }
    rest = reader.take_rest();
    if (rest.empty()) return reading;
  }
}

// Every message of `got` is one of `sent`, in order; only the last may be cut short.
void check_within(const std::vector<Message>& got, const std::vector<Message>& sent) {
  size_t at = 0;
  for (size_t i = 0; i < got.size(); ++i) {
    const bool last = i + 1 == got.size();
    const auto is_it = [&](const Message& one) {
      return one.head == got[i].head && (last ? one.body.starts_with(got[i].body) : one.body == got[i].body);
    };
    while (at < sent.size() && !is_it(sent[at])) ++at;
    SLUICE_ASSERT(at < sent.size() && "a message that nobody sent");
    // A request may be sent twice (to an origin that closed its idle connection), and looks the same then.
  }
}

// Client, origins and driver in one.
class World : private test::ProxyRun {
 public:
  World(uint8_t options, uint8_t cut, std::string client, std::string origin)
      : transparent_((options & 1) != 0), cut_(cut), client_(std::move(client)), origin_(std::move(origin)) {
    Settings made = settings();
    made.transparent = transparent_;
    made.allow_ports = {80, 443, 8080};
    make(std::move(made));
    Opened opened;
    if (transparent_) opened.original_destination = *base::Endpoint::parse("203.0.113.7:80");
    give(std::move(opened));
  }

  void run() {
    while (!machine_->done() && !spliced_ && step()) {
    }
    // What begins with a 5 is SOCKS, and hears bytes that are no HTTP.
    if (!spliced_ && (transparent_ || !client_.starts_with('\5'))) check();
  }

 private:
  struct Leg {
    std::string sent;      // to the origin
    std::string received;  // from it
  };

  // Something happens, in an order that the input chooses. False when nothing is left.
  bool step() {
    const size_t piece = 1 + (cut_ = static_cast<uint8_t>(cut_ * 5 + 17)) % 61;
    const bool client_next = client_at_ < client_.size() && !client_held_;
    const bool origin_next = connected_ && !legs_.back().sent.empty() && !origin_ended_;
    if (dialling_) {
      dialling_ = false;
      connected_ = true;
      origin_ended_ = false;
      legs_.emplace_back();
      give(connected());
    } else if (client_next && (!origin_next || (cut_ & 1) != 0)) {
      const std::string bytes = client_.substr(client_at_, piece);
      client_at_ += bytes.size();
      give_bytes(Side::kClient, bytes);
    } else if (origin_next && origin_at_ < origin_.size()) {
      const std::string bytes = origin_.substr(origin_at_, piece);
      origin_at_ += bytes.size();
      legs_.back().received += bytes;
      give_bytes(Side::kOrigin, bytes);
    } else if (origin_next) {
      origin_ended_ = true;
      give(ReadEnded{Side::kOrigin});
    } else if (!client_ended_ && client_at_ == client_.size()) {
      client_ended_ = true;
      give(ReadEnded{Side::kClient});
    } else {
      return tick();
    }
    return true;
  }

  void note(const Action& action) override {
    if (const auto* send = std::get_if<Send>(&action)) {
      SLUICE_ASSERT(send->side == Side::kClient || connected_);
      (send->side == Side::kClient ? to_client_ : legs_.back().sent) += send->bytes.text();
    } else if (const auto* record = std::get_if<Record>(&action)) {
      note_record(*record);
    } else if (std::holds_alternative<Dial>(action)) {
      SLUICE_ASSERT(!dialling_);
      dialling_ = true;
      connected_ = false;
    } else if (std::holds_alternative<HangUp>(action)) {
      connected_ = false;
    } else if (std::holds_alternative<HoldRead>(action)) {
      client_held_ = true;
    } else if (std::holds_alternative<ReleaseRead>(action)) {
      client_held_ = false;
    } else if (std::holds_alternative<Splice>(action)) {
      spliced_ = true;  // not HTTP: another test's business
    }
  }

  void check() const {
    const FlowRecord& record = machine_->record();
    // A refusal before anything is relayed is an answer of the proxy, not payload.
    if (record.exchange != nullptr || record.earlier_server_bytes > 0) {
      SLUICE_ASSERT(record.server_bytes + record.earlier_server_bytes == to_client_.size());
    }
    SLUICE_ASSERT(record.client_bytes + record.earlier_client_bytes <= client_at_);
    const auto scheme = transparent_ ? std::optional(http::Scheme::kHttp) : std::nullopt;
    const Reading asked = read_requests(client_.substr(0, client_at_), scheme);
    std::vector<Message> passed, answers;
    std::vector<std::string> methods;
    for (const Message& one : asked.messages) methods.push_back(one.head.substr(0, one.head.find(' ')));
    if (to_client_.find("HTTP/1.1 101 ") != std::string::npos) return;  // no HTTP behind it: relaying_test
    for (const Leg& leg : legs_) {
      const Reading sent = read_requests(leg.sent, http::Scheme::kHttp);
      SLUICE_ASSERT(!sent.invalid);
      passed.insert(passed.end(), sent.messages.begin(), sent.messages.end());
      std::vector<std::string> leg_methods;
      for (const Message& one : sent.messages) leg_methods.push_back(one.head.substr(0, one.head.find(' ')));
      const Reading received = read_responses(leg.received, leg_methods);
      answers.insert(answers.end(), received.messages.begin(), received.messages.end());
    }
    check_within(passed, asked.messages);
    check_answers(answers, methods);
  }

  // What the client got: the origins' answers, and ours, which say so.
  void check_answers(const std::vector<Message>& answers, const std::vector<std::string>& methods) const {
    Reading got = read_responses(to_client_, methods);
    SLUICE_ASSERT(!got.invalid);
    std::erase_if(got.messages, [](const Message& one) { return one.ours; });
    check_within(got.messages, answers);
  }

  bool transparent_;
  uint8_t cut_;
  std::string client_, origin_;
  size_t client_at_ = 0, origin_at_ = 0;
  std::vector<Leg> legs_;
  std::string to_client_;
  bool dialling_ = false, connected_ = false, origin_ended_ = false;
  bool client_ended_ = false, client_held_ = false, spliced_ = false;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 4) return 0;
  const std::string text(base::as_text({data + 4, size - 4}));
  const size_t client = std::min(text.size(), size_t{data[2]} * 256 + data[3]);
  World(data[0], data[1], text.substr(0, client), text.substr(client)).run();
  return 0;
}
