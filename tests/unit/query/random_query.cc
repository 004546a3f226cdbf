#include "tests/unit/query/random_query.h"

#include <google/protobuf/descriptor.h>

#include <cstdlib>
#include <iterator>

#include "proxy/base/assert.h"
#include "proxy/base/text.h"

namespace sluice::test {

using events::v1::Record;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using store::AddressRange;
using store::Field;
using store::FieldType;
using store::Filter;
using store::Operator;
using store::Value;

namespace {

const std::string texts[] = {"",     "Dropbox", "dropbox",  "DROPBOX.com", "a%b",    "a_b",         "axb",
                             "a\\b", "quo\"te", "it's",     "Grüße",       "GRÜSSE", "日本",        "a b",
                             "or",   "now-1h",  "(x)",      "a,b",         "=1+1",   "line\nbreak", "tab\tx",
                             "z",    "Z",       "\x01\x7f", "\\",          "%",      "10.0.0.1",    "yes"};
const std::string addresses[] = {"",    "10.0.0.1",    "10.0.0.255",      "10.1.2.3",        "192.168.1.1",
                                 "::1", "2001:db8::1", "::ffff:10.0.0.1", "255.255.255.255", "no address"};
const std::string networks[] = {"10.0.0.0/8",    "10.0.0.1",       "0.0.0.0/0",           "::/0",
                                "2001:db8::/32", "192.168.1.0/24", "::ffff:10.0.0.0/104", "10.0.0.1/32"};
const std::string patterns[] = {"^drop", "(?i)DROP", "a.b", "\\.com$", "", "[0-9]+", "^$", "cert|block", "日"};
constexpr int64_t numbers[] = {0, 1, 2, 443, 8443, 1'607'990'400'000, 1'700'000'000'123};

template <class T, size_t N>
const T& one_of(Random& random, const T (&pool)[N]) {
  return pool[random() % N];
}

std::string random_text(Random& random, const FieldDescriptor& descriptor) {
  const std::string& name = descriptor.name();
  const bool address = name == "srcip" || name == "dstip" || name == "userip" || name == "egress_ip";
  if (address) return one_of(random, addresses);
  std::string text = one_of(random, texts);
  if (random() % 50 == 0) text += std::string("\0nul", 4);
  return text;
}

void fill(Random& random, Message& message) {
  const auto& reflection = *message.GetReflection();
  for (int i = 0; i < message.GetDescriptor()->field_count(); ++i) {
    const FieldDescriptor* descriptor = message.GetDescriptor()->field(i);
    if (random() % 3 == 0) continue;
    if (descriptor->is_repeated()) {
      for (size_t n = random() % 3; n > 0; --n) reflection.AddString(&message, descriptor, one_of(random, texts));
      continue;
    }
    const int64_t number = one_of(random, numbers);
    switch (descriptor->cpp_type()) {
      case FieldDescriptor::CPPTYPE_STRING:
        reflection.SetString(&message, descriptor, random_text(random, *descriptor));
        break;
      case FieldDescriptor::CPPTYPE_BOOL: reflection.SetBool(&message, descriptor, random() % 2 == 0); break;
      case FieldDescriptor::CPPTYPE_ENUM:
        // Now and then a number that a newer producer knows and we do not.
        reflection.SetEnumValue(&message, descriptor, random() % 20 == 0 ? 9'999 : static_cast<int>(random() % 6));
        break;
      case FieldDescriptor::CPPTYPE_INT64: reflection.SetInt64(&message, descriptor, number); break;
      case FieldDescriptor::CPPTYPE_UINT32:
        reflection.SetUInt32(&message, descriptor, static_cast<uint32_t>(number));
        break;
      case FieldDescriptor::CPPTYPE_UINT64:
        reflection.SetUInt64(&message, descriptor, random() % 30 == 0 ? UINT64_MAX : static_cast<uint64_t>(number));
        break;
      default: SLUICE_ASSERT(false);
    }
  }
}

Value random_value(Random& random, const Field& field, Operator op) {
  if (op == Operator::kLike) return one_of(random, texts);
  switch (field.type()) {
    case FieldType::kText:
    case FieldType::kTextList: return one_of(random, texts);
    case FieldType::kBool: return static_cast<int64_t>(random() % 2);
    case FieldType::kEnum: return field.words()[random() % field.words().size()].number;
    case FieldType::kNumber:
    case FieldType::kTime: return one_of(random, numbers);
    case FieldType::kAddress: break;
  }
  while (true) {
    const auto range = store::parse_address_range(one_of(random, networks));
    SLUICE_ASSERT(range.has_value());
    if (op == Operator::kIn || range->first == range->last) return *range;
  }
}

Filter random_comparison(Random& random) {
  const Field& field = store::fields()[random() % store::fields().size()];
  Operator op = Operator::kExists;
  do {
    op = static_cast<Operator>(random() % 11);
  } while (!store::allows(field.type(), op));
  if (op == Operator::kRegex) {
    auto compared = store::compare_regex(field, one_of(random, patterns));
    SLUICE_ASSERT(compared.ok());
    return std::move(compared).value();
  }
  size_t count = 1;
  if (op == Operator::kExists) count = 0;
  if (op == Operator::kBetween) count = 2;
  if (op == Operator::kIn) count = 1 + random() % 4;
  std::vector<Value> values;
  for (size_t i = 0; i < count; ++i) values.push_back(random_value(random, field, op));
  return store::compare(field, op, std::move(values));
}
}  // namespace

uint64_t random_seed() {
  if (const char* given = std::getenv("SLUICE_TEST_SEED")) return std::strtoull(given, nullptr, 10);
  return base::random_u64();
}

Record random_record(Random& random) {
  Record record;
  switch (random() % 10) {
    case 0: fill(random, *record.mutable_gap()); break;
    case 1: fill(random, *record.mutable_audit()); break;
    case 2: fill(random, *record.mutable_notice()); break;
    default: fill(random, *record.mutable_page_event()); break;
  }
  return record;
}

Filter random_filter(Random& random, int depth) {
  const uint64_t kind = depth == 0 ? 3 : random() % 4;
  if (kind == 2) return store::negation(random_filter(random, depth - 1));
  if (kind == 3) return random_comparison(random);
  std::vector<Filter> parts;
  for (size_t n = 1 + random() % 4; n > 0; --n) parts.push_back(random_filter(random, depth - 1));
  return kind == 0 ? store::all_of(std::move(parts)) : store::any_of(std::move(parts));
}

}  // namespace sluice::test
