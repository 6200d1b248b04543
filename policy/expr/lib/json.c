/* JToken and its classes: members. The tree is in json_tree.c, reading in json_read.c. */
#include "policy/expr/lib/json.h"
#include "policy/expr/lib/string_int.h"

#define TOKEN(v) OBJECT(v, jtoken)
/* Names compared for the price of a step. */
#define PROPERTIES_PER_STEP 16

static struct expr_value token_value(struct jtoken *t)
{
    return t ? object_value(t) : expr_value_null();
}

static struct expr_value parse(struct vm *vm, struct expr_value text, unsigned type)
{
    if (text.kind == EXPR_NULL)
        return vm_throw_arg_null(vm, "s");
    return token_value(json_read(vm, text_slice(text), type));
}

NATIVE(jtoken_parse)
{
    return parse(vm, a[0], TYPE_JTOKEN);
}

NATIVE(jobject_parse)
{
    return parse(vm, a[0], TYPE_JOBJECT);
}

NATIVE(jarray_parse)
{
    return parse(vm, a[0], TYPE_JARRAY);
}

NATIVE(jtoken_type)
{
    NEED_THIS;
    return val_enum(TYPE_JTOKENTYPE, TOKEN(a[0])->kind);
}

NATIVE(jtoken_parent)
{
    NEED_THIS;
    return token_value(TOKEN(a[0])->parent);
}

NATIVE(jtoken_has_values)
{
    NEED_THIS;
    return val_bool(TOKEN(a[0])->n > 0);
}

static struct expr_value print(struct vm *vm, const struct jtoken *t, bool indented)
{
    struct buf b;

    buf_init(&b, vm->arena);
    json_print(vm, &b, t, indented);
    if (b.failed)
        return vm_throw_budget(vm, "memory");
    return text_value(buf_slice(&b));
}

NATIVE(jtoken_to_string)
{
    const struct jtoken *t;

    NEED_THIS;
    t = TOKEN(a[0]);
    if (!json_is_container(t))
        return t->value.kind == EXPR_NULL ? TEXT("") : value_to_string(vm, t->value);
    return print(vm, t, true);
}

NATIVE(jtoken_to_string_formatting)
{
    NEED_THIS;
    return print(vm, TOKEN(a[0]), a[1].i == 1);
}

static struct expr_value object_item(struct jtoken *t, struct expr_value name)
{
    struct jtoken *p = name.kind == EXPR_STRING ? json_property(t, text_slice(name)) : NULL;

    return p ? object_value(p->items[0]) : expr_value_null();
}

static struct expr_value array_item(struct vm *vm, struct jtoken *t, int64_t i)
{
    return i < 0 || i >= t->n ? vm_throw_index(vm) : object_value(t->items[i]);
}

static struct expr_value bad_key(struct vm *vm, const struct jtoken *t, struct expr_value key, const char *did)
{
    bool text = key.kind == EXPR_STRING;
    const char *expected = t->kind == JSON_K_OBJECT ? "Object property name" : t->kind == JSON_K_ARRAY ? "Int32 array index" : "Argument position index";

    if (key.kind == EXPR_NULL)
        return vm_throw_arg_null(vm, "key");
    return vm_throw(vm, TYPE_ARGUMENTEXCEPTION, "%s %s values with invalid key value: %s%.*s%s. %s expected.", did, type_defs[t->head.type->id].name,
                    text ? "\"" : "", SLICE_ARG(value_text(vm, key)), text ? "\"" : "", expected);
}

/* token[key]: by the token's own class. */
NATIVE(jtoken_item)
{
    struct jtoken *t;

    NEED_THIS;
    t = TOKEN(a[0]);
    switch (t->head.type->id) {
    case TYPE_JOBJECT:
        return a[1].kind == EXPR_STRING ? object_item(t, a[1]) : bad_key(vm, t, a[1], "Accessed");
    case TYPE_JARRAY:
        return a[1].kind == EXPR_I32 ? array_item(vm, t, a[1].i) : bad_key(vm, t, a[1], "Accessed");
    case TYPE_JCONSTRUCTOR:
        return a[1].kind == EXPR_I32 ? array_item(vm, t, a[1].i) : bad_key(vm, t, a[1], "Accessed");
    default:
        return vm_throw(vm, TYPE_INVALIDOPERATIONEXCEPTION, "Cannot access child value on %s.%s.", type_defs[t->head.type->id].ns,
                        type_defs[t->head.type->id].name);
    }
}

