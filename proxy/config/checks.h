#pragma once
// What the configurations of all programs have in common when their meaning is checked.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "proxy/base/ip.h"
#include "proxy/config/problems.h"
#include "sluice/config/v1/proxy.pb.h"

namespace sluice::config {

bool is_loopback(const base::IpAddress& address);

// The machine's host name, or "sluice" when it has none that can stand in events.
std::string host_name();

// Checks values of one file and notes what is wrong at the field's place. Borrows marks and problems; lives for one
// load.
class Checks {
 public:
  // Relative file names start at the folder of `file`.
  Checks(const std::string& file, const Marks& marks, Problems& problems);

  void problem(const std::string& path, std::string_view sentence) {
    problems_.add(marks_.nearest(path), path, sentence);
  }
  bool stands(const std::string& path) const { return marks_.contains(path); }

  // Letters, digits, `.`, `-`, `_`.
  void name(const std::string& path, const std::string& text);
  std::optional<base::IpAddress> ip(const std::string& path, const std::string& text);
  std::optional<base::Cidr> cidr(const std::string& path, const std::string& text);

  enum class Port : uint8_t { kAnyFree, kGiven };
  std::optional<base::Endpoint> endpoint(const std::string& path, const std::string& text, Port port);

  struct Range {
    uint64_t otherwise;  // when the field does not stand in the file
    uint64_t min;
    uint64_t max;
  };
  uint64_t number(const std::string& path, uint64_t value, Range range);
  uint32_t number32(const std::string& path, uint32_t value, Range range) {
    return static_cast<uint32_t>(number(path, value, range));
  }

  // `text` must be one of `words`; "" becomes the first.
  std::string word(const std::string& path, const std::string& text, const std::vector<std::string>& words);

  // Absolute form of a file name.
  std::string absolute(const std::string& text) const;
  // Absolute form of a file that must be there and readable.
  std::string readable_file(const std::string& path, const std::string& text);
  // Absolute form of what must be there.
  std::string file_or_folder(const std::string& path, const std::string& text);
  // Absolute form of a folder that may be there.
  std::string folder(const std::string& path, const std::string& text);

  // All files given and readable; they become absolute.
  void tls(const std::string& path, v1::Tls& tls);
  void device_tls(const std::string& path, v1::DeviceTls& tls);
  // Absolute form of a unix socket's name, which must fit into an address.
  std::string socket(const std::string& path, const std::string& text);
  // The address and, unless it is loopback, the presence of `tls`. `owner` is "events" or "ingest".
  void address_with_tls(const std::string& owner, const std::string& address, bool has_tls, Port port);

  // Sections that several programs have, under their usual names.
  void event_store(v1::EventStore& events);
  // The first of `when_full_words` is the default.
  void spool(v1::Spool& spool, uint64_t bytes_default, const std::vector<std::string>& when_full_words);
  void timeouts(v1::Timeouts& timeouts);
  void log(v1::Log& log);
  // Host names and the addresses that stand for them.
  void resolve(const std::string& owner, const google::protobuf::Map<std::string, std::string>& entries);

 private:
  std::string directory_;
  const Marks& marks_;
  Problems& problems_;
};

}  // namespace sluice::config
