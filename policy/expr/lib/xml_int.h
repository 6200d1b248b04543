/* What the files of System.Xml.Linq's members share. */
#ifndef POLICY_EXPR_LIB_XML_INT_H
#define POLICY_EXPR_LIB_XML_INT_H

#include "policy/expr/lib/lib.h"
#include "policy/expr/lib/string_int.h"
#include "policy/expr/lib/xml.h"

#define NODE(v) OBJECT(v, xobject)
#define FIELD(v, i) (OBJECT(v, tuple_object)->f[i])

static inline struct expr_value xml_or_null(const struct xobject *x)
{
    return x ? object_value(x) : expr_value_null();
}

struct expr_value xml_make_namespace(struct vm *vm, struct expr_value uri);
/* Is x of that XName? */
bool xml_is_named(const struct xobject *x, struct expr_value name);
/* What a value becomes as text of an element or attribute; an exception for an XObject. */
struct expr_value xml_content_text(struct vm *vm, struct expr_value v);
/* Put content behind *after, which moves; text next to text is joined. False: exception. */
bool xml_insert(struct vm *vm, struct xobject *to, struct xobject **after, struct expr_value content);
/* The same at the end; attributes too. */
bool xml_append(struct vm *vm, struct xobject *to, struct expr_value content);
bool xml_add_attribute(struct vm *vm, struct xobject *e, struct xobject *x);
/* Order in the document, nulls first. Exception when two nodes have no ancestor in common. */
int xml_document_order(struct vm *vm, struct expr_value x, struct expr_value y);
/* Nodes looked at for the price of a step. */
#define NODES_PER_STEP 4
/* The attribute of an XName, or NULL; the search is charged. */
struct xobject *xml_find_attribute(struct vm *vm, struct xobject *e, struct expr_value name);

#endif
