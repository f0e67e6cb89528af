/**
 * On a Debian where nothing could be compiled, one plain `npm install` brings each production
 * package, and its commands do their work on a real process; with each Node.js that is supported.
 */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { asRoot } from '../harness/as-root';
import { BareRoot } from '../harness/bare-root';
import { ownBuildId } from '../harness/build';
import { closure, packAll, tarball } from '../harness/packed';
import { Scenario } from '../harness/scenario';
import type { Target } from '../harness/target';

/** The newest; ULP_TEST_NODES=20,22,24 takes all that are supported. */
const NODES = (process.env.ULP_TEST_NODES ?? '24').split(',').map(Number);
const BUILDERS = 'gcc cc g++ c++ clang tcc as ld make cmake ninja python python3 node-gyp'.split(
  ' ',
);
const PRODUCTION = closure('ptrace-ffi', 'trigger', 'dispatcher');
const PACKED = '/srv/packed';

asRoot(describe)('installing where there is no compiler', () => {
  describe.each(NODES)('Node.js %d', (node) => {
    let room: string;
    let scenario: Scenario;
    let root: BareRoot;
    let patch: string;
    let program: string;

    beforeAll(() => {
      room = mkdtempSync(join(tmpdir(), 'ulp-no-compiler-'));
      scenario = new Scenario(room);
      const library = scenario.library('simple/library.c', 'libsimple.so', {
        args: [ownBuildId()],
      });
      patch = scenario.patch('simple/patch.c', 'fix', [[library, ['answer:new_answer']]]);
      program = scenario.program('simple/program.c', [library]);
      root = BareRoot.with(node);
      root.add(room);
      const packed = join(root.folder, PACKED);
      mkdirSync(packed);
      packAll(packed);
    }, 300_000);
    afterAll(async () => {
      await scenario.finish();
      root.remove();
      rmSync(room, { recursive: true });
    });

    /** Succeeds; gives standard output. */
    function run(folder: string, ...command: string[]): string {
      const { status, stdout, stderr } = root.run(folder, ...command);
      if (status !== 0) throw new Error(`${command.join(' ')}: exit ${status}: ${stderr}${stdout}`);
      return stdout;
    }
    const install = (folder: string, names: readonly string[], ...options: string[]): string =>
      run(
        folder,
        'npm',
        'install',
        ...options,
        ...names.map((name) => join(PACKED, tarball(name))),
      );
    const bin = (folder: string, name: string): string => join(folder, 'node_modules/.bin', name);
    const packages = (folder: string): string[] =>
      readdirSync(join(root.folder, folder, 'node_modules')).filter(
        (name) => !name.startsWith('.'),
      );

    test('there is nothing that could compile', () => {
      expect(run('/', 'node', '--version')).toMatch(new RegExp(`^v${node}\\.`));
      for (const name of BUILDERS)
        expect([name, root.run('/', 'sh', '-c', `command -v ${name}`).stdout]).toEqual([name, '']);
      const headers = ['node.h', 'node_api.h', 'stdio.h'].flatMap((name) => ['-o', '-name', name]);
      expect(run('/', 'find', '/', '-xdev', ...headers.slice(1))).toBe('');
    });

    async function start(folder: string): Promise<Target> {
      const preload = run('/', bin(folder, 'ulp-runtime'), 'path', 'libpulp.so').trim();
      const [command, ...args] = root.enter('env', `LD_PRELOAD=${preload}`, program);
      return scenario.start(command, { args, bare: true });
    }

    test.each([
      ['ignored', '--ignore-scripts'],
      ['run', '--ignore-scripts=false'],
    ])('the production packages patch a process, install scripts %s', async (how, option) => {
      const folder = join('/srv', how);
      install(folder, [...PRODUCTION, 'runtime'], option);
      expect(packages(folder)).toEqual(['@ulp', 'zod']);
      const answer = (name: string, ...args: (string | number)[]) => {
        const { status, stdout, stderr } = root.run('/', bin(folder, name), ...args.map(String));
        return { status, said: stdout + stderr };
      };
      const said = (text: string) => expect.stringContaining(text) as string;
      const target = await start(folder);
      const { pid } = target;

      expect(answer('ulp-dump', patch)).toEqual({ status: 0, said: said('new_answer') });
      expect(answer('ulp-inspect', pid)).toEqual({ status: 0, said: said('libsimple.so') });
      expect(answer('ulp-check', pid, patch)).toEqual({ status: 1, said: said('not applied') });
      expect(answer('ulp-trigger', pid, patch)).toEqual({ status: 0, said: said('applied') });
      expect(await target.ask('answer')).toBe('1001');
      expect(answer('ulp-check', pid, patch)).toEqual({ status: 0, said: said('all threads') });
      expect(answer('ulp-dispatcher', 'check', patch)).toEqual({ status: 0, said: said(`${pid}`) });
      expect(answer('ulp-trigger', pid, patch, '--revert').status).toBe(0);
      expect(await target.ask('answer')).toBe('2');
      expect(answer('ulp-dispatcher', 'patch', patch).status).toBe(0);
      expect(await target.ask('answer')).toBe('1001');
      expect(answer('ulp-dispatcher', 'revert', patch, pid).status).toBe(0);
      expect(await target.ask('answer')).toBe('2');
      expect(await target.end()).toBe(0);
    });

    test('the packer alone packs the same there, without native code', () => {
      install('/srv/packer', closure('packer'));
      expect(run('/srv/packer', 'find', '.', '-name', '*.node')).toBe('');
      run(room, bin('/srv/packer', 'ulp-packer'), 'fix.dsc', '-o', 'again.ulp');
      const again = readFileSync(join(root.folder, room, 'again.ulp'));
      expect(again.equals(readFileSync(patch))).toBe(true);
    });

    test('a program imports the metadata library, and nothing else', () => {
      install('/srv/metadata', closure('metadata'));
      const program = `
        const { readMetadata } = require('@ulp/metadata');
        const name = readMetadata(process.argv[1]).targets[0].functions[0].newName;
        console.log(name, Object.keys(require.cache).filter((file) => /yargs|ffi|zod|[.]node$/.test(file)).length);`;
      expect(run('/srv/metadata', 'node', '-e', program, patch)).toBe('new_answer 0\n');
      expect(packages('/srv/metadata')).toEqual(['@ulp', 'zod']);
      expect(existsSync(join(root.folder, '/srv/metadata/node_modules/@ulp/ptrace-ffi'))).toBe(
        false,
      );
    });
  });
});
