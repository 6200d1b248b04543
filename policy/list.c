/* The list of policies, out of policies.def, and the built-in global policy. */
#include "platform/base/nearest.h"
#include "policy/comp_int.h"

struct entry {
    const struct policy_def *def; /* of built ones: name, sections and doc are there */
    struct policy_info info;
};

static const struct entry entries[] = {
#define POLICY(symbol) { .def = &policy_##symbol },
#define UNBUILT(element, in) { .info = { .name = element, .sections = in, .state = POLICY_UNBUILT } },
#define SKIPPED(element) { .info = { .name = element, .sections = SECTIONS_ALL, .state = POLICY_SKIPPED } },
#include "policy/policies.def"
#undef POLICY
#undef UNBUILT
#undef SKIPPED
};

static struct policy_info info_of(const struct entry *e)
{
    if (!e->def)
        return e->info;
    return (struct policy_info){
        .name = e->def->name, .doc = e->def->doc, .sections = e->def->sections, .state = POLICY_BUILT
    };
}

static struct slice name_at(const void *list, size_t i)
{
    const struct entry *e = &((const struct entry *)list)[i];

    return slice_from(e->def ? e->def->name : e->info.name);
}

bool policy_info_at(size_t i, struct policy_info *out)
{
    if (i >= COUNT_OF(entries))
        return false;
    *out = info_of(&entries[i]);
    return true;
}

bool list_find(struct slice name, struct policy_info *info, const struct policy_def **def)
{
    for (size_t i = 0; i < COUNT_OF(entries); i++) {
        if (!slice_eq(name_at(entries, i), name))
            continue;
        *info = info_of(&entries[i]);
        *def = entries[i].def;
        return true;
    }
    return false;
}

const char *list_nearest(struct slice name)
{
    ptrdiff_t i = nearest_find(name, entries, COUNT_OF(entries), name_at);

    return i < 0 ? NULL : name_at(entries, (size_t)i).p;
}

/* "Built-in global default: backend <forward-request/>, the others empty" (gateway.md 2.4). */
extern const struct policy_block policy_default_backend;
static const struct policy_block nothing;

const struct policy_document list_default_document = {
    .scope = SCOPE_GLOBAL,
    .file = "built-in",
    .sections = { [SECTION_INBOUND] = &nothing,
                  [SECTION_BACKEND] = &policy_default_backend,
                  [SECTION_OUTBOUND] = &nothing,
                  [SECTION_ON_ERROR] = &nothing },
};
