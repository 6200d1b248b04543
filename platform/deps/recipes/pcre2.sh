# PCRE2, 8 bit, with Unicode and JIT: regular expressions of policies and templates.
# Built as its NON-AUTOTOOLS-BUILD says: the ready-made configuration plus macros, and these files.
unpack "$SRC"
cd src
cp config.h.generic config.h
cp pcre2.h.generic pcre2.h
cp pcre2_chartables.c.dist pcre2_chartables.c
parts="auto_possess chartables chkdint compile compile_class config context convert dfa_match error
       extuni find_bracket jit_compile maketables match match_data newline ord2utf pattern_info
       script_run serialize string_utils study substitute substring tables ucd valid_utf xclass"
CFLAGS+=" -I. -DHAVE_CONFIG_H -DPCRE2_CODE_UNIT_WIDTH=8 -DPCRE2_STATIC -DSUPPORT_UNICODE -DSUPPORT_JIT"
CFLAGS+=" -DHAVE_MEMMOVE -DHAVE_STRERROR"
make -f - <<END
libpcre2-8.a: $(for part in $parts; do echo "pcre2_$part.o"; done | xargs)
	$AR rcs \$@ \$^
END
cp libpcre2-8.a "$DST/lib/"
cp pcre2.h "$DST/include/"
