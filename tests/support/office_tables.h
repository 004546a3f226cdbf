#pragma once
// Who works at the offices of tests/support/office.h, and with what.
#include <array>
#include <cstdint>
#include <vector>

namespace sluice::support {

inline constexpr const char* windows = "Windows 11 23H2";
inline constexpr const char* mac = "macOS 15.1";
inline constexpr const char* linux_os = "Ubuntu 24.04";

struct Person {
  const char* user;
  const char* unit;
  const char* os;
  const char* browser;
};

struct City {
  const char* name;
  const char* pop;
  const char* country;
  int64_t utc_offset_hours;
  const char* network;
  std::vector<Person> people;
};

// What is decided about an application's flows.
enum class Treatment { kAllow, kPinned, kDoNotDecrypt, kDomain, kLearned, kPrivate, kAlert, kBlock, kUnreachable };

struct App {
  const char* name;
  const char* app_category;
  const char* category;
  const char* domain;
  const char* hosts;    // separated by spaces
  const char* process;  // nullptr: the person's browser
  Treatment treatment;
  const char* rule;
  int weight;
  double kilobytes;  // down, the middle of many
  const char* country;
};

const std::array<City, 3>& cities();
const std::vector<App>& apps();

}  // namespace sluice::support
