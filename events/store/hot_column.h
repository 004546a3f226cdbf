#pragma once
// The hot columns: fields that stand beside a record as columns of a table, so that filters on them need not decode the
// record. Named as the fields, in double quotes; their values are those of Field::column().
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "events/store/field.h"
#include "sluice/events/v1/page_event.pb.h"

namespace sluice::store {

class Statement;

struct HotColumn {
  std::string_view name;
  std::string_view sql_type;
};

// In table order: what filters ask most stands first, because a row is decoded from its beginning.
const std::vector<HotColumn>& hot_columns();
bool is_hot_column(const Field& field);

// `"a", "b", ...`, `"a" INTEGER NOT NULL, ...` and `?, ?, ...` for all hot columns.
const std::string& hot_column_names();
const std::string& hot_column_definitions();
const std::string& hot_column_marks();

// Tells records that are no page events, and so bring no id, apart: in the column row_id.
std::string record_id(uint64_t producer_id, uint64_t sequence);
// Start of a page event, time of any other record.
int64_t record_timestamp(const events::v1::Record& record);

// Binds the values of a condition from parameter `first` on; borrows them until the statement's reset().
void bind_values(Statement& statement, int first, const std::vector<ColumnValue>& values);

// Binds all hot columns from parameter `first` on; borrows text of `record` until the statement's reset().
void bind_hot_columns(Statement& statement, int first, const events::v1::Record& record, int64_t ingested_time);

}  // namespace sluice::store
