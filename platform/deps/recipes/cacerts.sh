# cacerts: Mozilla's CA certificates as Debian ships them (MPL-2.0), for machines that have none of their own: one PEM text,
# compressed, as bytes in an archive.
dpkg-deb -x "$SRC" .
cat usr/share/ca-certificates/mozilla/*.crt | gzip -9n >cacerts.gz
[ "$(gunzip -c cacerts.gz | grep -c 'BEGIN CERTIFICATE')" -ge 100 ]
cat >cacerts.S <<'ASM'
    .section .rodata.cacerts, "a"
    .globl cacerts_gz
    .globl cacerts_gz_end
cacerts_gz:
    .incbin "cacerts.gz"
cacerts_gz_end:
    .byte 0
    .section .note.GNU-stack, ""
ASM
sed -i 's/, ""$/, "", %progbits/' cacerts.S
$CC -c cacerts.S -o cacerts.o
$AR rcs "$DST/lib/libcacerts.a" cacerts.o
cat >"$DST/include/cacerts.h" <<'HEADER'
/* gzip of a PEM text: from cacerts_gz up to cacerts_gz_end. */
extern const char cacerts_gz[], cacerts_gz_end[];
HEADER
