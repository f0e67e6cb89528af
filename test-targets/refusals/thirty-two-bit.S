/* Prints "ready", then reads until the end of its input: a 32-bit process without any library. */
    .text
    .globl _start
_start:
    mov  $4, %eax               /* write(1, ready, 6) */
    mov  $1, %ebx
    mov  $ready, %ecx
    mov  $6, %edx
    int  $0x80
1:  mov  $3, %eax               /* while (read(0, byte, 1) > 0); */
    xor  %ebx, %ebx
    mov  $byte, %ecx
    mov  $1, %edx
    int  $0x80
    test %eax, %eax
    jg   1b
    mov  $1, %eax               /* _exit(0) */
    xor  %ebx, %ebx
    int  $0x80

    .data
ready: .ascii "ready\n"
    .bss
byte: .skip 1
    .section .note.GNU-stack,"",@progbits
