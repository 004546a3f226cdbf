// Cost of a decision at the scale that the product promises: 1,000 rules, 100,000 URL-list entries and millions of
// categorised domains. Prints nanoseconds per decision and memory.
#include <malloc.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "proxy/policy/category_database.h"
#include "proxy/policy/compile.h"

namespace {

using namespace sluice;
namespace v1 = config::v1;

constexpr int rules = 1000;
constexpr int url_entries = 100'000;

std::string domain(uint64_t number) {
  return "host" + std::to_string(number * 7919 % 100'000'007) + ".example" + std::to_string(number % 97) + ".com";
}

std::string write_categories(size_t domains) {
  std::string file = "/tmp/policy_bench_XXXXXX";
  const int fd = mkstemp(file.data());
  if (fd < 0) std::exit(1);
  FILE* out = fdopen(fd, "w");
  for (size_t i = 0; i < domains; ++i) std::fprintf(out, "%s,category%zu\n", domain(i).c_str(), i % 70);
  std::fclose(out);
  return file;
}

v1::TenantPolicy large_policy() {
  v1::TenantPolicy policy;
  policy.set_tenant("bench");
  for (int list = 0; list < 100; ++list) {
    auto& urls = *policy.add_url_lists();
    urls.set_name("list" + std::to_string(list));
    for (int i = 0; i < url_entries / 100; ++i) {
      const auto number = static_cast<uint64_t>(list * 1000 + i);
      urls.add_urls(domain(number + 50'000'000) + (i % 3 == 0 ? "/path/" + std::to_string(i) : ""));
    }
    auto& category = *policy.add_custom_categories();
    category.set_name("custom" + std::to_string(list));
    category.add_include_url_lists(urls.name());
  }
  for (int i = 0; i < rules; ++i) {
    auto& rule = *policy.add_realtime_policies();
    rule.set_name("rule" + std::to_string(i));
    rule.set_action(v1::REALTIME_ACTION_BLOCK);
    auto& match = *rule.mutable_match();
    switch (i % 5) {
      case 0:
        match.add_categories("custom" + std::to_string(i / 5 % 100));
        match.add_users("u" + std::to_string(i));
        break;
      case 1: match.add_domains("blocked" + std::to_string(i) + ".example"); break;
      case 2:
        match.add_source_cidrs("10." + std::to_string(i % 256) + "." + std::to_string(i / 256) + ".0/24");
        match.add_methods("POST");
        break;
      case 3:
        match.add_groups("group" + std::to_string(i));
        match.add_not_domains("ok" + std::to_string(i) + ".example");
        break;
      default: match.add_processes("program" + std::to_string(i)); break;
    }
  }
  auto& steering = *policy.add_steering_configurations();
  steering.set_name("default");
  for (int i = 0; i < 200; ++i) {
    auto& exception = *steering.add_exceptions();
    exception.set_name("exception" + std::to_string(i));
    exception.add_domains("bypass" + std::to_string(i) + ".example");
  }
  return policy;
}

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

template <class Ask>
void measure(const char* what, const std::vector<std::string>& hosts, Ask ask) {
  constexpr int rounds = 200'000;
  double best = 1e9;
  size_t sum = 0;
  for (int repeat = 0; repeat < 5; ++repeat) {
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < rounds; ++i) sum += ask(hosts[static_cast<size_t>(i) % hosts.size()]);
    best = std::min(best, seconds_since(start));
  }
  std::printf("%-34s %7.0f ns (%zu)\n", what, best / rounds * 1e9, sum);
}

policy::Facts facts_for(std::string_view host) {
  policy::Facts facts;
  facts.source = base::IpAddress::v4(0xc0000207);
  facts.host = policy::Fact<std::string_view>::of(host);
  facts.port = 443;
  facts.protocol = policy::Protocol::kTls;
  facts.has_client = true;
  facts.process = policy::Fact<policy::Process>::of({"firefox", "", "", policy::Platform::kLinux});
  facts.user = policy::Fact<std::string_view>::of("ann@acme.example");
  return facts;
}

}  // namespace

int main(int argc, char** argv) {
  const size_t domains = argc > 1 ? static_cast<size_t>(std::atoll(argv[1])) : 5'000'000;
  const std::string file = write_categories(domains);
  auto start = std::chrono::steady_clock::now();
  const size_t heap_before = mallinfo2().uordblks + mallinfo2().hblkhd;
  auto categories = policy::CategoryDatabase::load(file);
  std::remove(file.c_str());
  if (!categories) {
    std::fprintf(stderr, "%s\n", categories.error().message.c_str());
    return 1;
  }
  const size_t heap_after = mallinfo2().uordblks + mallinfo2().hblkhd;
  std::printf("%zu categorised domains loaded in %.1f s, %.0f MiB\n", (*categories)->domains(), seconds_since(start),
              static_cast<double>(heap_after - heap_before) / (1 << 20));
  start = std::chrono::steady_clock::now();
  const auto compilation = policy::compile(large_policy(), {*categories, nullptr, {}},
                                           {1, [](std::string_view) { return std::string(64, '0'); }});
  if (!compilation) {
    for (const auto& finding : compilation.error())
      std::fprintf(stderr, "%s: %s\n", finding.path.c_str(), finding.sentence.c_str());
    return 1;
  }
  std::printf("%d rules, %d URL entries compiled in %.2f s\n", rules, url_entries, seconds_since(start));
  const policy::Policy& policy = *compilation->policy;
  std::vector<std::string> hosts;
  std::mt19937_64 random(42);
  for (int i = 0; i < 4096; ++i) hosts.push_back("www." + domain(random() % (domains * 2)));
  measure("decide, names of a flow", hosts,
          [&](const std::string& host) { return static_cast<size_t>(policy.decide(facts_for(host)).decision); });
  measure("decide, a request", hosts, [&](const std::string& host) {
    policy::Facts facts = facts_for(host);
    facts.request = policy::Fact<policy::Request>::of({"GET", "/path/12/index.html?q=1", ""});
    return static_cast<size_t>(policy.decide(facts).decision);
  });
  measure("steer", hosts,
          [&](const std::string& host) { return static_cast<size_t>(policy.steer(facts_for(host)).path); });
  const std::vector<std::string> one{"www.example.org"};
  measure("decide, one name in cache", one,
          [&](const std::string& host) { return static_cast<size_t>(policy.decide(facts_for(host)).decision); });
  return 0;
}