NATIVE(jobject_item)
{
    NEED_THIS;
    NEED(1, "propertyName");
    return object_item(TOKEN(a[0]), a[1]);
}

NATIVE(jarray_item)
{
    NEED_THIS;
    return array_item(vm, TOKEN(a[0]), a[1].i);
}

static struct expr_value set_array(struct vm *vm, struct jtoken *t, int64_t i, struct expr_value v)
{
    if (i < 0 || i >= t->n)
        return vm_throw(vm, TYPE_ARGUMENTOUTOFRANGEEXCEPTION, i < 0 ? "Index is less than 0. (Parameter 'index')"
                                                                    : "Index is equal to or greater than Count. (Parameter 'index')");
    json_put(vm, t, (uint32_t)i, json_content(vm, v));
    return expr_value_null();
}

NATIVE(jtoken_set_item)
{
    struct jtoken *t;

    NEED_THIS;
    t = TOKEN(a[0]);
    if (t->kind > JSON_K_CONSTRUCTOR)
        return vm_throw(vm, TYPE_INVALIDOPERATIONEXCEPTION, "Cannot set child value on Newtonsoft.Json.Linq.%s.", type_defs[t->head.type->id].name);
    if (t->kind != JSON_K_OBJECT)
        return a[1].kind == EXPR_I32 ? set_array(vm, t, a[1].i, a[2]) : bad_key(vm, t, a[1], "Set");
    if (a[1].kind != EXPR_STRING)
        return bad_key(vm, t, a[1], "Set");
    json_set(vm, t, a[1], json_content(vm, a[2]));
    return expr_value_null();
}

NATIVE(jobject_set_item)
{
    NEED_THIS;
    json_set(vm, TOKEN(a[0]), a[1], json_content(vm, a[2]));
    return expr_value_null();
}

NATIVE(jarray_set_item)
{
    NEED_THIS;
    return set_array(vm, TOKEN(a[0]), a[1].i, a[2]);
}

NATIVE(jtoken_from)
{
    struct expr_value v = a[0];

    if (v.kind >= EXPR_I8 && v.kind <= EXPR_I64) /* Newtonsoft keeps every integer as long */
        v.kind = EXPR_I64;
    return token_value(json_value(vm, v));
}

NATIVE(jtoken_to)
{
    return json_convert(vm, a[0], site->ret);
}

NATIVE(jtoken_value)
{
    NEED_THIS;
    return json_change(vm, a[0], site->targs[0]);
}

NATIVE(jtoken_value_of)
{
    struct expr_value item;

    NEED_THIS;
    item = net_jtoken_item(vm, site, a);
    return vm->thrown ? item : json_change(vm, item, site->targs[0]);
}

/* Children as a list: what foreach over a token walks. */
NATIVE(jtoken_iterate)
{
    const struct jtoken *t;
    struct list_object *l;

    NEED_THIS;
    t = TOKEN(a[0]);
    l = list_make(vm, &type_list_object, t->n);
    for (uint32_t i = 0; l && i < t->n; i++)
        l->items[l->n++] = object_value(t->items[i]);
    if (l)
        l->watch = &t->version;
    return l ? object_value(l) : expr_value_null();
}

/* What foreach over a JObject walks: KeyValuePair<string, JToken>. */
NATIVE(jobject_pairs)
{
    static const struct type *const args[] = { TYPE_OF(STRING), TYPE_OF(JTOKEN) };
    static const struct type pair = { .id = TYPE_KEYVALUEPAIR, .n = 2, .args = args };
    const struct jtoken *t;
    struct list_object *l;

    NEED_THIS;
    t = TOKEN(a[0]);
    l = list_make(vm, &type_list_object, t->n);
    for (uint32_t i = 0; l && i < t->n && !vm->thrown; i++)
        l->items[l->n++] = tuple_make2(vm, &pair, t->items[i]->value, object_value(t->items[i]->items[0]));
    if (l)
        l->watch = &t->version;
    return l ? object_value(l) : expr_value_null();
}

