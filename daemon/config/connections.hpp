#pragma once

#include "daemon/config/catalogue.hpp"
#include "daemon/config/config.hpp"

#include <optional>
#include <string>

namespace zohosyncd {

/// Nothing when an error was reported. `variables` are those of the catalogue.
std::optional<ZohoConnection>
read_zoho_connection(const RawConnection& raw, const Environment& environment, Problems& problems);

/// Nothing when an error was reported, also for a type that can be no target.
std::optional<TargetConnection> read_target_connection(const RawConnection& raw,
                                                       const Environment& environment,
                                                       Problems& problems);

/// The lines of a block's keys, two levels deep.
KeyLines key_lines(const Node& node, const std::string& file, const std::string& block);

/// A connection that was given as a URL in the place of a name.
RawConnection connection_from_url(const std::string& url, const std::string& file, int line);

/// The URL's parts as a connection's properties. Nothing for what can not be taken apart safely.
std::optional<Node> properties_from_url(const std::string& url, int line);

/// `key='value'`, with a blank before it unless it is the first.
void append_conninfo(std::string& conninfo, std::string_view key, std::string_view value);

} // namespace zohosyncd
