#pragma once

#include "daemon/core/text_template.hpp"

#include <map>
#include <string>
#include <string_view>

namespace zohosyncd {

/// `pre_sql` or `post_sql`: statements, or `file://` and the path of a file that holds them, which
/// is looked up from `working_directory`. Nothing, and the reason, when the file can not be read or
/// a variable is none that a stream's hooks have either.
TextTemplate read_target_sql(std::string_view written,
                             const std::string& working_directory,
                             const std::map<std::string, std::string>& env,
                             std::string& reason);

} // namespace zohosyncd
