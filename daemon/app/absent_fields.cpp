#include "daemon/app/absent_fields.hpp"

#include "daemon/core/errors.hpp"
#include "daemon/core/zoho_field.hpp"

#include <algorithm>

namespace zohosyncd {

bool has_news_of_absence(const std::vector<std::string>& absent,
                         const std::set<std::string>& known) {
    return std::ranges::any_of(absent,
                               [&](const std::string& field) { return !known.contains(field); });
}

void ask_for_absent(const RunContext& context,
                    const StreamConfig& stream,
                    const std::vector<std::string>& absent,
                    const LackingRead& lacking,
                    std::set<std::string>& known) {
    context.fields.forget(stream.endpoint.module);
    if (mapping_hash(lacking.wanted()) != lacking.hash) {
        throw SyncError(ErrorKind::bad_response,
                        std::string("fields of the module changed while it was read; ") +
                            lacking.what + " begins anew");
    }
    known.insert(absent.begin(), absent.end());
}

} // namespace zohosyncd
