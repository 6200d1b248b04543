# libyaml: the publisher reads OpenAPI documents and settings in YAML.
unpack "$SRC"
define="-DYAML_VERSION_MAJOR=0 -DYAML_VERSION_MINOR=2 -DYAML_VERSION_PATCH=5 -DYAML_DECLARE_STATIC"
for file in api reader scanner parser loader; do
    $CC $CFLAGS -Os $define -DYAML_VERSION_STRING='"0.2.5"' -Iinclude -c "src/$file.c" -o "$file.o"
done
$AR rcs "$DST/lib/libyaml.a" ./*.o
cp include/yaml.h "$DST/include/"
