/* System.Exception and its family. */
#include "policy/expr/format.h"
#include "policy/expr/lib/lib.h"

static struct expr_value make(struct vm *vm, const struct type *t, const struct expr_value *message, struct expr_value inner)
{
    struct exception_object *e = vm_new(vm, struct exception_object);

    if (!e)
        return expr_value_null();
    e->head.type = t;
    if (message && message->kind == EXPR_STRING) {
        e->message = *message;
        e->has_message = true;
    }
    e->inner = inner;
    return object_value(e);
}

static const char *standard_message(unsigned id)
{
    switch (id) {
    case TYPE_ARGUMENTEXCEPTION: return "Value does not fall within the expected range.";
    case TYPE_ARGUMENTNULLEXCEPTION: return "Value cannot be null.";
    case TYPE_ARGUMENTOUTOFRANGEEXCEPTION: return "Specified argument was out of the range of valid values.";
    case TYPE_INVALIDOPERATIONEXCEPTION: return "Operation is not valid due to the current state of the object.";
    case TYPE_FORMATEXCEPTION: return "One of the identified items was in an invalid format.";
    case TYPE_NOTSUPPORTEDEXCEPTION: return "Specified method is not supported.";
    case TYPE_NULLREFERENCEEXCEPTION: return "Object reference not set to an instance of an object.";
    case TYPE_SYSTEMEXCEPTION: return "System error.";
    case TYPE_APPLICATIONEXCEPTION: return "Error in the application.";
    case TYPE_ARITHMETICEXCEPTION: return "Overflow or underflow in the arithmetic operation.";
    case TYPE_ARRAYTYPEMISMATCHEXCEPTION: return "Attempted to access an element as a type incompatible with the array.";
    case TYPE_DIVIDEBYZEROEXCEPTION: return "Attempted to divide by zero.";
    case TYPE_URIFORMATEXCEPTION: return "One of the identified items was in an invalid format.";
    case TYPE_INDEXOUTOFRANGEEXCEPTION: return "Index was outside the bounds of the array.";
    case TYPE_INVALIDCASTEXCEPTION: return "Specified cast is not valid.";
    case TYPE_KEYNOTFOUNDEXCEPTION: return "The given key was not present in the dictionary.";
    case TYPE_NOTIMPLEMENTEDEXCEPTION: return "The method or operation is not implemented.";
    case TYPE_OPERATIONCANCELEDEXCEPTION: return "The operation was canceled.";
    case TYPE_OVERFLOWEXCEPTION: return "Arithmetic operation resulted in an overflow.";
    case TYPE_RANKEXCEPTION: return "Attempted to operate on an array with the incorrect number of dimensions.";
    case TYPE_TIMEOUTEXCEPTION: return "The operation has timed out.";
    case TYPE_UNAUTHORIZEDACCESSEXCEPTION: return "Attempted to perform an unauthorized operation.";
    case TYPE_IOEXCEPTION: return "I/O error occurred.";
    case TYPE_CRYPTOGRAPHICEXCEPTION: return "Error occurred during a cryptographic operation.";
    case TYPE_XMLEXCEPTION: return "An XML error has occurred.";
    default: return NULL;
    }
}

NATIVE(exception_new)
{
    const char *text = standard_message(site->ret->id);
    struct expr_value message = text ? text_value(slice_from(text)) : expr_value_null();

    return make(vm, site->ret, &message, expr_value_null());
}

NATIVE(exception_new_message)
{
    return make(vm, site->ret, &a[0], expr_value_null());
}

NATIVE(exception_new_inner)
{
    return make(vm, site->ret, &a[0], a[1]);
}

static struct expr_value with_param(struct vm *vm, const struct site *site, struct expr_value message, struct expr_value param)
{
    struct expr_value e;

    if (message.kind == EXPR_NULL)
        message = text_value(slice_from(standard_message(site->ret->id)));

    if (param.kind == EXPR_STRING && param.n)
        message = str_printf(vm, "%.*s (Parameter '%.*s')", (int)message.n, message.s, (int)param.n, param.s);
    e = make(vm, site->ret, &message, expr_value_null());
    if (e.p)
        OBJECT(e, exception_object)->param = param;
    return e;
}

NATIVE(exception_new_param)
{
    struct expr_value e = with_param(vm, site, a[0], a[1]);

    if (e.p && site->n > 2)
        OBJECT(e, exception_object)->inner = a[2];
    return e;
}

