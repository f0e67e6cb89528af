/*
 * Builds qualified names for whoever asks: `LEN PREFIX NAME`, LEN being the size of the buffer that
 * the caller claims to have. A negative one is the bad input of CVE-2025-6021: libxml2 must refuse
 * it.
 */
#include "program.h"

#include <libxml/tree.h>

static const char *reply(char *line)
{
  static char answer[256];
  char prefix[64], name[64];
  xmlChar buffer[64];
  int length;
  if (sscanf(line, "%d %63s %63s", &length, prefix, name) != 3)
    return "?";
  xmlChar *built = xmlBuildQName(BAD_CAST name, BAD_CAST prefix, buffer, length);
  if (!built)
    return "NULL";
  snprintf(answer, sizeof answer, "%s", (const char *)built);
  if (built != buffer && built != BAD_CAST name)
    xmlFree(built);
  return answer;
}

int main(void)
{
  return serve(reply);
}
