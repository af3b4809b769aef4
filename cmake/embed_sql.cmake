# Turns numbered SQL files into a C++ source, so that the binary carries its migrations.
# Run as: cmake -DDIRECTORY=… -DOUTPUT=… -DSYMBOL=… -P embed_sql.cmake
file(GLOB files ${DIRECTORY}/[0-9][0-9][0-9][0-9]_*.sql)
list(SORT files)
set(rows "")
foreach(file IN LISTS files)
  get_filename_component(name ${file} NAME_WE)
  string(SUBSTRING ${name} 0 4 digits)
  math(EXPR version "1${digits} - 10000")
  file(READ ${file} text)
  string(APPEND rows "    {${version}, \"${name}\", R\"SQL(${text})SQL\"},\n")
endforeach()
file(WRITE ${OUTPUT} "// Made by cmake/embed_sql.cmake from ${DIRECTORY}.
#include \"sinks/common/migration.hpp\"

namespace zohosyncd {
namespace {

const Migration all[] = {
${rows}};

}  // namespace

std::span<const Migration> ${SYMBOL}() { return all; }

}  // namespace zohosyncd
")