NATIVE(jcontainer_count)
{
    NEED_THIS;
    return val_int((int32_t)TOKEN(a[0])->n);
}

NATIVE(jcontainer_add)
{
    NEED_THIS;
    json_add_content(vm, TOKEN(a[0]), a[1]);
    return expr_value_null();
}

NATIVE(jcontainer_add_first)
{
    uint32_t at = 0;

    NEED_THIS;
    json_insert_content(vm, TOKEN(a[0]), &at, a[1]);
    return expr_value_null();
}

NATIVE(jcontainer_remove_all)
{
    NEED_THIS;
    while (TOKEN(a[0])->n)
        json_remove(TOKEN(a[0]), TOKEN(a[0])->n - 1);
    return expr_value_null();
}

NATIVE(jcontainer_replace_all)
{
    net_jcontainer_remove_all(vm, site, a);
    return vm->thrown ? expr_value_null() : net_jcontainer_add(vm, site, a);
}

static struct expr_value with_content(struct vm *vm, unsigned type, enum json_kind kind, struct expr_value params)
{
    struct jtoken *t = json_new(vm, type, kind);
    const struct list_object *l = params.p;

    for (uint32_t i = 0; t && params.kind == EXPR_OBJECT && i < l->n; i++)
        if (!json_add_content(vm, t, l->items[i]))
            return expr_value_null();
    return token_value(t);
}

NATIVE(jobject_new_empty)
{
    return token_value(json_new(vm, TYPE_JOBJECT, JSON_K_OBJECT));
}

NATIVE(jarray_new_empty)
{
    return token_value(json_new(vm, TYPE_JARRAY, JSON_K_ARRAY));
}

NATIVE(jobject_new)
{
    return with_content(vm, TYPE_JOBJECT, JSON_K_OBJECT, a[0]);
}

NATIVE(jarray_new)
{
    return with_content(vm, TYPE_JARRAY, JSON_K_ARRAY, a[0]);
}

static struct expr_value with_one(struct vm *vm, struct jtoken *t, struct expr_value content)
{
    return t && json_add_content(vm, t, content) ? object_value(t) : expr_value_null();
}

NATIVE(jobject_new_one)
{
    return with_one(vm, json_new(vm, TYPE_JOBJECT, JSON_K_OBJECT), a[0]);
}

NATIVE(jarray_new_one)
{
    return with_one(vm, json_new(vm, TYPE_JARRAY, JSON_K_ARRAY), a[0]);
}

NATIVE(jtoken_new_copy)
{
    if (a[0].kind == EXPR_NULL)
        return vm_throw_arg_null(vm, "other");
    return token_value(json_clone(vm, TOKEN(a[0])));
}

NATIVE(jconstructor_new_empty)
{
    struct jtoken *t = json_new(vm, TYPE_JCONSTRUCTOR, JSON_K_CONSTRUCTOR);

    if (t)
        t->value = TEXT("");
    return token_value(t);
}

NATIVE(jconstructor_set_name)
{
    NEED_THIS;
    TOKEN(a[0])->value = a[1];
    return expr_value_null();
}

NATIVE(jconstructor_new)
{
    struct jtoken *t = json_new(vm, TYPE_JCONSTRUCTOR, JSON_K_CONSTRUCTOR);

    if (a[0].kind == EXPR_NULL)
        return vm_throw_arg_null(vm, "name");
    if (!t)
        return expr_value_null();
    t->value = a[0];
    return site->n < 2 ? object_value(t) : with_one(vm, t, a[1]);
}

NATIVE(jobject_contains_key)
{
    NEED_THIS;
    NEED(1, "propertyName");
    return val_bool(json_property(TOKEN(a[0]), text_slice(a[1])));
}

