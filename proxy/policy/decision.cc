#include "proxy/policy/decision.h"

#include <algorithm>

namespace sluice::policy {

namespace {

std::optional<base::IpAddress> address_in(std::string_view host) {
  const bool may_be =
      !host.empty() && (host.find(':') != std::string_view::npos || (host.back() >= '0' && host.back() <= '9'));
  return may_be ? base::IpAddress::parse(host) : std::nullopt;
}

Fact<Country> country_of(const Compiled& policy, const base::IpAddress& address) {
  if (policy.country_database == nullptr) return Fact<Country>::never();
  return Fact<Country>::of(policy.country_database->find(address));
}

Fact<Country> destination_country(const Compiled& policy, const Facts& facts) {
  if (facts.address.known()) return country_of(policy, facts.address.value);
  return {facts.address.knowledge, Country()};
}

}  // namespace

FlowView flow_view(const Compiled& policy, const Facts& facts) {
  const auto literal = facts.host.known() ? address_in(facts.host.value) : std::nullopt;
  FlowView flow{facts,
                facts.host.knowledge,
                facts.host.known() ? HostKey(facts.host.value, literal.has_value()) : HostKey(),
                literal ? std::optional(literal->unmapped()) : std::nullopt,
                facts.user.known() ? policy.directory->find(facts.user.value) : nullptr,
                country_of(policy, facts.source),
                destination_country(policy, facts),
                AppBits(policy.apps.size())};
  if (facts.host.knowledge == Knowledge::kNever && facts.address.known()) {
    // A flow that names no host is known by its address.
    flow.host = Knowledge::kKnown;
    flow.host_address = facts.address.value.unmapped();
  }
  policy.app_hosts.match(flow.key, [&](uint32_t app, size_t) { flow.apps.set(app); });
  return flow;
}

Tags tags_of(const Compiled& policy, const FlowView& flow, const Fact<std::string_view>& path) {
  const Categories& categories = policy.categories;
  Tags tags{ListBits(policy.url_list_count), ListBits(policy.url_list_count), CategoryBits(categories.names.size()),
            CategoryBits(categories.names.size())};
  if (flow.host != Knowledge::kKnown) return tags;
  const base::IpAddress* address = flow.host_address ? &*flow.host_address : nullptr;
  policy.urls.match({flow.key, address, flow.facts.port, path}, tags.lists, tags.maybe_lists);
  tags.lists.each([&](size_t list) {
    for (const uint32_t category : categories.by_list[list]) tags.categories.set(category);
  });
  tags.maybe_lists.each([&](size_t list) {
    for (const uint32_t category : categories.by_list[list]) tags.maybe_categories.set(category);
  });
  const auto of_database = policy.category_database->find(flow.key);
  for (const uint16_t category : of_database) {
    for (const uint32_t custom : categories.by_category[category]) tags.categories.set(custom);
  }
  CategoryBits dropped(categories.names.size());
  CategoryBits doubtful(categories.names.size());
  const auto weigh = [&](size_t category) {
    for (const uint32_t list : categories.excluded_lists[category]) {
      if (tags.lists.test(list)) dropped.set(category);
      if (tags.maybe_lists.test(list)) doubtful.set(category);
    }
  };
  tags.categories.each(weigh);
  tags.maybe_categories.each(weigh);
  tags.categories.remove(dropped);
  tags.maybe_categories.remove(dropped);
  doubtful.keep(tags.categories);
  tags.categories.remove(doubtful);
  tags.maybe_categories.add(doubtful);
  for (const uint16_t category : of_database) tags.categories.set(categories.custom + category);
  return tags;
}

const Steering& steering_of(const Compiled& policy, std::string_view user, const Identity* identity) {
  size_t first = policy.steering.size() - 1;
  const auto offer = [&](std::span<const uint32_t> configurations) {
    for (const uint32_t i : configurations) first = std::min<size_t>(first, i);
  };
  if (!user.empty()) offer(policy.steering_by_user.find(user));
  if (identity != nullptr) {
    for (const std::string& group : identity->groups) offer(policy.steering_by_group.find(group));
    offer(policy.steering_by_unit.find(identity->organization_unit));
  }
  return policy.steering[first];
}

const Steering& steering_of(const Compiled& policy, const Facts& facts, const FlowView& flow) {
  return steering_of(policy, facts.user.known() ? facts.user.value : std::string_view(), flow.identity);
}

Facts facts_at_client(const Facts& facts) {
  Facts known = facts;
  known.has_client = true;
  const auto settle = [](auto& fact) {
    if (fact.knowledge == Knowledge::kNotYet) fact.knowledge = Knowledge::kNever;
  };
  settle(known.process);
  settle(known.user);
  settle(known.host);
  settle(known.address);
  known.request = Fact<Request>::never();
  return known;
}

}  // namespace sluice::policy
