#pragma once
// NameBook: which name this machine's programs looked up before they connected to an address. The last answer counts.
#include <map>
#include <string>

#include "proxy/base/ip.h"
#include "proxy/base/time.h"
#include "proxy/wire/dns_answer.h"

namespace sluice::client {

// One thread.
class NameBook {
 public:
  void learn(const wire::DnsAnswer& answer, base::Time now);
  // "" = nobody asked for it lately.
  std::string name_of(const base::IpAddress& address, base::Time now) const;
  size_t size() const { return names_.size(); }

 private:
  struct Entry {
    std::string name;
    base::Time expires{};
  };
  void make_room(base::Time now);

  std::map<base::IpAddress, Entry> names_;
};

}  // namespace sluice::client
