// decide() and steer() allocate nothing: every operator new of this program is counted.
#include <atomic>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <new>
#include <string>

#include "tests/unit/policy/policy_fixture.h"

namespace {
std::atomic<size_t> allocations{0};
}

// Our operator delete also frees what the sanitizer's own operator new handed out before main.
extern "C" const char* __asan_default_options();
extern "C" const char* __asan_default_options() {
  return "alloc_dealloc_mismatch=0";
}

void* operator new(size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, size_t) noexcept {
  std::free(memory);
}

using namespace sluice::policy;
using namespace sluice::policy::test;

TEST_CASE("decisions allocate nothing") {
  const auto policy = policy_of(
      "steering_configurations:\n- name: d\n  exceptions:\n"
      "  - {name: app, certificate_pinned_app: {app: Dropbox}}\n"
      "  - {name: net, destinations: {cidrs: [203.0.113.0/24]}, categories: [Health]}\n"
      "url_lists:\n- {name: l, urls: [example.com, www.example.com/path]}\n"
      "- {name: r, type: regex, urls: ['^ads?[0-9]*\\.']}\n"
      "custom_categories: [{name: c, include_url_lists: [l, r]}]\n"
      "ssl_decryption_policies: [{name: s, match: {domains: [bank.example]}, action: do_not_decrypt}]\n"
      "realtime_policies:\n"
      "- {name: p, match: {methods: [POST], paths: [/up], content_types: [image/*], categories: [c]}, action: block}\n"
      "- {name: g, match: {groups: [lab], organization_units: [x], users: [ann]}, action: block}\n"
      "- {name: n, match: {source_cidrs: [10.0.0.0/8], not_processes: [curl], destination_ports: [8443]}, action: "
      "block}\n"
      "directory: {users: [{name: somebody.with.a.long.name@acme.test, groups: [a-group-with-a-long-name]}]}\n");
  Facts facts = from_process(flow_to("a.very.long.host.name.below.www.example.com"), "a-program-with-a-long-name");
  facts.user = Fact<std::string_view>::of("somebody.with.a.long.name@acme.test");
  facts.address = Fact<sluice::base::IpAddress>::of(ip("203.0.113.7"));
  Facts request = facts;
  request.request = Fact<Request>::of({"POST", "/upload/a/long/path?and=a&long=query", "image/png; charset=x"});
  Facts literal = flow_to("2001:db8:1111:2222:3333:4444:5555:6666");
  // The first decisions build the states of the regular expressions.
  for (const Facts* each : {&facts, &request, &literal}) {
    policy->decide(*each);
    policy->steer(*each);
  }
  const size_t before = allocations;
  for (int i = 0; i < 100; ++i) {
    for (const Facts* each : {&facts, &request, &literal}) {
      policy->decide(*each);
      policy->steer(*each);
    }
  }
  const size_t after = allocations;
  CHECK(after == before);
}
