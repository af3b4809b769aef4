# Run by cpack on the staged files: what Debian wants of them, and times that do not depend on the checkout.
set(stage ${CPACK_TEMPORARY_DIRECTORY})
set(doc ${stage}/usr/share/doc/zohosyncd)
set(source ${CPACK_ZOHOSYNCD_SOURCE})

file(COPY_FILE ${source}/packaging/debian/copyright ${doc}/copyright)
file(COPY_FILE ${source}/packaging/debian/changelog ${doc}/changelog.Debian)
file(COPY_FILE ${source}/CHANGELOG.md ${doc}/changelog)
file(CHMOD ${doc}/copyright PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ WORLD_READ)
foreach(file ${doc}/changelog.Debian ${doc}/changelog ${stage}/usr/share/man/man1/zohosyncd.1)
  file(CHMOD ${file} PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ WORLD_READ)
  execute_process(COMMAND gzip -9nf ${file} COMMAND_ERROR_IS_FATAL ANY)
endforeach()
execute_process(COMMAND find ${stage} -exec touch --no-dereference --date=@$ENV{SOURCE_DATE_EPOCH} {} +
                COMMAND_ERROR_IS_FATAL ANY)
