// Any bytes as a configuration file: the loader ends with a message or errors, and what it accepts survives a round
// trip through `config show`.
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/util/message_differencer.h>

#include <cstdint>
#include <string_view>

#include "proxy/base/assert.h"
#include "proxy/config/show.h"
#include "proxy/config/yaml.h"
#include "sluice/config/v1/events.pb.h"
#include "sluice/config/v1/proxy.pb.h"

namespace {

template <class Message>
void round_trip(std::string_view text) {
  Message first;
  sluice::config::Marks marks;
  const auto status = sluice::config::load_yaml(text, "fuzz", first, &marks);
  if (!status) {
    SLUICE_ASSERT(!status.error().message.empty());
    return;
  }
  Message second;
  const std::string shown = sluice::config::redacted_yaml(first);
  if (shown.empty() || shown.find("(redacted)") != std::string::npos) return;
  const auto again = sluice::config::load_yaml(shown, "shown", second, nullptr);
  SLUICE_ASSERT(again.ok());
  SLUICE_ASSERT(google::protobuf::util::MessageDifferencer::Equals(first, second));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  round_trip<sluice::config::v1::Proxy>(text);
  round_trip<sluice::config::v1::Events>(text);
  round_trip<google::protobuf::UninterpretedOption>(text);
  return 0;
}
