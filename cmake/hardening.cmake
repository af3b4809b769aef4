# What a compiler does for free against mistakes in memory, and what makes two builds the same bytes. For the release
# preset (ZOHOSYNCD_HARDENED); the sanitizers of the others want to see the mistakes instead.

# Everything ends in programs, so what -fPIC would cost a library is not paid.
target_compile_options(zohosyncd_options INTERFACE -fPIE)
target_link_options(zohosyncd_options INTERFACE -pie)
target_compile_options(zohosyncd_options INTERFACE
  -fstack-protector-strong -fstack-clash-protection -ftrivial-auto-var-init=zero
  # Where the sources lay is nobody's business, and differs from build to build.
  -ffile-prefix-map=${PROJECT_BINARY_DIR}=build -ffile-prefix-map=${PROJECT_SOURCE_DIR}=.)
# -U: some distributions' compilers define a level of their own.
target_compile_options(zohosyncd_options INTERFACE -U_FORTIFY_SOURCE)
target_compile_definitions(zohosyncd_options INTERFACE _FORTIFY_SOURCE=3 _GLIBCXX_ASSERTIONS)
target_link_options(zohosyncd_options INTERFACE
  LINKER:-z,relro LINKER:-z,now LINKER:-z,noexecstack LINKER:-z,separate-code LINKER:--as-needed)

# Jumps and returns are checked by the processor, where it can.
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|i686")
  target_compile_options(zohosyncd_options INTERFACE -fcf-protection=full)
elseif(CMAKE_SYSTEM_PROCESSOR STREQUAL "aarch64")
  target_compile_options(zohosyncd_options INTERFACE -mbranch-protection=standard)
endif()
