int version(void);
/* Calls back, so that the caller is inside. */
void stay(void (*what)(void *), void *argument);
