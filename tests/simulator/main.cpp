#include "tests/simulator/http_server.hpp"
#include "tests/simulator/options.hpp"
#include "tests/simulator/simulator.hpp"

#include <pthread.h>
#include <unistd.h>

#include <csignal>
#include <exception>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

int main(int argc, char** argv) {
    std::signal(SIGPIPE, SIG_IGN);
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals, nullptr); // Before the first thread.
    try {
        const std::vector<std::string> arguments(argv + 1, argv + argc);
        if (arguments.size() == 1 && arguments[0] == "--help") {
            std::cout << zohosim::usage();
            return 0;
        }
        const auto options = zohosim::parse_options(arguments);
        zohosim::Simulator simulator{options};
        zohosim::HttpServer server{simulator, options};
        const auto address = "http://127.0.0.1:" + std::to_string(server.port());
        simulator.set_address(address);
        const std::thread listener{[&server] { server.run(); }};
        std::cout << "listening on " << address << std::endl;
        int signal = 0;
        sigwait(&signals, &signal);
        // Idle keep-alive connections would hold a tidy stop for minutes, and there is nothing to
        // save: leave at once.
        _exit(0);
    } catch (const std::exception& error) {
        std::cerr << "zoho_simulator: " << error.what() << "\n";
        return 64;
    }
}
