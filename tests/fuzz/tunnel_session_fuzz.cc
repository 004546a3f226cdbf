// The PoP's end of a tunnel hears anything: it must neither break nor keep more than its bounds.
// Input: one byte of options, then what the peer sends, in pieces as long as the option byte says.
#include <algorithm>
#include <cstdint>
#include <vector>

#include "proxy/base/assert.h"
#include "proxy/http/limits.h"
#include "proxy/http/tunnel_session.h"

namespace {

using namespace sluice;
using namespace sluice::http;

// Answers, echoes, and lets go, as a flow might.
class Echo : public StreamUser {
 public:
  explicit Echo(TunnelStream& stream) : stream_(&stream) {
    stream.set_user(*this);
    stream.respond(200, {}, false);
  }
  ~Echo() override {
    if (stream_ != nullptr) stream_->release(false);
  }
  void on_tunnel_stream(TunnelStream& stream) override {
    uint8_t buffer[512];
    while (const size_t count = stream.read(buffer)) (void)stream.write({buffer, count});
    if (stream.ended()) stream.end_write();
    if (!stream.reset()) return;
    stream_ = nullptr;
    stream.release(true);
  }
  void on_tunnel_lost() override { stream_ = nullptr; }

 private:
  TunnelStream* stream_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const size_t piece = data[0] == 0 ? size : data[0];
  base::Time now{base::Duration(1'000)};
  std::vector<std::unique_ptr<Echo>> users;
  TunnelSession session({TunnelSession::Role::kServer, 10}, now);
  for (size_t at = 1; at < size && !session.finished(); at += piece) {
    session.receive({data + at, std::min(piece, size - at)}, now);
    while (TunnelStream* stream = session.take_request()) users.push_back(std::make_unique<Echo>(*stream));
    session.dispatch();
    while (!session.output().empty()) {
    }
    SLUICE_ASSERT(session.streams() <= 11);
    now += base::Duration(1);
  }
  return 0;
}
