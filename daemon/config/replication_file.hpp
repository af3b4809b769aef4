#pragma once

#include "daemon/config/config.hpp"
#include "daemon/config/stream_block.hpp"
#include "daemon/config/yaml_tree.hpp"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace zohosyncd {

/// A replication.yaml with the values of its root `env` put in.
struct ReplicationFile {
    std::string name; ///< As given; for messages.
    Node root;        ///< A map.
    std::map<std::string, std::string> env;
};

/// Nothing when there is nothing to go on with; the reason is reported.
std::optional<ReplicationFile>
read_replication_file(const std::string& given, const Environment& environment, Problems& problems);

/// One entry under `streams`, which may be a pattern.
struct StreamEntry {
    std::string name;
    int line = 0;
    StreamBlock block; ///< Defaults included.
};

/// In the order of the file.
std::vector<StreamEntry> read_stream_entries(const Block& root);

} // namespace zohosyncd
