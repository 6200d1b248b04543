/* XML reading by libxml2, behind our own tree; xml.c is the only file that includes it. Trees are immutable
 * and live in an arena. No DTD, no external entity, no network: a document type declaration is an error.
 * Namespaces are not resolved: names are as written ("soap:Envelope"), xmlns attributes are attributes;
 * xml_namespace() looks one up.
 *
 * Offsets are bytes into the text that was parsed, so that what is wrong inside a value can be shown at its
 * place. */
#ifndef PLATFORM_XML_H
#define PLATFORM_XML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "platform/base/arena.h"
#include "platform/base/slice.h"

enum xml_type { XML_ELEMENT, XML_TEXT, XML_CDATA, XML_COMMENT, XML_PI };

struct xml_attr {
    const struct xml_attr *next;
    struct slice name;
    struct slice value; /* decoded */
    uint32_t name_at;   /* where the name begins */
    uint32_t value_at;  /* where the value begins, behind the quote */
    uint32_t index;     /* counts all attributes of the document */
};

struct xml_node {
    enum xml_type type;
    uint32_t index;                 /* counts all nodes of the document, in document order */
    const struct xml_node *parent;  /* NULL: a top node */
    const struct xml_node *next;    /* next sibling of any type */
    const struct xml_node *children;
    const struct xml_attr *attrs;   /* in order of writing */
    struct slice name;              /* elements: as written; PI: the target */
    struct slice text;              /* decoded text, comment, data of a PI */
    uint32_t at, end;               /* the whole node: [at, end) */
    uint32_t inner_at, inner_end;   /* elements: between the tags; text: as at and end */
};

struct xml_options {
    bool comments; /* keep comments and PIs (else dropped; text around them stays two nodes) */
};

struct xml_error {
    uint32_t offset;      /* where */
    unsigned line, column; /* the same, 1-based, column in bytes */
    char message[256];
};

struct xml_document {
    const struct xml_node *root; /* the root element */
    const struct xml_node *top;  /* first top node: comments and PIs before and behind the root too */
    struct slice text;           /* what was parsed */
    uint32_t nodes, attrs;       /* how many there are */
};

/* Nesting of elements; deeper documents are refused. */
#define XML_DEPTH_MAX 200u

/* Parse a whole document in UTF-8 (a byte order mark is skipped, a declared encoding is not looked at:
 * whoever has the bytes knows better). text must live as long as the tree. NULL with *err set on failure.
 * libxml2 allocates while it reads. */
const struct xml_document *xml_parse(struct arena *a, struct slice text, const struct xml_options *options,
                                     struct xml_error *err);

/* First child element of that name (NULL: of any), and the next one behind a node. */
const struct xml_node *xml_child(const struct xml_node *n, const char *name);
const struct xml_node *xml_next(const struct xml_node *n, const char *name);
const struct xml_attr *xml_attr(const struct xml_node *n, const char *name);
/* The URI bound to a prefix (empty: the default namespace) at n; p == NULL when none is. */
struct slice xml_namespace(const struct xml_node *n, struct slice prefix);
/* Text and CDATA children one after the other; a single one is not copied. p == NULL when there is none or
 * the arena is full. */
struct slice xml_text(struct arena *a, const struct xml_node *n);

/* Where byte `decoded` of a decoded attribute value or text node stands in the source it came from, which is
 * raw. */
size_t xml_locate(struct slice raw, bool is_attr, size_t decoded);
/* Decode references and line ends as the parser does; raw itself when there is nothing to decode. p == NULL:
 * arena full. */
struct slice xml_decode(struct arena *a, struct slice raw, bool is_attr);
/* Line and column of an offset: from 1, in characters; a byte order mark is none. */
void xml_line_column(struct slice text, size_t offset, unsigned *line, unsigned *column);

/* Append s with & < > and, for attributes, quotes and white space other than blanks, escaped. */
struct buf;
void xml_put_text(struct buf *b, struct slice s);
void xml_put_attr(struct buf *b, struct slice s);

#endif
