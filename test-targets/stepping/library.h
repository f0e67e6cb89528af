/* What is patched: a set of functions that say together which of them they are. */
#ifndef LIBRARY_H
#define LIBRARY_H

#ifdef __cplusplus
extern "C" {
#endif

typedef void callback_fn(void);
typedef long versioned_fn(callback_fn *);

long version(void);
/* The version; negative when version() was another before or after the callback. */
versioned_fn twice;
/* The same, reached by a tail call. */
versioned_fn tail;

#ifdef __cplusplus
}
#endif

#define VERSION(version_name, twice_name, tail_name, number)                                     \
  long version_name(void)                                                                        \
  {                                                                                              \
    return number;                                                                               \
  }                                                                                              \
                                                                                                 \
  long twice_name(callback_fn *callback)                                                         \
  {                                                                                              \
    long before = version();                                                                     \
    callback();                                                                                  \
    long after = version();                                                                      \
    return before == number && after == number ? number : -(100 * number + 10 * before + after); \
  }                                                                                              \
                                                                                                 \
  long tail_name(callback_fn *callback)                                                          \
  {                                                                                              \
    return twice(callback);                                                                      \
  }

#endif
