/* Context switch for ARMv7 with VFP (AAPCS): fiber_switch(void **save_sp, void *to_sp).
 *
 * Frame on a parked stack, 104 bytes from its pointer up (fiber_int.h builds the first one):
 *     d8..d15, r3..r11, lr          (r3 only keeps the stack aligned to 8 bytes)
 * FPSCR is not kept: nothing in this program changes its modes. */
#if defined(__arm__)
    .syntax unified
    .arch   armv7-a
    .fpu    vfpv3-d16
    .arm
    .text
    .globl fiber_switch
    .hidden fiber_switch
    .type fiber_switch, %function
    .p2align 2
fiber_switch:
    .fnstart
    push    {r3-r11, lr}
    .save   {r3-r11, lr}
    vpush   {d8-d15}
    .vsave  {d8-d15}
    str     sp, [r0]
    mov     sp, r1
    vpop    {d8-d15}
    pop     {r3-r11, pc}
    .fnend
    .size fiber_switch, . - fiber_switch

    /* First thing a new fiber runs: r4(r5). Unwinding ends here. */
    .globl fiber_start
    .hidden fiber_start
    .type fiber_start, %function
    .p2align 2
fiber_start:
    .fnstart
    .cantunwind
    mov     r0, r5
    blx     r4
    udf     #0
    .fnend
    .size fiber_start, . - fiber_start
#endif
    .section .note.GNU-stack, "", %progbits
