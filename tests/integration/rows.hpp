#pragma once

#include "daemon/core/errors.hpp"
#include "sinks/sink.hpp"

#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

namespace zohosyncd::tests {

using Value = std::optional<std::string>;

/// zoho_crm.leads: id, Last_Name, Modified_Time (the version), Amount (numeric), Active (boolean),
/// Owner (json), Seats (bigint), Born (date).
StreamSchema leads();

StreamKey key_of(const StreamSchema& schema);

/// A second of a fixed day; the greater the later.
std::chrono::sys_seconds at(int second);

/// A lead with only a name; `extra` fills the columns from Amount on.
void add_lead(Batch& batch,
              std::int64_t id,
              int version,
              const Value& name,
              const std::vector<Value>& extra = {});

struct Lead {
    std::int64_t id;
    int version;
    std::string name;
};

Batch leads_of(std::initializer_list<Lead> rows);

/// What a run that goes on would store: generation as prepared, no mark.
Checkpoint checkpoint_of(const PreparedStream& prepared);

/// A sink that is migrated and prepared for leads(), or for what else that table is to hold.
template <class Target, StreamSchema (*Wanted)() = leads> struct Prepared {
    Target target;
    std::unique_ptr<Sink> sink = target.sink();
    int migrations = sink->migrate();
    StreamKey key = key_of(leads());
    PreparedStream stream = sink->prepare(key, Wanted(), ColumnCasing::snake);

    WriteStats write(const Batch& batch) {
        return sink->write(key, stream.schema, {&batch, nullptr}, checkpoint_of(stream));
    }

    WriteStats write_authoritative(const Batch& batch) {
        return sink->write(key, stream.schema, {nullptr, &batch}, checkpoint_of(stream));
    }

    WriteStats remove(std::vector<Deletion> deletions, DeletePolicy policy = DeletePolicy::soft) {
        return sink->write_deletions(key, stream.schema, deletions, policy, checkpoint_of(stream));
    }

    std::string name_of(std::int64_t id) {
        return target.value("SELECT last_name FROM " + Target::table("leads") +
                            " WHERE id = " + std::to_string(id));
    }

    std::string count(const std::string& where = "1 = 1") {
        return target.value("SELECT count(*) FROM " + Target::table("leads") + " WHERE " + where);
    }

    /// Another write of a row gives another stamp; an untouched row keeps it.
    std::string stamp_of(std::int64_t id) {
        const std::string what =
            Target::is_postgres ? "ctid::text || xmin::text" : "_synced_at || rowid";
        return target.value("SELECT " + what + " FROM " + Target::table("leads") +
                            " WHERE id = " + std::to_string(id));
    }
};

/// inserted/updated/unchanged/deleted
std::string text_of(const WriteStats& stats);

/// The kind of the SyncError that `work` throws, "" if none.
template <class Work> std::string kind_thrown_by(Work work) {
    try {
        work();
    } catch (const SyncError& error) {
        return to_string(error.kind());
    }
    return {};
}

} // namespace zohosyncd::tests
