#pragma once
// All URL lists of a policy: which lists does a URL stand in?
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/ip.h"
#include "proxy/base/result.h"
#include "proxy/policy/address_matcher.h"
#include "proxy/policy/bits.h"
#include "proxy/policy/facts.h"
#include "proxy/policy/host_matcher.h"
#include "proxy/policy/limits.h"
#include "proxy/policy/request_path.h"
#include "proxy/policy/url_entry.h"

namespace sluice::policy {

using ListBits = Bits<url_lists_max>;

// A URL, or as much of it as is known. Borrowed.
struct UrlView {
  const HostKey& host;
  const base::IpAddress* address;  // when the host is one
  uint16_t port;
  Fact<std::string_view> path;  // normalised
};

// Lists of exact entries: the longest entry that matches wins, counted as name and path together (then the longer name,
// then `=` or `*.` before plain, then with port before without), and only lists that hold exactly this entry match.
// Lists of regular expressions match besides, each for itself, on the host and on host and path together.
// Filled by add...(), then finish()ed once, then only read, by any number of threads.
class UrlIndex {
 public:
  UrlIndex();
  ~UrlIndex();

  void add(const UrlEntry& entry, uint32_t list);
  // The whole list as one set. On error the number of the bad expression and why.
  struct BadRegex {
    size_t entry;  // SIZE_MAX: the list as a whole
    std::string why;
  };
  base::Result<base::Unit, BadRegex> add_regexes(std::span<const std::string> expressions, uint32_t list);
  void finish();

  // Sets the lists that match, and in `maybe` those that may match or cease to when the path is known.
  void match(const UrlView& url, ListBits& sure, ListBits& maybe) const;

 private:
  struct PortLists {
    uint16_t port;
    std::vector<uint32_t> lists;
  };
  // All entries of one host pattern.
  struct Group {
    uint32_t name_size = 0;
    uint8_t rank = 0;  // `=` and `*.` before plain
    bool has_paths = false;
    PathIndex paths;                              // values: places in entries
    std::vector<std::vector<PortLists>> entries;  // of one path each; those with a port first
    std::map<std::string, uint32_t> entry_by_path;
    std::vector<uint32_t> lists_with_path;
  };
  struct Best;
  struct RegexList;

  uint32_t group_of(const HostPattern& host);
  void consider(const Group& group, const UrlView& url, Best& best) const;

  std::map<std::string, uint32_t> group_by_pattern_;
  std::vector<Group> groups_;
  HostMatcher hosts_;
  AddressMatcher addresses_;
  std::vector<RegexList> regexes_;
};

}  // namespace sluice::policy
