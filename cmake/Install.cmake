# What `cmake --install` puts where, and the Debian package that CPack makes of it.
include(GNUInstallDirs)

install(TARGETS tidegate RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(FILES docs/man/tidegate.8 DESTINATION ${CMAKE_INSTALL_MANDIR}/man8)
install(FILES docs/man/tidegate.conf.5 DESTINATION ${CMAKE_INSTALL_MANDIR}/man5)
install(FILES deploy/completion/tidegate.bash
    DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME tidegate)
install(FILES deploy/systemd/tidegate.service deploy/systemd/tidegate.socket
    DESTINATION lib/systemd/system)
install(FILES conf/tidegate.conf DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples
    RENAME every-key.conf)
install(FILES deploy/systemd/tidegate.conf DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples
    RENAME systemd.conf)
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} RENAME copyright)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME tidegate)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "Edge gateway for Hugging Face chat")
set(CPACK_PACKAGE_CONTACT "The Tidegate developers <maintainers@tidegate.invalid>")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
# Older builds of the same version read some requests in more than one way (libevent_too_old).
set(libevent ">= 2.1.12-stable-8+deb12u1")
set(CPACK_DEBIAN_PACKAGE_DEPENDS "ca-certificates, libevent-core-2.1-7 (${libevent}), \
libevent-extra-2.1-7 (${libevent}), libevent-openssl-2.1-7 (${libevent})")
include(CPack)
