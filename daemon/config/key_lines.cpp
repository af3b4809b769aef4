#include "daemon/config/connections.hpp"

#include <string>

namespace zohosyncd {

std::string KeyLines::place(const std::string& key) const {
    const auto found = lines.find(key);
    const int at = found == lines.end() ? line : found->second;
    const std::string path = block.empty() ? key : key.empty() ? block : block + "." + key;
    std::string text = at > 0 ? file + ":" + std::to_string(at) : file;
    return text + (path.empty() ? "" : (text.empty() ? "" : ": ") + path);
}

KeyLines key_lines(const Node& node, const std::string& file, const std::string& block) {
    KeyLines result{file, block, node.line, {}};
    for (const auto& entry : node.entries) {
        result.lines[entry.key] = entry.line;
        for (const auto& inner : entry.value.entries) {
            result.lines[entry.key + "." + inner.key] = inner.line;
        }
    }
    return result;
}

} // namespace zohosyncd
