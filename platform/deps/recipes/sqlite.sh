# SQLite: the configuration cache and everything else that must survive a power cut.
# The amalgamation is made for the build machine (its generator runs here), then compiled for the target.
unpack "$SRC"
env -u CC -u CFLAGS -u AR -u RANLIB ./configure --disable-tcl --disable-readline
make CC=gcc sqlite3.c
# DQS=0: "x" is a column, never a string. MEMSTATUS=0: no global counter under a lock per allocation.
# TEMP_STORE=2: sorting never writes to a flash card.
$CC $CFLAGS -DSQLITE_THREADSAFE=1 -DSQLITE_DQS=0 -DSQLITE_DEFAULT_MEMSTATUS=0 -DSQLITE_TEMP_STORE=2 \
    -DSQLITE_LIKE_DOESNT_MATCH_BLOBS -DSQLITE_OMIT_LOAD_EXTENSION -DSQLITE_OMIT_DEPRECATED \
    -DSQLITE_OMIT_SHARED_CACHE -DSQLITE_OMIT_JSON -c sqlite3.c -o sqlite3.o
$AR rcs "$DST/lib/libsqlite3.a" sqlite3.o
cp sqlite3.h "$DST/include/"
