# civetweb as one object file, unmodified but for the fix of CVE-2025-55763. Which of its undefined
# symbols become ours is the business of the Makefile and of platform/civetweb.def. No LTO: the seam
# is in the symbol table.
unpack "$SRC"
tar -xOf "$PATCHES" debian/patches/CVE-2025-55763.patch | patch -p1
$CC $CFLAGS -Iinclude -DNO_SSL -DNO_CGI -DNO_CACHING -DUSE_IPV6 -c src/civetweb.c -o "$DST/lib/civetweb.o"
cp include/civetweb.h "$DST/include/"
