/* `LEN PREFIX NAME`: a negative LEN is the bad input of CVE-2025-6021. */
#include "answer.h"

#include <libxml/tree.h>
#include <stdio.h>

void answer(const char *line, char *reply, size_t size)
{
  xmlChar buffer[64];
  char prefix[64], name[64];
  int length;
  if (sscanf(line, "%d %63s %63s", &length, prefix, name) != 3) {
    snprintf(reply, size, "?");
    return;
  }
  xmlChar *built = xmlBuildQName(BAD_CAST name, BAD_CAST prefix, buffer, length);
  snprintf(reply, size, "%s", built ? (const char *)built : "refused (NULL)");
  if (built && built != buffer && built != BAD_CAST name)
    xmlFree(built);
}
