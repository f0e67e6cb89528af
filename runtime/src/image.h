/* Loaded ELF images of this process: image.c. */
#ifndef ULP_IMAGE_H
#define ULP_IMAGE_H

#include "runtime.h"

struct image {
  uint64_t load_bias;
  uint64_t low, high; /* [low, high) spans every PT_LOAD */
  uint8_t build_id[ULP_BUILD_ID_SIZE];
  uint32_t build_id_size;          /* 0: none */
  char name[ULP_LIMIT_PATH_BYTES]; /* l_name: as the loader knows it */
};

/* The image that holds this address. False: none. Helper. */
ULP_HIDDEN bool image_at(uint64_t address, struct image *image);
/* The image of this handle of dlopen. Helper. */
ULP_HIDDEN bool image_of(void *handle, struct image *image);
/* Does [address, address + size) lie in one executable segment of the image around it? Helper. */
ULP_HIDDEN bool is_code(uint64_t address, size_t size);

#endif
