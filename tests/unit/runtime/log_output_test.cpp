#include "daemon/runtime/log_output.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <future>
#include <string>
#include <vector>

namespace zohosyncd::log {
namespace {

class Pipe {
public:
    Pipe() { REQUIRE(pipe2(ends_.data(), O_CLOEXEC) == 0); }

    Pipe(const Pipe&) = delete;
    Pipe& operator=(const Pipe&) = delete;

    ~Pipe() {
        close(ends_[0]);
        close_writer();
    }

    [[nodiscard]] int reader() const { return ends_[0]; }

    [[nodiscard]] int writer() const { return ends_[1]; }

    void close_writer() {
        if (ends_[1] >= 0) {
            close(ends_[1]);
            ends_[1] = -1;
        }
    }

    /// Until the writer is closed.
    std::vector<std::string> read_lines() {
        std::string text;
        std::array<char, 4096> part{};
        ssize_t got = 0;
        while ((got = read(ends_[0], part.data(), part.size())) > 0) {
            text.append(part.data(), static_cast<std::size_t>(got));
        }
        std::vector<std::string> lines;
        for (std::size_t at = 0; at < text.size();) {
            const auto end = text.find('\n', at);
            REQUIRE(end != std::string::npos);
            lines.push_back(text.substr(at, end - at));
            at = end + 1;
        }
        return lines;
    }

private:
    std::array<int, 2> ends_{-1, -1};
};

std::string say_dropped(std::uint64_t lines) {
    return "dropped " + std::to_string(lines) + "\n";
}

} // namespace

TEST_CASE("a line is written before write returns, as long as the reader keeps up") {
    Pipe pipe;
    LogOutput output(pipe.writer(), 1000, say_dropped);

    output.write("one\n");
    std::array<char, 10> got{};

    CHECK(read(pipe.reader(), got.data(), got.size()) == 4);
    CHECK(std::string(got.data()) == "one\n");
}

TEST_CASE("a reader who sleeps holds up nobody, and finds the newest lines") {
    constexpr std::size_t lines = 5000;
    constexpr std::size_t width = 100;
    Pipe pipe;
    std::future<std::vector<std::string>> read;
    {
        LogOutput output(pipe.writer(), 100'000, say_dropped);
        for (std::size_t i = 0; i < lines; ++i) {
            auto line = std::to_string(i) + " ";
            output.write(line.append(width - line.size() - 1, 'x') + "\n");
        }
        read = std::async(std::launch::async, [&pipe] { return pipe.read_lines(); });
    }
    pipe.close_writer();
    const auto got = read.get();

    std::size_t expected = 0;
    std::size_t dropped = 0;
    for (const auto& line : got) {
        if (line.starts_with("dropped ")) {
            const auto count = std::stoul(line.substr(8));
            dropped += count;
            expected += count;
        } else {
            CHECK(std::stoul(line) == expected);
            CHECK(line.size() == width - 1);
            ++expected;
        }
    }
    CHECK(expected == lines);
    CHECK(dropped > 0);
    CHECK(dropped < lines - 900); // What fits into the queue is there.
}

TEST_CASE("a reader who has gone is no trouble") {
    std::signal(SIGPIPE, SIG_IGN); // As main does.
    std::array<int, 2> ends{};
    REQUIRE(pipe2(ends.data(), O_CLOEXEC) == 0);
    close(ends[0]);
    {
        LogOutput output(ends[1], 1000, say_dropped);
        for (int i = 0; i < 100; ++i) {
            output.write("nobody reads this\n");
        }
    }
    close(ends[1]);
}

} // namespace zohosyncd::log
