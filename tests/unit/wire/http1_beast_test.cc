// Our reading of HTTP/1 messages against someone else's (Boost.Beast): whatever we accept, it accepts too and takes
// for the same message. The reverse need not hold: we are stricter. (Two leniencies are ours alone and stay out of the
// texts: a status line without a blank before its empty reason, and blanks behind a chunk size.)
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <random>

#include "proxy/wire/http1_rules.h"
#include "tests/unit/wire/body_summary.h"

namespace sluice::wire {

namespace {

namespace beast = boost::beast::http;

// A message as text: what it begins with, its content, and where it ends.
std::string message(const std::string& start, const std::string& body, size_t length) {
  return start + " | " + body + " | " + std::to_string(length);
}

// The content of a body that stands whole at the end of `text`.
std::optional<std::string> read_body(BodyFraming framing, std::string_view text, size_t& length) {
  BodyReader reader(framing);
  std::string content;
  for (base::ByteView rest = base::as_bytes(text);;) {
    const BodyReader::Step step = reader.read(rest);
    content += base::as_text(step.content);
    length += step.taken;
    rest = rest.subspan(step.taken);
    if (step.state == BodyReader::Step::State::kEnd) return content;
    if (step.state == BodyReader::Step::State::kContent) continue;
    if (step.state == BodyReader::Step::State::kInvalid) return std::nullopt;
    if (reader.ended().state != BodyReader::Step::State::kEnd) return std::nullopt;
    return content;
  }
}

std::optional<std::string> ours_request(const std::string& text) {
  RequestHeadParser parser;
  const auto head = parser.feed(base::as_bytes(text));
  if (!head.is_complete()) return std::nullopt;
  const auto target = classify_target(head.value());
  if (!target) return std::nullopt;
  const auto rules = check_request(head.value(), *target, 80);
  if (!rules) return std::nullopt;
  size_t length = head.length();
  const auto body = read_body(rules->body, std::string_view(text).substr(length), length);
  if (!body) return std::nullopt;
  return message(head.value().method + " " + head.value().target, *body, length);
}

std::optional<std::string> ours_response(const std::string& text) {
  ResponseHeadParser parser;
  const auto head = parser.feed(base::as_bytes(text));
  if (!head.is_complete()) return std::nullopt;
  const auto rules = check_response(head.value(), "GET");
  if (!rules) return std::nullopt;
  size_t length = head.length();
  const auto body = read_body(rules->body, std::string_view(text).substr(length), length);
  if (!body) return std::nullopt;
  return message(std::to_string(head.value().status), *body, length);
}

template <bool is_request, class Start>
std::optional<std::string> theirs(const std::string& text, Start start) {
  beast::parser<is_request, beast::string_body> parser;
  parser.eager(true);
  boost::system::error_code error;
  size_t length = 0;
  while (!parser.is_done() && !error && length < text.size()) {
    const size_t taken = parser.put(boost::asio::buffer(text.data() + length, text.size() - length), error);
    length += taken;
    if (taken == 0) break;
  }
  if (!parser.is_done() && (!error || error == beast::error::need_more)) {
    error = {};
    parser.put_eof(error);
  }
  if (error || !parser.is_done()) return std::nullopt;
  return message(start(parser.get()), parser.get().body(), length);
}

std::optional<std::string> theirs_request(const std::string& text) {
  return theirs<true>(
      text, [](const auto& read) { return std::string(read.method_string()) + " " + std::string(read.target()); });
}
std::optional<std::string> theirs_response(const std::string& text) {
  return theirs<false>(text, [](const auto& read) { return std::to_string(read.result_int()); });
}

class Generator {
 public:
  explicit Generator(uint32_t seed) : random_(seed) {}

  std::string request() {
    return pick({"GET", "POST", "PUT", "X-1", "G(T"}) + pick({" ", " ", " ", "  "}) +
           pick({"/", "/a?b", "http://a/b", "*", "/\x80"}) + " HTTP/1." + pick({"1", "1", "1", "0", "2"}) + end() +
           "Host: a" + end() + fields() + end() + body();
  }
  std::string response() {
    return "HTTP/1." + pick({"1", "1", "1", "0"}) + pick({" 200 OK", " 404 No", " 204 N", " 304 ", " 2000 x", " 20"}) +
           end() + fields() + end() + body();
  }

 private:
  std::string pick(std::initializer_list<std::string> texts) { return texts.begin()[random_() % texts.size()]; }
  std::string end() { return random_() % 40 == 0 ? pick({"\n", "\r", "\r\r\n"}) : "\r\n"; }
  std::string fields() {
    std::string out;
    for (size_t i = random_() % 3; i > 0; --i) {
      out += pick({"Content-Length", "Content-Length", "Transfer-Encoding", "Transfer-Encoding", "A", "Connection"});
      out += pick({": ", ": ", ": ", ":", " : ", ":\t"});
      out += pick({"5", "5", "chunked", "chunked", "0", "05", "+5", "5, 5", "close", "x", "chunked, chunked", "",
                   "\xe4", "a\rb"});
      out += end() + (random_() % 30 == 0 ? " folded\r\n" : "");
    }
    return out;
  }
  std::string body() {
    std::string out;
    for (size_t i = random_() % 4; i > 0; --i) {
      out += pick({"5\r\nhello\r\n", "hello", "0\r\n\r\n", "0\r\nA: b\r\n\r\n", "5;x=y\r\nhello\r\n", "5\nhello\r\n",
                   "5\r\nhello", "05\r\nhello\r\n", "GET / HTTP/1.1\r\n\r\n"});
    }
    return out;
  }

  std::mt19937 random_;
};

}  // namespace

TEST_CASE("http1: what we accept, Boost.Beast accepts as the same message") {
  const char* given = std::getenv("SLUICE_SEED");
  const uint32_t seed =
      given != nullptr ? static_cast<uint32_t>(std::strtoul(given, nullptr, 10)) : std::random_device{}();
  INFO("SLUICE_SEED=" << seed);
  Generator generator(seed);
  size_t accepted = 0;
  for (int i = 0; i < 30'000; ++i) {
    const std::string request = generator.request();
    if (const auto ours = ours_request(request)) {
      ++accepted;
      INFO(request);
      REQUIRE(theirs_request(request).value_or("refused") == *ours);
    }
    const std::string response = generator.response();
    if (const auto ours = ours_response(response)) {
      ++accepted;
      INFO(response);
      REQUIRE(theirs_response(response).value_or("refused") == *ours);
    }
  }
  CHECK(accepted > 1'000);
}

}  // namespace sluice::wire
