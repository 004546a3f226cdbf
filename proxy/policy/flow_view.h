#pragma once
// Facts of one decision, looked up once for all rule lists.
#include <optional>

#include "proxy/policy/bits.h"
#include "proxy/policy/country_database.h"
#include "proxy/policy/directory.h"
#include "proxy/policy/facts.h"
#include "proxy/policy/host_key.h"
#include "proxy/policy/limits.h"
#include "proxy/policy/url_index.h"

namespace sluice::policy {

using CategoryBits = Bits<categories_max>;
using AppBits = Bits<apps_max>;

// In which lists and categories a URL stands; `maybe_`: the path will tell.
struct Tags {
  ListBits lists;
  ListBits maybe_lists;
  CategoryBits categories;
  CategoryBits maybe_categories;
};

// Borrows everything; lives on the stack of one decision.
struct FlowView {
  const Facts& facts;
  Knowledge host;
  HostKey key;                                  // empty unless the host is known
  std::optional<base::IpAddress> host_address;  // when the host is an address
  const Identity* identity;                     // null: not in the directory, or no user
  Fact<Country> source_country;
  Fact<Country> destination_country;
  AppBits apps;  // all whose domains cover the host
};

}  // namespace sluice::policy
