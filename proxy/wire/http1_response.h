#pragma once
// HTTP/1.x response heads as a proxy receives them from origins: as strict as request heads (http1.h).
#include <optional>
#include <string>
#include <string_view>

#include "proxy/base/chunk.h"
#include "proxy/wire/http1_fields.h"
#include "proxy/wire/parse.h"

namespace sluice::wire {

struct ResponseHead {
  int status = 0;      // 100 to 999
  std::string reason;  // may be empty
  int minor_version = 1;
  Fields fields;
  bool operator==(const ResponseHead&) const = default;
};

// Reads one response head from the start of a growing buffer. One parser per head; spent after complete or invalid.
class ResponseHeadParser {
 public:
  // `held`: everything received so far, from the first byte of the head. length() ends behind the empty line.
  Parse<ResponseHead, Http1Error> feed(base::ByteView held);

 private:
  std::optional<Http1Error> take_line(std::string_view line);

  HeadLines lines_;
  ResponseHead head_;
};

}  // namespace sluice::wire
