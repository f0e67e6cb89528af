import { scenario } from '../harness/scenario';

/** What speaks, in this order, when the process ends in this way. */
const END = ['atexit', 'static object', 'destructor of the program', 'destructor of the library'];
const WAYS: Readonly<Record<string, readonly string[]>> = {
  exit: ['thread variable', ...END],
  'exit inside': ['thread variable', ...END],
  'exit in a thread, inside': ['thread variable', ...END],
  quick_exit: ['at_quick_exit'],
  'last thread': ['thread variable', ...END],
  'a thread stays inside': ['thread variable', ...END],
};

scenario('every way to end a process, before, with and after a patch', async (s) => {
  const library = s.library('exits/library.c', 'libexits.so');
  const patch = s.patch('exits/patch.c', 'fix', [[library, ['value:new_value']]]);
  const program = s.program('exits/program.cc', [library]);
  for (const [way, speakers] of Object.entries(WAYS))
    for (const state of ['bare', 'before', 'with', 'after']) {
      const target = await s.start(program, { bare: state === 'bare' });
      if (state === 'with' || state === 'after') s.apply(target, patch);
      if (state === 'after') s.revert(target, patch);
      const version = state === 'with' ? 2 : 1;
      target.tell(way);
      const said = await target.rest();
      expect({ way, state, said }).toEqual({
        way,
        state,
        said: speakers.map((who) => `${who} ${version}`),
      });
    }
});
