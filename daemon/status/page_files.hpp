#pragma once

#include <string_view>

namespace zohosyncd {

/// A file of the page, as it is in daemon/status/page.
struct PageFile {
    std::string_view path; ///< In the URL.
    const char* content_type;
    std::string_view content;
};

/// Null when there is none at that path.
[[nodiscard]] const PageFile* page_file(std::string_view path);

} // namespace zohosyncd
