# Read by cpack before anything else. The package bears the time of its changelog's newest entry, so that it comes out
# the same whenever it is built.
if(NOT DEFINED ENV{SOURCE_DATE_EPOCH})
  execute_process(
    COMMAND dpkg-parsechangelog -l ${CPACK_ZOHOSYNCD_SOURCE}/packaging/debian/changelog -STimestamp
    OUTPUT_VARIABLE timestamp OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
  set(ENV{SOURCE_DATE_EPOCH} ${timestamp})
endif()
