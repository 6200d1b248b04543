/* IEnumerator: a walk held in an object. */
#include "policy/expr/lib/lib.h"
#include "policy/expr/vm.h"

struct enumerator_object {
    struct object head;
    struct expr_value source, current;
    struct iter it;
};

#define ENUMERATOR(v) OBJECT(v, enumerator_object)

NATIVE(enumerator_of)
{
    const struct type *element = type_element(vm->arena, type_of_value(a[0]));
    struct enumerator_object *e = vm_new(vm, struct enumerator_object);

    if (!e || !iter_open(vm, a[0], &e->it))
        return expr_value_null();
    if (!element)
        element = TYPE_OF(OBJECT);
    e->head.type = type_make1(vm->arena, TYPE_ENUMERATOR, element);
    e->source = a[0];
    e->current = value_default(vm->arena, element);
    return e->head.type ? object_value(e) : vm_throw_budget(vm, "memory");
}

NATIVE(enumerator_current)
{
    return ENUMERATOR(a[0])->current;
}

NATIVE(enumerator_move_next)
{
    struct enumerator_object *e = ENUMERATOR(a[0]);
    struct expr_value x;
    int got = vm_charge(vm, 1) ? iter_next(vm, &e->it, &x) : -1;

    e->current = got > 0 ? x : value_default(vm->arena, e->head.type->args[0]);
    return val_bool(got > 0);
}

NATIVE(enumerator_reset)
{
    struct enumerator_object *e = ENUMERATOR(a[0]);

    if (object_if(e->source, TYPE_SEQUENCE))
        return vm_throw(vm, TYPE_NOTSUPPORTEDEXCEPTION, "Specified method is not supported.");
    iter_open(vm, e->source, &e->it);
    e->current = value_default(vm->arena, e->head.type->args[0]);
    return expr_value_null();
}
