#pragma once
// JsonWriter: builds one JSON object from left to right. Empty text and empty objects leave no trace, because a record
// has many fields and most are empty.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::query {

// Bytes that are no UTF-8 become U+FFFD: every consumer of JSON refuses them.
std::string valid_utf8(std::string_view text);
// With quotes.
void append_json_text(std::string& out, std::string_view text);

// A value; used by one thread. Keys are our own and need no escaping.
class JsonWriter {
 public:
  void text(std::string_view key, std::string_view value);  // nothing if empty
  void number(std::string_view key, int64_t value);
  void positive(std::string_view key, int64_t value);  // nothing if zero
  void boolean(std::string_view key, bool value);
  void texts(std::string_view key, const std::vector<std::string>& values);  // nothing if empty

  void open(std::string_view key);
  void close();
  // One element of an array of objects: [{key: value}, ...]; nothing if empty.
  void objects(std::string_view key, std::string_view member, const std::vector<std::string>& values);

  // Closes the outermost object; the writer is used up.
  std::string take();

 private:
  void begin(std::string_view key);

  std::string out_{'{'};
  std::vector<size_t> opened_;  // where each open object's member begins
};

}  // namespace sluice::query
