// What a stranger may write into a request of the HTTP interface: parameters, a JSON body, tokens. Whatever comes is
// read into a message or refused with a sentence, and what was read can be written again.
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "events/api/access.h"
#include "events/api/json.h"
#include "proxy/base/assert.h"
#include "sluice/events/v1/query.pb.h"

namespace {

using namespace sluice;
namespace v1 = events::v1;

// "name=value" lines become parameters; behind an empty line stands the body.
api::HttpRequest request_of(std::string_view input) {
  api::HttpRequest request;
  request.method = "GET";
  while (!input.empty()) {
    const size_t end = std::min(input.find('\n'), input.size());
    const std::string_view line = input.substr(0, end);
    input.remove_prefix(std::min(end + 1, input.size()));
    if (line.empty()) {
      request.method = "POST";
      request.headers["content-type"] = "application/json";
      request.body = input;
      break;
    }
    const size_t equals = std::min(line.find('='), line.size());
    const std::string name(line.substr(0, equals));
    const std::string value(line.substr(std::min(equals + 1, line.size())));
    request.params.emplace(name, value);
    request.headers.emplace(name, value);
  }
  return request;
}

template <class Message>
void read(const api::HttpRequest& request) {
  Message message;
  constexpr int64_t now_ms = 1'767'268'800'000;
  const auto done = api::read_message(request, now_ms, message);
  if (!done.ok()) {
    const api::HttpResponse refused = api::error(done.error());
    SLUICE_ASSERT(refused.status == 400 && !done.error().message.empty());
    return;
  }
  const std::string json = api::to_json(message);
  SLUICE_ASSERT(json.front() == '{' && json.back() == '}');
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const api::HttpRequest request = request_of({reinterpret_cast<const char*>(data), size});
  read<v1::SearchRequest>(request);
  read<v1::AggregateRequest>(request);
  read<v1::HistogramRequest>(request);
  read<v1::FieldValuesRequest>(request);
  read<v1::TailRequest>(request);
  read<v1::ExportRequest>(request);
  read<v1::SavedQuery>(request);
  static_cast<void>(api::secret_of(request));
  return 0;
}