NATIVE(exception_new_actual)
{
    struct expr_value e = with_param(vm, site, a[2], a[0]);
    struct exception_object *o = e.p ? OBJECT(e, exception_object) : NULL;

    if (!o || a[1].kind == EXPR_NULL)
        return e;
    o->actual = a[1];
    o->message = str_printf(vm, "%.*s\nActual value was %.*s.", SLICE_ARG(text_slice(o->message)), SLICE_ARG(value_text(vm, a[1])));
    return e;
}

NATIVE(exception_actual)
{
    return OBJECT(a[0], exception_object)->actual;
}

NATIVE(exception_if_null)
{
    struct expr_value e;
    static const struct site null = { .ret = TYPE_OF(ARGUMENTNULLEXCEPTION) };

    if (a[0].kind != EXPR_NULL)
        return a[0];
    e = with_param(vm, &null, expr_value_null(), a[1]);
    if (e.p)
        vm_raise(vm, e);
    return expr_value_null();
}

NATIVE(exception_new_param_only)
{
    return with_param(vm, site, text_value(slice_from(standard_message(site->ret->id))), a[0]);
}

NATIVE(exception_new_param_message)
{
    return with_param(vm, site, a[1], a[0]);
}

NATIVE(exception_message)
{
    return a[0].kind == EXPR_NULL ? vm_throw_null(vm) : text_value(exception_text(vm, OBJECT(a[0], exception_object)));
}

NATIVE(exception_inner)
{
    return a[0].kind == EXPR_NULL ? vm_throw_null(vm) : OBJECT(a[0], exception_object)->inner;
}

NATIVE(exception_param)
{
    return a[0].kind == EXPR_NULL ? vm_throw_null(vm) : OBJECT(a[0], exception_object)->param;
}

/* Exceptions with a place keep it, {line, column, path}, where an ArgumentException has its parameter. */
void exception_set_place(struct vm *vm, unsigned line, unsigned column, struct slice path)
{
    struct expr_value fields[3] = { val_int((int32_t)line), val_int((int32_t)column), expr_value_from_text(vm->arena, path) };
    struct expr_value place = tuple_make(vm, TYPE_OF(OBJECT), 3, fields);

    if (vm->exception.p && place.p && !OBJECT(vm->exception, exception_object)->budget)
        OBJECT(vm->exception, exception_object)->param = place;
}

static struct expr_value place_field(struct vm *vm, struct expr_value e, unsigned i, struct expr_value none)
{
    if (e.kind == EXPR_NULL)
        return vm_throw_null(vm);
    e = OBJECT(e, exception_object)->param;
    return e.kind == EXPR_OBJECT ? OBJECT(e, tuple_object)->f[i] : none;
}

NATIVE(exception_line)
{
    return place_field(vm, a[0], 0, val_int(0));
}

NATIVE(exception_column)
{
    return place_field(vm, a[0], 1, val_int(0));
}

NATIVE(exception_path)
{
    return place_field(vm, a[0], 2, expr_value_null());
}

NATIVE(exception_stack)
{
    return expr_value_null();
}

NATIVE(exception_base)
{
    struct expr_value e = a[0];

    while (e.kind == EXPR_OBJECT && OBJECT(e, exception_object)->inner.kind == EXPR_OBJECT)
        e = OBJECT(e, exception_object)->inner;
    return e;
}

static void put_exception(struct vm *vm, struct buf *b, struct exception_object *e)
{
    const struct type_def *d = &type_defs[e->head.type->id];
    struct slice m = exception_text(vm, e);

    buf_printf(b, "%s.%s", d->ns, d->name);
    if (m.n)
        buf_printf(b, ": %.*s", SLICE_ARG(m));
}

/* The inner ones, innermost last, behind it. There are no stack traces. */
NATIVE(exception_to_string)
{
    struct expr_value e = a[0];
    unsigned n = 0;
    struct buf b;

    buf_init(&b, vm->arena);
    for (; e.kind == EXPR_OBJECT && vm_charge(vm, 1); e = OBJECT(e, exception_object)->inner) {
        if (n++)
            buf_puts(&b, "\n ---> ");
        put_exception(vm, &b, OBJECT(e, exception_object));
    }
    for (unsigned i = 1; i < n && !vm->thrown; i++)
        buf_puts(&b, "\n   --- End of inner exception stack trace ---");
    return b.failed ? vm_throw_budget(vm, "memory") : text_value(buf_slice(&b));
}

NATIVE(exception_no_match)
{
    struct expr_value message = TEXT("Non-exhaustive switch expression failed to match its input.");

    return make(vm, TYPE_OF(SWITCHEXPRESSIONEXCEPTION), &message, expr_value_null());
}
