/* TimeZoneInfo over a compiled-in table: an expression reads no file. See zones.def. */
#include "policy/expr/lib/time.h"

enum rule { RULE_NONE, RULE_EU, RULE_US, RULE_AU, RULE_NZ, RULE_CL };

struct zone {
    struct slice iana, windows;
    int offset; /* minutes, standard time */
    enum rule rule;
};

static const struct zone zones[] = {
#define ZONE(iana, windows, offset, rule) { SLICE_INIT(iana), SLICE_INIT(windows), offset, RULE_##rule },
#include "policy/expr/lib/zones.def"
#undef ZONE
};

struct zone_object {
    struct object head;
    const struct zone *zone;
    struct slice id; /* as it was asked for */
};

static struct expr_value zone_value(struct vm *vm, const struct zone *zone, struct slice id)
{
    struct zone_object *o = vm_new(vm, struct zone_object);

    if (!o)
        return expr_value_null();
    o->head.type = TYPE_OF(TIMEZONEINFO);
    o->zone = zone;
    o->id = id;
    return object_value(o);
}

/* ---- daylight saving ---- */

/* Ticks at 00:00 of the nth (1..) or last (0) Sunday of a month, not before `from`. */
static int64_t sunday(int year, int month, int nth, int from)
{
    struct date_parts p = { year, month, nth ? from : date_month_days(year, month), 0, 0, 0, 0 };
    int64_t ticks;

    (void)date_join(&p, &ticks);
    int weekday = date_weekday(ticks);
    if (!nth)
        return ticks - weekday * TICKS_PER_DAY;
    return ticks + ((7 - weekday) % 7 + (nth - 1) * 7) * TICKS_PER_DAY;
}

/* In UTC: when daylight saving begins and ends in a year. South of the equator it ends before it begins. */
static bool transitions(const struct zone *z, int year, int64_t *begin, int64_t *end)
{
    int64_t offset = z->offset * TICKS_PER_MINUTE;

    switch (z->rule) {
    case RULE_EU:
        *begin = sunday(year, 3, 0, 1) + TICKS_PER_HOUR;
        *end = sunday(year, 10, 0, 1) + TICKS_PER_HOUR;
        return true;
    case RULE_US:
        *begin = sunday(year, 3, 2, 1) + 2 * TICKS_PER_HOUR - offset;
        *end = sunday(year, 11, 1, 1) + TICKS_PER_HOUR - offset;
        return true;
    case RULE_AU:
        *begin = sunday(year, 10, 1, 1) + 2 * TICKS_PER_HOUR - offset;
        *end = sunday(year, 4, 1, 1) + 2 * TICKS_PER_HOUR - offset;
        return true;
    case RULE_NZ:
        *begin = sunday(year, 9, 0, 1) + 2 * TICKS_PER_HOUR - offset;
        *end = sunday(year, 4, 1, 1) + 2 * TICKS_PER_HOUR - offset;
        return true;
    case RULE_CL:
        *begin = sunday(year, 9, 1, 2) + 4 * TICKS_PER_HOUR;
        *end = sunday(year, 4, 1, 2) + 3 * TICKS_PER_HOUR;
        return true;
    default:
        return false;
    }
}

static bool is_dst(const struct zone *z, int64_t utc)
{
    struct date_parts p;
    int64_t begin, end;

    date_split(utc, &p);
    if (!transitions(z, p.year, &begin, &end))
        return false;
    return begin < end ? utc >= begin && utc < end : utc >= begin || utc < end;
}

static int64_t offset_at(const struct zone *z, int64_t utc)
{
    return (z->offset + (is_dst(z, utc) ? 60 : 0)) * TICKS_PER_MINUTE;
}

/* The UTC time of a local one; in the hour that comes twice the later reading (standard time), as .NET takes it. */
static int64_t utc_of_local(const struct zone *z, int64_t local)
{
    int64_t standard = local - z->offset * TICKS_PER_MINUTE, daylight = standard - TICKS_PER_HOUR;

    return is_dst(z, daylight) && is_dst(z, standard) ? daylight : is_dst(z, daylight) && !is_dst(z, standard) ? standard : standard;
}

/* ---- members ---- */

NATIVE(zone_utc)
{
    return zone_value(vm, &zones[0], SLICE("UTC"));
}

static const struct zone *find_zone(struct slice id)
{
    if (slice_eq_icase(id, SLICE("UTC")) || slice_eq_icase(id, SLICE("Etc/GMT")) || slice_eq_icase(id, SLICE("GMT")))
        return &zones[0];
    for (size_t i = 0; i < COUNT_OF(zones); i++)
        if (slice_eq_icase(id, zones[i].iana) || slice_eq_icase(id, zones[i].windows))
            return &zones[i];
    return NULL;
}