NATIVE(jobject_add)
{
    struct jtoken *p, *value;

    NEED_THIS;
    if (a[1].kind == EXPR_NULL)
        return vm_throw_arg_null(vm, "name");
    p = json_new(vm, TYPE_JPROPERTY, JSON_K_PROPERTY);
    value = p ? json_content(vm, a[2]) : NULL;
    if (!value)
        return expr_value_null();
    p->value = a[1];
    if (json_append(vm, p, value))
        json_insert(vm, TOKEN(a[0]), TOKEN(a[0])->n, p);
    return expr_value_null();
}

/* The property of an object; comparison: a StringComparison, odd ones ignore case. An exact match goes first. */
static struct jtoken *find_property(struct vm *vm, struct jtoken *o, struct expr_value name, int64_t comparison)
{
    struct jtoken *p;

    if (name.kind != EXPR_STRING)
        return NULL;
    p = json_property(o, text_slice(name));
    if (!p && !vm_charge(vm, o->n / PROPERTIES_PER_STEP))
        return NULL;
    for (uint32_t i = 0; !p && comparison % 2 && i < o->n; i++)
        if (text_equals_icase(vm, o->items[i]->value, name))
            p = o->items[i];
    return p;
}

NATIVE(jobject_remove)
{
    struct jtoken *p;

    NEED_THIS;
    if (a[1].kind == EXPR_NULL)
        return vm_throw_arg_null(vm, "propertyName");
    p = find_property(vm, TOKEN(a[0]), a[1], 4);
    if (p)
        json_remove(TOKEN(a[0]), json_index(vm, p));
    return val_bool(p != NULL);
}

NATIVE(jobject_property)
{
    NEED_THIS;
    return token_value(find_property(vm, TOKEN(a[0]), a[1], site->n > 2 ? a[2].i : 4));
}

NATIVE(jobject_get_value)
{
    struct jtoken *p;

    NEED_THIS;
    p = find_property(vm, TOKEN(a[0]), a[1], site->n > 2 ? a[2].i : 4);
    return p ? object_value(p->items[0]) : expr_value_null();
}

static struct expr_value try_get(struct vm *vm, struct jtoken *o, struct expr_value name, int64_t comparison, struct expr_value *out)
{
    struct jtoken *p = find_property(vm, o, name, comparison);

    *out = p ? object_value(p->items[0]) : expr_value_null();
    return val_bool(p != NULL);
}

NATIVE(jobject_try_get)
{
    NEED_THIS;
    return try_get(vm, TOKEN(a[0]), a[1], 4, &a[2]);
}

NATIVE(jobject_try_get_case)
{
    NEED_THIS;
    return try_get(vm, TOKEN(a[0]), a[1], a[2].i, &a[3]);
}

NATIVE(jarray_read_only)
{
    return val_bool(false);
}

/* By reference: what Newtonsoft's list of tokens does. */
NATIVE(jarray_index_of)
{
    NEED_THIS;
    for (uint32_t i = 0; i < TOKEN(a[0])->n; i++)
        if (TOKEN(a[0])->items[i] == a[1].p && a[1].kind == EXPR_OBJECT)
            return val_int((int32_t)i);
    return val_int(-1);
}

NATIVE(jarray_contains)
{
    NEED_THIS;
    return val_bool(net_jarray_index_of(vm, site, a).i >= 0);
}

NATIVE(jarray_insert)
{
    NEED_THIS;
    if (a[1].i < 0 || a[1].i > TOKEN(a[0])->n)
        return vm_throw(vm, TYPE_ARGUMENTOUTOFRANGEEXCEPTION, "Index must be within the bounds of the List. (Parameter 'index')");
    json_insert(vm, TOKEN(a[0]), (uint32_t)a[1].i, json_content(vm, a[2]));
    return expr_value_null();
}

NATIVE(jarray_remove)
{
    struct expr_value i;

    NEED_THIS;
    i = net_jarray_index_of(vm, site, a);
    if (i.i >= 0)
        json_remove(TOKEN(a[0]), (uint32_t)i.i);
    return val_bool(i.i >= 0);
}

