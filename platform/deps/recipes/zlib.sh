# zlib: gzip and deflate of bodies and packages.
unpack "$SRC"
CHOST=$HOST ./configure --static --prefix="$DST"
make libz.a
cp libz.a "$DST/lib/"
cp zlib.h zconf.h "$DST/include/"
