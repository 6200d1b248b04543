/* System.Xml.Linq's trees: mutable, with parents and resolved names, in the evaluation's arena. The reader is our own:
 * it answers with .NET's messages, knows namespaces, and never looks at anything outside the text. */
#ifndef POLICY_EXPR_LIB_XML_H
#define POLICY_EXPR_LIB_XML_H

#include "policy/expr/vm.h"

/* Nesting of elements that is read, built and walked. */
#define XLINQ_DEPTH_MAX 200u
#define XMLNS_URI "http://www.w3.org/2000/xmlns/"
#define XML_URI "http://www.w3.org/XML/1998/namespace"

/* Any XObject. Attributes hang on an element's own list, all else on `first`. */
struct xobject {
    struct object head; /* XELEMENT, XATTRIBUTE, XTEXT, XCDATA, XCOMMENT, XPROCESSINGINSTRUCTION, XDOCUMENTTYPE or XDOCUMENT */
    struct xobject *parent, *next, *previous;
    struct xobject *first, *last;
    struct xobject *first_attr, *last_attr;
    struct expr_value ns, name; /* element, attribute; PI: the target; document type: its name */
    struct expr_value value;    /* attribute, text, comment, PI; document type: internal subset */
    struct expr_value extra[2]; /* document: declaration; document type: public and system id */
    uint16_t height;            /* at least the levels below it */
    bool open;                  /* an element without content that is written <a></a> */
};

struct xobject *xml_new(struct vm *vm, unsigned type);
bool xml_is(struct expr_value v); /* an XObject */
static inline bool xml_is_element(const struct xobject *x)
{
    return x->head.type->id == TYPE_XELEMENT;
}
/* Put child, which has no parent, behind `after` (NULL: first). False: exception. */
bool xml_link(struct vm *vm, struct xobject *to, struct xobject *after, struct xobject *child);
void xml_unlink(struct xobject *x);
struct xobject *xml_clone(struct vm *vm, const struct xobject *x, unsigned depth);
/* Parse a whole document. NULL: XmlException. */
struct xobject *xml_read(struct vm *vm, struct slice text, bool keep_space);
/* As ToString() writes it; options are SaveOptions. Exception for what XML cannot hold. */
void xml_write(struct vm *vm, struct buf *b, const struct xobject *x, unsigned options);
#define XML_UNFORMATTED 1u
#define XML_OMIT_DUPLICATES 2u
struct slice xml_name_text(struct vm *vm, struct expr_value ns, struct expr_value local);
bool xml_is_declaration(const struct xobject *attr);
/* The prefix a declaration binds: "" for xmlns="...". */
struct slice xml_declared_prefix(const struct xobject *declaration);
/* The prefix, not empty, that is bound to the URI at x, as XElement.GetPrefixOfNamespace finds it. */
bool xml_prefix_of(const struct xobject *x, struct slice uri, struct slice *out);
/* The URI bound to a prefix at x (NULL: none). */
const struct expr_value *xml_uri_of(const struct xobject *x, struct slice prefix);

#endif
