#pragma once
// What the scripts of relayed requests share.
#include <string>

#include "tests/scenario/flow_scripts.h"

namespace sluice::flow::test {

inline DialDone connected_at(const char* address) {
  return {.failure = CloseReason::kUnspecified, .address = *base::Endpoint::parse(address), .detail = {}};
}

inline std::string get_request(const std::string& host, const std::string& fields = "", const std::string& path = "/") {
  return "GET http://" + host + path + " HTTP/1.1\r\nHost: " + host + "\r\n" + fields + "\r\n";
}

// The same request as its origin sees it.
inline std::string relayed(const std::string& host, const std::string& fields = "", const std::string& path = "/") {
  return "GET " + path + " HTTP/1.1\r\nHost: " + host + "\r\n" + fields + "\r\n";
}

inline std::string ok_response(const std::string& body, const std::string& fields = "") {
  return "HTTP/1.1 200 OK\r\n" + fields + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

// The first request of a plain proxy connection, up to where it has left for its origin.
inline void to_sent(Playbook& play, const std::string& host = "a.example") {
  play.merge_sends();
  play.received(Side::kClient, get_request(host));
  play.expect({"release client", "dial " + host + ":80"});
  play.in(connected_at("203.0.113.7:80")).expect({"record open", "send origin " + relayed(host)});
}

}  // namespace sluice::flow::test