NATIVE(jarray_remove_at)
{
    NEED_THIS;
    if (a[1].i < 0 || a[1].i >= TOKEN(a[0])->n)
        return vm_throw(vm, TYPE_ARGUMENTOUTOFRANGEEXCEPTION, "Index is equal to or greater than Count. (Parameter 'index')");
    vm_charge(vm, (TOKEN(a[0])->n - (uint32_t)a[1].i) / 64);
    json_remove(TOKEN(a[0]), (uint32_t)a[1].i);
    return expr_value_null();
}

/* The value of a property: one token, or an array of several. */
static struct jtoken *property_content(struct vm *vm, struct expr_value content)
{
    struct jtoken *array;

    if (!json_is_multi(vm, content))
        return json_content(vm, content);
    array = json_new(vm, TYPE_JARRAY, JSON_K_ARRAY);
    return array && json_add_content(vm, array, content) ? array : NULL;
}

NATIVE(jproperty_new)
{
    struct jtoken *p, *value;

    if (a[0].kind == EXPR_NULL)
        return vm_throw_arg_null(vm, "name");
    p = json_new(vm, TYPE_JPROPERTY, JSON_K_PROPERTY);
    value = p ? property_content(vm, a[1]) : NULL;
    if (!value)
        return expr_value_null();
    p->value = a[0];
    return json_append(vm, p, value) ? object_value(p) : expr_value_null();
}

NATIVE(jproperty_name)
{
    NEED_THIS;
    return TOKEN(a[0])->value;
}

NATIVE(jproperty_value)
{
    NEED_THIS;
    return TOKEN(a[0])->n ? object_value(TOKEN(a[0])->items[0]) : expr_value_null();
}

NATIVE(jproperty_set_value)
{
    struct jtoken *p, *v;

    NEED_THIS;
    p = TOKEN(a[0]);
    v = json_content(vm, a[1]);
    if (p->n)
        json_put(vm, p, 0, v);
    else
        json_insert(vm, p, 0, v);
    return expr_value_null();
}

NATIVE(jvalue_new)
{
    return token_value(json_value(vm, a[0]));
}

NATIVE(jvalue_new_char)
{
    return token_value(json_value(vm, value_to_string(vm, a[0])));
}

NATIVE(jvalue_create_null)
{
    return token_value(json_value(vm, expr_value_null()));
}

NATIVE(jvalue_create_undefined)
{
    return token_value(json_new(vm, TYPE_JVALUE, JSON_K_UNDEFINED));
}

NATIVE(jraw_new)
{
    struct jtoken *t = json_new(vm, TYPE_JRAW, JSON_K_RAW);

    if (t)
        t->value = a[0];
    return token_value(t);
}

NATIVE(jvalue_value)
{
    NEED_THIS;
    return TOKEN(a[0])->value;
}

NATIVE(jvalue_set_value)
{
    struct jtoken *t;

    NEED_THIS;
    t = json_value(vm, a[1]);
    if (t) {
        TOKEN(a[0])->value = t->value;
        TOKEN(a[0])->kind = TOKEN(a[0])->kind == JSON_K_RAW ? JSON_K_RAW : t->kind;
    }
    return expr_value_null();
}

NATIVE(jvalue_to_string_format)
{
    NEED_THIS;
    if (TOKEN(a[0])->value.kind == EXPR_NULL)
        return TEXT("");
    return format_value(vm, TOKEN(a[0])->value, a[1].kind == EXPR_STRING ? text_slice(a[1]) : SLICE_NONE);
}

NATIVE(jvalue_hash)
{
    NEED_THIS;
    return val_int((int32_t)(value_hash(vm, TOKEN(a[0])->value) & INT32_MAX));
}

NATIVE(jvalue_compare)
{
    const struct jtoken *t, *other;
    enum json_kind kind;

    NEED_THIS;
    if (a[1].kind == EXPR_NULL)
        return val_int(1);
    t = TOKEN(a[0]);
    other = jtoken_is(a[1]) ? TOKEN(a[1]) : json_value(vm, a[1]);
    if (!other)
        return expr_value_null();
    kind = (enum json_kind)(t->kind == JSON_K_STRING && other->kind != JSON_K_STRING ? other->kind : t->kind);
    return val_int(json_compare(vm, kind, t->value, other->value));
}
