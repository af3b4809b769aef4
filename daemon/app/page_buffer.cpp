#include "daemon/app/page_buffer.hpp"

namespace zohosyncd {
namespace {

using namespace std::chrono_literals;

// Beyond a thousand rows a commit gains nothing certain (techniques §3), and memory counts three
// times: here, in the statement's parameters and in libpq's buffer.
constexpr std::size_t most_rows = 1000;
constexpr std::size_t most_bytes = std::size_t{768} * 1024;
// Five requests go out in a burst and then wait for the second to pass: about one commit a second.
constexpr auto longest_wait = 250ms;

} // namespace

bool PageBuffer::is_due() {
    const auto now = clock_.now();
    if (!oldest_) {
        oldest_ = now;
    }
    // A later page may list a newer version of a record that was read singly: not in one commit.
    return authoritative_.rows() > 0 || rows() >= most_rows ||
           listed_.bytes() + authoritative_.bytes() >= most_bytes || now - *oldest_ >= longest_wait;
}

void PageBuffer::clear() {
    listed_.clear();
    authoritative_.clear();
    oldest_.reset();
}

} // namespace zohosyncd
