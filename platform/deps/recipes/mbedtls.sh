# mbedTLS: the one TLS stack, for the listener, the forwarding client and libcurl.
# Our configuration is appended to the default one, so that every user of the headers sees the same.
# The generated sources are in the archive: neither Python nor Perl is needed.
unpack "$SRC"
cat "$RECIPES/mbedtls.config.h" >>include/mbedtls/mbedtls_config.h
make -C library CC="$CC" AR="$AR" CFLAGS="$CFLAGS" static
cp library/*.a "$DST/lib/"
cp -r include/mbedtls include/psa "$DST/include/"
