// The one rule by which every list matches hosts.
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "proxy/policy/address_matcher.h"
#include "proxy/policy/host_matcher.h"
#include "proxy/policy/host_pattern.h"
#include "proxy/policy/url_index.h"
#include "tests/unit/policy/policy_fixture.h"

using namespace sluice::policy;
using sluice::policy::test::flow_to;
using sluice::policy::test::policy_of;

namespace {

struct Row {
  const char* pattern;
  const char* host;
  bool matches;
};

// The test table of the product: everything that matches hosts is held against it.
const std::vector<Row> table{
    {"example.com", "example.com", true},
    {"example.com", "www.example.com", true},
    {"example.com", "a.b.c.example.com", true},
    {"example.com", "notexample.com", false},
    {"example.com", "example.com.evil.test", false},
    {"example.com", "com", false},
    {"example.com", "example.org", false},
    {"EXAMPLE.Com.", "www.example.com", true},
    {"=example.com", "example.com", true},
    {"=example.com", "www.example.com", false},
    {"*.example.com", "example.com", false},
    {"*.example.com", "www.example.com", true},
    {"*.example.com", "a.b.example.com", true},
    {"*.example.com", "notexample.com", false},
    {"gov", "agency.gov", true},
    {"*.gov", "gov", false},
    {"*.gov", "agency.gov", true},
    {"xn--bcher-kva.example", "www.xn--bcher-kva.example", true},
    {"_dmarc.example.com", "_dmarc.example.com", true},
    {"192.0.2.1", "192.0.2.1", true},
    {"192.0.2.1", "192.0.2.10", false},
    {"192.0.2.0/24", "192.0.2.200", true},
    {"192.0.2.0/24", "192.0.3.1", false},
    {"192.0.2.0/24", "www.example.com", false},
    {"192.0.2.0/24", "::ffff:192.0.2.1", true},
    {"2001:db8::/32", "2001:db8::1", true},
    {"2001:db8::/32", "2001:db9::1", false},
    {"2001:db8::1", "2001:db8:0:0:0:0:0:1", true},
    {"example.com", "192.0.2.1", false},
    {"0.0.0.0/0", "192.0.2.1", true},
    {"0.0.0.0/0", "2001:db8::1", false},
    {"::/0", "192.0.2.1", false},
};

bool in_list(const UrlIndex& index, std::string_view host) {
  const auto address = sluice::base::IpAddress::parse(host);
  const HostKey key(host, address.has_value());
  ListBits sure(1);
  ListBits maybe(1);
  index.match({key, address ? &*address : nullptr, 443, Fact<std::string_view>::never()}, sure, maybe);
  return sure.test(0);
}

}  // namespace

TEST_CASE("names: patterns, index, lists, exceptions and categories agree with the table") {
  for (const Row& row : table) {
    INFO(row.pattern << " against " << row.host);
    const auto pattern = parse_host_pattern(row.pattern);
    REQUIRE(pattern.ok());
    CHECK(matches(*pattern, row.host) == row.matches);
    const auto address = sluice::base::IpAddress::parse(row.host);
    bool indexed = false;
    if (pattern->network) {
      AddressMatcher addresses;
      addresses.add(*pattern->network, 7);
      if (address) addresses.match(*address, [&](uint32_t value) { indexed = value == 7; });
    } else {
      HostMatcher hosts;
      hosts.add(*pattern, 7);
      hosts.finish();
      hosts.match(HostKey(row.host, address.has_value()), [&](uint32_t value, size_t) { indexed = value == 7; });
    }
    CHECK(indexed == row.matches);
    UrlIndex urls;
    urls.add(*parse_url_entry(row.pattern), 0);
    urls.finish();
    CHECK(in_list(urls, row.host) == row.matches);
    const std::string quoted = "'" + std::string(row.pattern) + "'";
    const auto policy = policy_of("steering_configurations: [{name: d, exceptions: [{name: e, domains: [" + quoted +
                                  "]}]}]\nurl_lists: [{name: l, urls: [" + quoted +
                                  "]}]\ncustom_categories: [{name: c, include_url_lists: [l]}]\n");
    CHECK((policy->decide(flow_to(row.host)).by.rule == "e") == row.matches);
    CHECK((policy->labels(flow_to(row.host)).category == "c") == row.matches);
  }
}

TEST_CASE("names: what is no pattern") {
  const std::vector<std::string> bad{"",
                                     ".",
                                     ".example.com",
                                     "a..b",
                                     "*",
                                     "*example.com",
                                     "www.*.com",
                                     "example.com:443",
                                     "http://example.com",
                                     "example.com/path",
                                     "10.0.0.1/8",
                                     "1.2.3",
                                     "0x7f000001",
                                     "b\xc3\xbc"
                                     "cher.example",
                                     "a b",
                                     std::string(64, 'a') + ".example",
                                     std::string(300, 'a'),
                                     "user@example.com",
                                     "==example.com",
                                     "=*.example.com"};
  for (const std::string& text : bad) {
    INFO(text);
    CHECK_FALSE(parse_host_pattern(text).ok());
  }
}

TEST_CASE("names: coverage of one pattern by another") {
  const auto covered = [](const char* broad, const char* narrow) {
    return covers(*parse_host_pattern(broad), *parse_host_pattern(narrow));
  };
  CHECK(covered("example.com", "example.com"));
  CHECK(covered("example.com", "=example.com"));
  CHECK(covered("example.com", "*.example.com"));
  CHECK(covered("example.com", "www.example.com"));
  CHECK(covered("*.example.com", "=www.example.com"));
  CHECK_FALSE(covered("*.example.com", "example.com"));
  CHECK_FALSE(covered("=example.com", "example.com"));
  CHECK_FALSE(covered("www.example.com", "example.com"));
}
