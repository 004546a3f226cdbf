#pragma once
// Status codes that decide how a message is read and passed on. RFC 9110 section 15.
namespace sluice::http {

constexpr int continue_status = 100;
constexpr int switching_protocols = 101;
constexpr int first_final_status = 200;

}  // namespace sluice::http
