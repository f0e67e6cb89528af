/*
 * A plugin for the gcc that it was built with: what -mlive-patchable of the patched gcc does,
 * without the notes.
 *
 * With -fpatchable-function-entry=M+2,M and M above 0 a function gets
 *   - M bytes of long nops in front of its entry, which is aligned to 8;
 *   - one instruction of two bytes at the entry, behind endbr64 if there is one: it does not cross
 *     a multiple of 8;
 *   - a record in a section of its own, linked to the function's and in the same group.
 * Every other function, by its attribute patchable_function_entry, is left as it is.
 */

#include "gcc-plugin.h"
#include "plugin-version.h"
#include "tree.h"
#include "context.h"
#include "tree-pass.h"
#include "backend.h"
#include "rtl.h"
#include "target.h"
#include "memmodel.h"
#include "emit-rtl.h"
#include "function.h"
#include "cgraph.h"
#include "insn-constants.h"
#include "output.h"
#include "diagnostic-core.h"

extern int plugin_is_GPL_compatible;
int plugin_is_GPL_compatible;

static void (*print_other)(FILE *, unsigned HOST_WIDE_INT, bool);

static bool live_patchable_p()
{
  return POINTER_SIZE == 64 && crtl->patch_area_entry > 0 &&
         crtl->patch_area_size - crtl->patch_area_entry == 2;
}

/*
 * Prints the bytes in front of the entry; those at it are an instruction, which the pass below has
 * changed.
 */

static void print_area(FILE *file, unsigned HOST_WIDE_INT size, bool record)
{
  if (!live_patchable_p()) {
    print_other(file, size, record);
    return;
  }
  if (!record)
    return;

  static unsigned number;
  fprintf(file, "\t.p2align 3\n");
  if (size % 8 != 0)
    fprintf(file, "\t.nops\t%u\n", (unsigned)(8 - size % 8));
  tree group = DECL_COMDAT_GROUP(current_function_decl);
  fprintf(file, "\t.pushsection\t__patchable_function_entries,\"aw%so\",@progbits,.LULP%u",
          group ? "G" : "", number);
  if (group)
    fprintf(file, ",%s,comdat", IDENTIFIER_POINTER(group));
  fprintf(file, "\n\t.p2align 3\n\t.quad\t.LULP%u\n\t.popsection\n.LULP%u:\n\t.nops\t%u\n", number,
          number, (unsigned)size);
  number++;
}

static const pass_data entry_pass_data = {RTL_PASS, "ulp_entry", OPTGROUP_NONE, TV_NONE, 0, 0, 0, 0,
                                          0};

class entry_pass : public rtl_opt_pass
{
public:
  entry_pass() : rtl_opt_pass(entry_pass_data, g) {}
  opt_pass *clone() final override { return new entry_pass; }
  bool gate(function *) final override { return live_patchable_p(); }

  /* The pass before this one has put an instruction where gcc prints two nops of one byte.  */
  unsigned int execute(function *) final override
  {
    for (rtx_insn *insn = get_insns(); insn; insn = NEXT_INSN(insn))
      if (NONJUMP_INSN_P(insn) && GET_CODE(PATTERN(insn)) == UNSPEC_VOLATILE &&
          XINT(PATTERN(insn), 1) == UNSPECV_PATCHABLE_AREA) {
        rtx nop = gen_rtx_ASM_INPUT_loc(VOIDmode, "\t.byte\t0x66, 0x90",
                                        DECL_SOURCE_LOCATION(current_function_decl));
        MEM_VOLATILE_P(nop) = 1;
        PATTERN(insn) = nop;
        INSN_CODE(insn) = -1;
        return 0;
      }
    sorry("%<-mfentry%> with the plugin for live-patchable functions");
    return 0;
  }
};

int plugin_init(plugin_name_args *info, plugin_gcc_version *version)
{
  if (!plugin_default_version_check(version, &gcc_version)) {
    error("%s was built with gcc %s %s, this is gcc %s %s; build it again with %<npm run toolchain "
          "-- plugin%>",
          info->full_name, gcc_version.basever, gcc_version.datestamp, version->basever,
          version->datestamp);
    return 1;
  }
  print_other = targetm.asm_out.print_patchable_function_entry;
  targetm.asm_out.print_patchable_function_entry = print_area;
  register_pass_info entry = {new entry_pass, "endbr_and_patchable_area", 0, PASS_POS_INSERT_AFTER};
  register_callback(info->base_name, PLUGIN_PASS_MANAGER_SETUP, NULL, &entry);
  return 0;
}
