/* What connections are made of, per carrier, and used again: rooms, saved bytes, connection
 * objects, lists. */
#include "platform/conn_int.h"

#include <stdlib.h>
#include <sys/mman.h>

/* Kept for reuse on each carrier; what is above goes back to the system. */
#define CONNS_KEPT 256u
#define SAVED_KEPT 64u
#define ROOMS_KEPT 64u
#define ARENA_BYTES_MIN (64u * 1024)

/* ---- rooms ---- */

static size_t page_round(size_t n)
{
    return (n + 4095) & ~(size_t)4095;
}

/* room | field table | input | output | arena */
static struct room *room_map(const struct serving *s)
{
    size_t head = sizeof(struct room) + s->options.limits.fields * sizeof(struct http_field);
    size_t in_cap = http_request_head_max(&s->options.limits) + ROOM_BEYOND_HEAD;
    size_t arena =
        s->options.arena_bytes > ARENA_BYTES_MIN ? s->options.arena_bytes : ARENA_BYTES_MIN;
    size_t in_at = page_round(head), out_at = in_at + page_round(in_cap);
    size_t arena_at = out_at + page_round(ROOM_OUT_BYTES), mapped = arena_at + page_round(arena);
    char *p = mmap(NULL, mapped, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (p == MAP_FAILED)
        return NULL;
    struct room *r = (struct room *)p;
    r->mapped = mapped;
    r->table = (struct http_field *)(p + sizeof *r);
    r->in = p + in_at;
    r->in_cap = in_cap;
    r->out = p + out_at;
    arena_init_fixed(&r->arena, p + arena_at, arena);
    r->empty = arena_mark(&r->arena);
    return r;
}

static void room_unmap(struct room *r)
{
    arena_free(&r->arena);
    munmap(r, r->mapped);
}

/* The room that the next head is read into; it stays where it is until room_take. */
struct room *room_next(struct serving *s)
{
    if (!s->rooms) {
        s->rooms = room_map(s);
        s->room_count = s->rooms != NULL;
    }
    return s->rooms;
}

void room_take(struct conn *c)
{
    struct room *r = c->s->rooms;

    c->s->rooms = r->next;
    c->s->room_count--;
    c->room = r;
}

/* Of what was used the pages beyond `kept`; both begin on a page. */
static void give_back_pages(char *p, size_t used, size_t kept)
{
    if (used > kept)
        madvise(p + kept, page_round(used - kept), MADV_DONTNEED);
}

void room_give(struct conn *c)
{
    struct serving *s = c->s;
    struct room *r = c->room;

    c->room = NULL;
    if (!r)
        return;
    size_t peak = r->arena.peak;
    arena_reset(&r->arena, r->empty);
    r->arena.peak = 0;
    if (s->room_count >= ROOMS_KEPT) {
        room_unmap(r);
        return;
    }
    give_back_pages(r->in, r->head_n + ROOM_BEYOND_HEAD, ROOM_IN_KEPT + ROOM_BEYOND_HEAD);
    if (r->arena.fixed)
        give_back_pages(r->arena.fixed, peak, ROOM_ARENA_KEPT);
    r->next = s->rooms;
    s->rooms = r;
    s->room_count++;
}

/* ---- saved bytes ---- */

static uint32_t saved_class_for(size_t n)
{
    uint32_t class = 0;

    while (((size_t)256 << class) < n)
        class++;
    return class;
}

void conn_drop_saved(struct conn *c)
{
    struct serving *s = c->s;

    if (!c->saved)
        return;
    if (s->saved[c->saved_class].count < SAVED_KEPT) {
        *(void **)c->saved = s->saved[c->saved_class].first;
        s->saved[c->saved_class].first = c->saved;
        s->saved[c->saved_class].count++;
    } else {
        free(c->saved);
    }
    c->saved = NULL;
    c->saved_n = 0;
}

/* Keep n bytes at p with the connection; p is not what is saved already. */
bool conn_save(struct conn *c, const char *p, size_t n)
{
    struct serving *s = c->s;
    uint32_t class = saved_class_for(n);

    if (!c->saved || c->saved_class != class) {
        conn_drop_saved(c);
        c->saved = s->saved[class].first;
        if (c->saved) {
            s->saved[class].first = *(void **)c->saved;
            s->saved[class].count--;
        } else {
            c->saved = malloc((size_t)256 << class);
        }
        if (!c->saved)
            return false;
        c->saved_class = class;
    }
    memcpy(c->saved, p, n);
    c->saved_n = (uint32_t)n;
    return true;
}

/* ---- lists ---- */

void conn_list_push(struct conn_list *l, struct conn *c)
{
    c->next = NULL;
    c->previous = l->last;
    if (l->last)
        l->last->next = c;
    else
        l->first = c;
    l->last = c;
}

void conn_list_push_front(struct conn_list *l, struct conn *c)
{
    c->previous = NULL;
    c->next = l->first;
    if (l->first)
        l->first->previous = c;
    else
        l->last = c;
    l->first = c;
}

void conn_list_remove(struct conn_list *l, struct conn *c)
{
    if (c->previous)
        c->previous->next = c->next;
    else
        l->first = c->next;
    if (c->next)
        c->next->previous = c->previous;
    else
        l->last = c->previous;
}

void conn_park(struct conn *c)
{
    if (c->parked)
        return;
    c->parked = true;
    conn_list_push(&c->s->parked[c->tls], c);
    count_adjust(&c->s->counts.parked[c->tls], 1);
}

void conn_unpark(struct conn *c)
{
    if (!c->parked)
        return;
    c->parked = false;
    conn_list_remove(&c->s->parked[c->tls], c);
    count_adjust(&c->s->counts.parked[c->tls], -1);
}

/* ---- connection objects ---- */

struct conn *conn_new(struct serving *s)
{
    struct conn *c = s->free_conns;

    if (c) {
        s->free_conns = c->next;
        s->free_count--;
    } else {
        c = malloc(sizeof *c);
        if (!c)
            return NULL;
    }
    memset(c, 0, sizeof *c);
    c->s = s;
    c->stream.sock.fd = -1;
    c->all_next = s->all;
    if (s->all)
        s->all->all_previous = c;
    s->all = c;
    return c;
}

void conn_free(struct conn *c)
{
    struct serving *s = c->s;

    if (c->all_previous)
        c->all_previous->all_next = c->all_next;
    else
        s->all = c->all_next;
    if (c->all_next)
        c->all_next->all_previous = c->all_previous;
    if (s->free_count >= CONNS_KEPT) {
        free(c);
        return;
    }
    c->next = s->free_conns;
    s->free_conns = c;
    s->free_count++;
}

void conn_pools_free(struct serving *s)
{
    while (s->rooms) {
        struct room *r = s->rooms;
        s->rooms = r->next;
        room_unmap(r);
    }
    while (s->free_conns) {
        struct conn *c = s->free_conns;
        s->free_conns = c->next;
        free(c);
    }
    for (unsigned i = 0; i < SAVED_CLASSES; i++) {
        while (s->saved[i].first) {
            void *p = s->saved[i].first;
            s->saved[i].first = *(void **)p;
            free(p);
        }
        s->saved[i].count = 0;
    }
    s->free_count = s->room_count = 0;
}
