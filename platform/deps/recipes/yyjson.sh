# yyjson: reads and writes JSON.
unpack "$SRC"
$CC $CFLAGS -c src/yyjson.c -o yyjson.o
$AR rcs "$DST/lib/libyyjson.a" yyjson.o
cp src/yyjson.h "$DST/include/"
