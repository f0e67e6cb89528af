#include "library.h"

VERSION(version, twice, tail, 1)
