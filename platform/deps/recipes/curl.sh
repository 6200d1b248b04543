# libcurl: HTTP and HTTPS (also through an HTTP proxy) for the sync agent, send-request, telemetry.
# CA certificates are handed over by our TLS module, so no bundle path is compiled in.
unpack "$SRC"
CFLAGS+=" -Os"
CPPFLAGS="-I$DEP_mbedtls/include -I$DEP_zlib/include" LDFLAGS="-L$DEP_mbedtls/lib -L$DEP_zlib/lib" \
PKG_CONFIG=false ./configure --host="$HOST" --prefix="$DST" --disable-shared --enable-static \
    --with-mbedtls="$DEP_mbedtls" --with-zlib="$DEP_zlib" --enable-threaded-resolver \
    --without-ca-bundle --without-ca-path --disable-ca-search \
    --without-libpsl --without-brotli --without-zstd --without-nghttp2 --without-libidn2 \
    --without-libssh2 --without-librtmp --disable-ares \
    --disable-ldap --disable-ldaps --disable-ftp --disable-file --disable-dict --disable-telnet \
    --disable-tftp --disable-rtsp --disable-pop3 --disable-imap --disable-smtp --disable-gopher \
    --disable-mqtt --disable-smb --disable-ipfs --disable-websockets \
    --disable-ntlm --disable-aws --disable-negotiate-auth --disable-kerberos-auth \
    --disable-alt-svc --disable-hsts --disable-doh --disable-netrc --disable-form-api \
    --disable-progress-meter --disable-dateparse --disable-unix-sockets --disable-tls-srp \
    --disable-libcurl-option --disable-manual --disable-docs --disable-verbose
make -C lib
make -C lib install
make -C include install
rm -rf "$DST/lib/pkgconfig" "$DST/lib/"*.la
