/* The N-th patch. */
int new_f(void);
int new_g(void);
int new_h(void);

int new_f(void) { return N; }
int new_g(void) { return N; }
int new_h(void) { return N; }
