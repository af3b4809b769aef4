# embed_migrations(TARGET FOLDER SYMBOL): compiles migrations/FOLDER/*.sql into TARGET.
function(embed_migrations target folder symbol)
  set(directory ${PROJECT_SOURCE_DIR}/migrations/${folder})
  set(output ${PROJECT_BINARY_DIR}/generated/migrations_${folder}.cpp)
  file(GLOB files CONFIGURE_DEPENDS ${directory}/*.sql)
  add_custom_command(
    OUTPUT ${output}
    COMMAND ${CMAKE_COMMAND} -DDIRECTORY=${directory} -DOUTPUT=${output} -DSYMBOL=${symbol}
            -P ${PROJECT_SOURCE_DIR}/cmake/embed_sql.cmake
    DEPENDS ${files} ${PROJECT_SOURCE_DIR}/cmake/embed_sql.cmake
    VERBATIM)
  target_sources(${target} PRIVATE ${output})
endfunction()