static const struct zone *need_zone(struct vm *vm, struct expr_value id)
{
    if (id.kind != EXPR_STRING) {
        vm_throw_arg_null(vm, "id");
        return NULL;
    }
    const struct zone *z = find_zone(text_slice(id));
    if (!z)
        vm_throw(vm, TYPE_TIMEZONENOTFOUNDEXCEPTION, "The time zone ID '%.*s' was not found on the local computer.",
                 SLICE_ARG(text_slice(id)));
    return z;
}

NATIVE(zone_find)
{
    const struct zone *z = need_zone(vm, a[0]);

    return z ? zone_value(vm, z, text_slice(a[0])) : expr_value_null();
}

NATIVE(zone_id)
{
    return text_value(OBJECT(a[0], zone_object)->id);
}

NATIVE(zone_display_name)
{
    const struct zone_object *o = OBJECT(a[0], zone_object);
    int minutes = o->zone->offset < 0 ? -o->zone->offset : o->zone->offset;

    if (o->zone == &zones[0])
        return TEXT("(UTC) Coordinated Universal Time");
    return str_printf(vm, "(UTC%c%02d:%02d) %.*s", o->zone->offset < 0 ? '-' : '+', minutes / 60, minutes % 60, SLICE_ARG(o->id));
}

NATIVE(zone_base_offset)
{
    return val_span(OBJECT(a[0], zone_object)->zone->offset * TICKS_PER_MINUTE);
}

NATIVE(zone_supports_dst)
{
    return val_bool(OBJECT(a[0], zone_object)->zone->rule != RULE_NONE);
}

/* Of a DateTime without a kind the time is the zone's own. */
static int64_t utc_in(const struct zone *z, struct expr_value v)
{
    return v.kind == EXPR_DATETIME && v.aux == DATE_UNSPECIFIED ? utc_of_local(z, v.i) : date_utc_ticks(v);
}

static const struct zone *zone_of(struct vm *vm, struct expr_value v, const char *param)
{
    if (v.kind == EXPR_OBJECT)
        return OBJECT(v, zone_object)->zone;
    vm_throw_arg_null(vm, param);
    return NULL;
}

NATIVE(zone_get_offset)
{
    const struct zone *z = zone_of(vm, a[0], "this");

    return z ? val_span(offset_at(z, utc_in(z, a[1]))) : expr_value_null();
}

NATIVE(zone_is_dst)
{
    const struct zone *z = zone_of(vm, a[0], "this");

    return val_bool(z && is_dst(z, utc_in(z, a[1])));
}

static struct expr_value convert(struct vm *vm, int64_t utc, const struct zone *to, bool is_offset)
{
    int64_t offset = offset_at(to, utc), local = utc + offset;

    if (is_offset)
        return offset_make(vm, local, offset);
    if (local < 0 || local > TICKS_MAX)
        local = local < 0 ? 0 : TICKS_MAX;
    return val_date(local, to == &zones[0] ? DATE_UTC : DATE_UNSPECIFIED);
}

NATIVE(zone_convert)
{
    const struct zone *to = zone_of(vm, a[1], "destinationTimeZone");

    return to ? convert(vm, date_utc_ticks(a[0]), to, a[0].kind == EXPR_OFFSETTIME) : expr_value_null();
}

NATIVE(zone_convert_from_utc)
{
    const struct zone *to = zone_of(vm, a[1], "destinationTimeZone");

    if (to && a[0].aux == DATE_LOCAL)
        return vm_throw(vm, TYPE_ARGUMENTEXCEPTION, "The conversion could not be completed because the supplied DateTime did not have "
                        "the Kind property set correctly. (Parameter 'sourceTimeZone')");
    return to ? convert(vm, a[0].i, to, false) : expr_value_null();
}

NATIVE(zone_convert_to_utc)
{
    const struct zone *from = zone_of(vm, a[1], "sourceTimeZone");

    return from ? val_date(utc_in(from, a[0]), DATE_UTC) : expr_value_null();
}

NATIVE(zone_convert_between)
{
    const struct zone *from = zone_of(vm, a[1], "sourceTimeZone"), *to = from ? zone_of(vm, a[2], "destinationTimeZone") : NULL;

    return to ? convert(vm, utc_in(from, a[0]), to, false) : expr_value_null();
}

NATIVE(zone_convert_id)
{
    const struct zone *to = need_zone(vm, a[1]);

    return to ? convert(vm, date_utc_ticks(a[0]), to, a[0].kind == EXPR_OFFSETTIME) : expr_value_null();
}
