#pragma once
// Field lines and characters of HTTP/1 messages (RFC 9110 section 5, RFC 9112 section 5): shared by request heads,
// response heads and trailers.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/result.h"
#include "proxy/base/text.h"

namespace sluice::wire {

struct Field {
  std::string name;   // as sent; compare with find_field
  std::string value;  // without surrounding blanks
  bool operator==(const Field&) const = default;
};
using Fields = std::vector<Field>;

enum class Http1Error : uint8_t {
  kTooLarge,        // over head_bytes_max, or over head_fields_max fields
  kBareLineFeed,    // a line that does not end in CR LF
  kBadRequestLine,  // not method, one space, target, one space, version
  kBadStatusLine,   // not version, one space, three digits, a reason
  kBadMethod,       // not a token
  kBadTarget,       // empty, not printable ASCII, or with a fragment
  kBadVersion,      // not HTTP/1.0 or HTTP/1.1
  kFolded,          // a field line that begins with a blank
  kBadFieldName,    // not a token directly followed by a colon
  kBadFieldValue,   // a control character
};
const char* describe(Http1Error error);

bool is_token_character(char c);
bool is_token(std::string_view text);  // false if empty
// No control character but the tab; bytes from 0x80 on are allowed (obs-text).
bool is_field_value(std::string_view text);

// One line without its CR LF.
base::Result<Field, Http1Error> parse_field_line(std::string_view line);

// The first field of that name, nullptr if there is none. Names compare without case.
const std::string* find_field(const Fields& fields, std::string_view name);
size_t count_fields(const Fields& fields, std::string_view name);

// Appends text with its control characters as spaces, so that no text can begin a line.
void append_field_text(std::string& out, std::string_view text);
// Appends one line per field. Names must be tokens.
void append_fields(std::string& out, const Fields& fields);

// Calls visit(item) for each item of the comma-separated lists in all fields of that name; blanks around items and
// empty items are left out. For lists of tokens only: quoted strings are not understood.
template <class Visit>
void each_list_item(const Fields& fields, std::string_view name, Visit visit);
// True when a list of that name has the token, compared without case.
bool has_list_item(const Fields& fields, std::string_view name, std::string_view token);

// Splits growing bytes into lines that end in CR LF and stops at the byte limit of the head. Remembers how far it
// looked, so bytes arriving one at a time are each looked at once.
class HeadLines {
 public:
  enum class State : uint8_t { kLine, kNeedMore, kBareLineFeed, kTooLarge };
  struct Next {
    State state;
    std::string_view line;  // without CR LF, a view into the bytes given
  };
  // `held`: everything received so far, from the first byte of the head.
  Next next(std::string_view held);
  size_t position() const { return line_at_; }  // bytes of the lines handed out

 private:
  size_t line_at_ = 0;
  size_t scanned_ = 0;
};

std::string_view without_blanks(std::string_view text);  // at both ends

template <class Visit>
void each_list_item(const Fields& fields, std::string_view name, Visit visit) {
  for (const Field& field : fields) {
    if (!base::equal_ignore_case(field.name, name)) continue;
    std::string_view rest = field.value;
    while (!rest.empty()) {
      const size_t comma = rest.find(',');
      const std::string_view item = without_blanks(rest.substr(0, comma));
      if (!item.empty()) visit(item);
      rest = comma == std::string_view::npos ? std::string_view{} : rest.substr(comma + 1);
    }
  }
}

}  // namespace sluice::wire
