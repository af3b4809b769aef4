# Turns the files of the status page into a C++ source, so that the binary carries them.
# Run as: cmake -DDIRECTORY=… -DOUTPUT=… -P embed_page.cmake
set(rows "")
foreach(entry "/|index.html|text/html" "/page.css|page.css|text/css" "/page.js|page.js|text/javascript"
              "/icon.svg|icon.svg|image/svg+xml")
  string(REPLACE "|" ";" entry "${entry}")
  list(GET entry 0 path)
  list(GET entry 1 name)
  list(GET entry 2 type)
  # As bytes: a string literal may not be as long as a script is.
  file(READ ${DIRECTORY}/${name} bytes HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
  string(MAKE_C_IDENTIFIER ${name} symbol)
  string(APPEND arrays "constexpr unsigned char ${symbol}[] = {${bytes}};\n")
  string(APPEND rows "    {\"${path}\", \"${type}; charset=utf-8\", text(${symbol})},\n")
endforeach()
file(WRITE ${OUTPUT} "// Made by cmake/embed_page.cmake from ${DIRECTORY}.
#include \"daemon/status/page_files.hpp\"

#include <cstddef>

namespace zohosyncd {
namespace {

${arrays}
template <std::size_t size> std::string_view text(const unsigned char (&bytes)[size]) {
    return {reinterpret_cast<const char*>(bytes), size};
}

const PageFile files[] = {
${rows}};

} // namespace

const PageFile* page_file(std::string_view path) {
    for (const auto& file : files) {
        if (file.path == path) {
            return &file;
        }
    }
    return nullptr;
}

} // namespace zohosyncd
")
