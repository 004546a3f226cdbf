// Exchanges in any order into pages: each is in exactly one event, its bytes with it, and nothing follows a final
// record. Input: pairs of bytes. The first says what happens (a request begins, one ends, time passes), the second
// which one.
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "proxy/base/assert.h"
#include "proxy/report/page_assembler.h"

namespace {

using namespace sluice;

class Checker {
 public:
  explicit Checker(uint8_t options)
      : assembler_(
            {base::Duration((options & 1) != 0 ? 0 : 60'000), base::Duration((options & 2) != 0 ? 0 : 120'000)},
            [](const std::string& host) { return host.substr(host.size() - 1); },
            [this](flow::FlowRecord& record, bool final, base::Time) { emitted(record, final); }) {}

  void begin(uint8_t argument) {
    flow::FlowRecord record;
    record.source = *base::Endpoint::parse((argument & 1) != 0 ? "192.0.2.1:1" : "192.0.2.2:1");
    record.event_counter = ++counter_;
    record.host = std::string((argument & 2) != 0 ? "a." : "b.") + ((argument & 4) != 0 ? 'x' : 'y');
    record.action = (argument & 8) != 0 ? flow::Verdict::kAllow : flow::Verdict::kBlock;
    record.exchange = std::make_shared<flow::Exchange>();
    record.exchange->url = record.host + ((argument & 16) != 0 ? "/1" : "/2");
    record.exchange->referer = (argument & 32) != 0 ? "a.x/1" : "";
    record.exchange->content_type = (argument & 64) != 0 ? "text/html" : "image/png";
    record.client_bytes = argument;
    record.server_bytes = (argument & 128) != 0 ? 10'000 : 10;
    ++requests_;
    bytes_ += record.client_bytes + record.server_bytes;
    assembler_.progress(record, now_);
    running_.push_back(std::move(record));
  }
  void end(uint8_t argument) {
    if (running_.empty()) return;
    const size_t which = argument % running_.size();
    flow::FlowRecord record = std::move(running_[which]);
    running_.erase(running_.begin() + static_cast<std::ptrdiff_t>(which));
    record.close_reason = (argument & 128) != 0 ? flow::CloseReason::kClientReset : flow::CloseReason::kCompleted;
    assembler_.end(record, now_);
  }
  void pass(uint8_t argument) {
    now_ += base::Duration(argument * 1'000);
    const auto deadline = assembler_.deadline();
    if (deadline && *deadline <= now_) assembler_.expire(now_);
  }
  void rewrite() { assembler_.rewrite(); }
  void finish() {
    while (!running_.empty()) end(0);
    assembler_.close_all();
    SLUICE_ASSERT(assembler_.open_events() == 0 && !assembler_.deadline());
    SLUICE_ASSERT(requests_ == seen_requests_ && bytes_ == seen_bytes_);
    for (const auto& [event, final] : final_) SLUICE_ASSERT(final);
  }

 private:
  void emitted(flow::FlowRecord& record, bool final) {
    ++record.revision;
    bool& ended = final_[record.event_counter];
    SLUICE_ASSERT(!ended);
    ended = final;
    if (!final) return;
    seen_requests_ += record.exchange->requests;
    seen_bytes_ += record.client_bytes + record.server_bytes;
  }

  base::Time now_{base::Duration(1'000'000)};
  report::PageAssembler assembler_;
  std::vector<flow::FlowRecord> running_;
  uint64_t counter_ = 0, requests_ = 0, bytes_ = 0, seen_requests_ = 0, seen_bytes_ = 0;
  std::map<uint64_t, bool> final_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  Checker checker(data[0]);
  for (size_t at = 1; at + 1 < size; at += 2) {
    switch (data[at] % 4) {
      case 0: checker.begin(data[at + 1]); break;
      case 1: checker.end(data[at + 1]); break;
      case 2: checker.pass(data[at + 1]); break;
      case 3: checker.rewrite(); break;
    }
  }
  checker.finish();
  return 0;
}
