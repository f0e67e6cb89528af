/* The program of the link matrix: program.c for C, classes.cc for C++. */
#ifndef MATRIX_PROGRAM_H
#define MATRIX_PROGRAM_H

#ifdef __cplusplus
extern "C" {
#endif

/* Writes "name=value " behind what there is. */
void say(const char *name, long value);
void class_facts(void);
void class_answers(void);
/* Whether what a callback throws comes through the library's C function. */
int throws_through(int (*call)(int (*callback)(int), int x));

#ifdef __cplusplus
}
#endif
#endif
