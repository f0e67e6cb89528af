import { defineCommand, print } from '@ulp/cli';
import { EXIT, UlpError } from '@ulp/core';
import {
  RUNTIME_FILES,
  cflags,
  ldflags,
  pluginCflags,
  runtimePath,
  toolchainCflags,
  toolchainLdflags,
  type RuntimeFile,
} from '@ulp/runtime';

const isRuntimeFile = (name: string): name is RuntimeFile =>
  (RUNTIME_FILES as readonly string[]).includes(name);

const compile = (plugin = false, toolchain = false): readonly string[] =>
  plugin ? pluginCflags() : toolchain ? toolchainCflags() : cflags;
const link = (toolchain = false): readonly string[] => (toolchain ? toolchainLdflags() : ldflags());

export const command = defineCommand({
  name: 'ulp-runtime',
  summary: 'print where the runtime lies, and the flags that make a library live-patchable',
  description: [
    'Prints one line: the path of a file of the runtime, or the flags for gcc, to be put into a command line by the shell.',
    'A live-patchable library is compiled with the flags of cflags, linked with those of ldflags, and then passed through ulp-dynsym-gate.',
    'With --toolchain the flags are those for the patched tools, which npm run toolchain has built and put into $ULP_TOOLCHAIN, or else into ulp/toolchain in $XDG_DATA_HOME (~/.local/share). A library that the patched ld has linked needs no ulp-dynsym-gate.',
  ],
  positionals: {
    what: {
      kind: 'string',
      choices: ['path', 'cflags', 'ldflags'],
      meaning: 'path: where FILE lies; cflags: for every compilation; ldflags: for the link',
    },
    file: { kind: 'string', optional: true, meaning: `with path: ${RUNTIME_FILES.join(' or ')}` },
  },
  options: {
    toolchain: {
      kind: 'boolean',
      meaning: 'with cflags, ldflags: those for the patched gcc, the patched ld',
    },
    plugin: {
      kind: 'boolean',
      meaning: 'with cflags: those for the stock gcc with the plugin (npm run toolchain -- plugin)',
    },
  },
  examples: [
    {
      command: 'LD_PRELOAD=$(ulp-runtime path libpulp.so) ./server',
      meaning: 'start a program so that its libraries can be patched later',
    },
    {
      command: 'gcc -O2 -fPIC -shared $(ulp-runtime cflags) x.c $(ulp-runtime ldflags) -o libx.so',
      meaning: 'build a library; then run ulp-dynsym-gate libx.so',
    },
    {
      command: 'gcc -Os -fPIC -c $(ulp-runtime cflags --plugin) x.c',
      meaning: 'compile with the plugin: no entry straddles 8 bytes, at any optimisation level',
    },
  ],
  seeAlso: ['ulp-dynsym-gate(1)'],
  run({ what, file, toolchain, plugin }) {
    if (toolchain && what === 'path')
      throw new UlpError('usage', { subject: '--toolchain', fact: `not with ${what}` });
    if (plugin && (what !== 'cflags' || toolchain))
      throw new UlpError('usage', {
        subject: '--plugin',
        fact: `not with ${toolchain ? '--toolchain' : what}`,
      });
    if (what === 'path') {
      if (file === undefined || !isRuntimeFile(file))
        throw new UlpError('usage', {
          subject: 'FILE',
          expected: RUNTIME_FILES.join(' or '),
          found: file === undefined ? 'nothing' : `'${file}'`,
        });
      print(runtimePath(file));
    } else if (file !== undefined) {
      throw new UlpError('usage', { subject: file, fact: 'one argument too many' });
    } else {
      print((what === 'cflags' ? compile(plugin, toolchain) : link(toolchain)).join(' '));
    }
    return EXIT.done;
  },
});
