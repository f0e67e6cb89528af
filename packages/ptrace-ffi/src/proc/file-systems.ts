/**
 * Which file systems answer, whatever the owner of a process does? A page of a file on FUSE comes
 * when the owner's daemon likes, and a thread that waits for it in /proc/PID/mem cannot be killed
 * (docs/security.md). They are told by the kernel's account alone, device numbers in
 * proc_pid_maps(5) and proc_pid_mountinfo(5): to ask the file itself, by stat(2) or statfs(2), is
 * to wait for it.
 */
import { closeSync, fstatSync, readlinkSync } from 'node:fs';
import { mappingAt, parseMaps, type Mapping } from './maps';
import { readProcFile, tryReadProcFile } from './proc-file';
import { libc } from '../native';

interface Mount {
  readonly id: string;
  /** `major:minor`, in decimal. */
  readonly device: string;
  readonly type: string;
  readonly options: readonly string[];
}

/** It has no block device: without privileges nobody mounts one of those. */
const NO_BLOCK_DEVICE = '00:';
/**
 * The first file system that the kernel makes when it boots, for memory without a name
 * (memfd_create(2)); no mountinfo has it.
 */
const KERNELS_OWN = '00:01';
const FUSE = /^fuse(\.|$)/;
/** May be mounted in a user namespace of one's own (user_namespaces(7)), and have FUSE beneath. */
const STACKED = /^(overlay|aufs|shiftfs)$/;

/** @param text of a mountinfo; the kernel escapes blanks in names */
export function parseMounts(text: string): Mount[] {
  return text.split('\n').flatMap((line) => {
    const [ours = '', theirs = ''] = line.split(' - ');
    const [id, , device] = ours.split(' ');
    const [type, , options = ''] = theirs.split(' ');
    return id && device && type ? { id, device, type, options: options.split(',') } : [];
  });
}

/**
 * In the tool's own user namespace only its own user and root may have mounted: of FUSE, it is said
 * for whom.
 */
const answersHere = ({ type, options }: Mount): boolean =>
  !FUSE.test(type) || options.includes(`user_id=${process.geteuid?.() ?? 0}`);

const answersElsewhere = ({ type }: Mount): boolean => !FUSE.test(type) && !STACKED.test(type);

/** By mount id and by device. */
type Verdicts = ReadonlyMap<string, boolean>;

const judge = (mounts: readonly Mount[], answers: (mount: Mount) => boolean): Verdicts =>
  new Map(
    mounts.flatMap((mount) => {
      const verdict = answers(mount);
      return [[mount.id, verdict] as const, [mount.device, verdict] as const];
    }),
  );

let own: Verdicts | undefined;

/** What this program itself sees mounted: what its own user, or root, has put there. */
const ownVerdicts = (): Verdicts =>
  (own ??= judge(parseMounts(readProcFile('/proc/self/mountinfo')), answersHere));

/** The file systems of a process, as they are at the first question. */
export class FileSystems {
  private known: Verdicts | undefined;

  constructor(private readonly task: number) {}

  /** @param device as in Mapping */
  answers(device: string): boolean {
    if (!device.startsWith(NO_BLOCK_DEVICE) || device === KERNELS_OWN) return true;
    const minor = parseInt(device.slice(NO_BLOCK_DEVICE.length), 16);
    return this.verdict(`0:${minor}`) ?? (ownDevices().has(device) || hugeMinors().includes(minor));
  }

  /**
   * Does the mount answer on which a descriptor with O_PATH lies? It need not be one of the
   * process's.
   */
  isOnAnswering(fd: number): boolean {
    const info = readProcFile(`/proc/self/fdinfo/${fd}`);
    const byMount = this.verdict(/^mnt_id:\s*([0-9]+)$/m.exec(info)?.[1] ?? '');
    if (byMount !== undefined) return byMount;
    // A mountinfo has no mount that lies, in part, outside of the root: that of a chroot(2).
    const device = libc().deviceOf(fd);
    return device !== undefined && this.answers(device);
  }

  /** undefined: nobody lists it. It may be anything, as a mount that was detached (umount2(2)). */
  private verdict(key: string): boolean | undefined {
    return ownVerdicts().get(key) ?? (this.known ??= this.read()).get(key);
  }

  private read(): Verdicts {
    const text = tryReadProcFile(`/proc/${this.task}/mountinfo`) ?? '';
    const isHere = userNamespace('self') === userNamespace(this.task);
    return judge(parseMounts(text), isHere ? answersHere : answersElsewhere);
  }
}

let running: ReadonlySet<string> | undefined;

/** What this program itself runs from: in a chroot(2) its mount may be hidden from it. */
const ownDevices = (): ReadonlySet<string> =>
  (running ??= new Set(parseMaps(readProcFile('/proc/self/maps')).map(({ device }) => device)));

/** 2 MB and 1 GB. */
const HUGE_PAGES = [21, 30];
let huge: readonly number[] | undefined;

/**
 * Minor numbers of what else the kernel has made for memory without a name (MAP_HUGETLB of
 * mmap(2)): a file of our own there has them.
 */
const hugeMinors = (): readonly number[] =>
  (huge ??= HUGE_PAGES.flatMap((shift) => {
    const fd = libc().createHugeFile(shift);
    // Where the processor, or the kernel, has no pages of that size.
    if (fd < 0) return [];
    const { dev } = fstatSync(fd, { bigint: true });
    closeSync(fd);
    return Number((dev & 0xffn) | ((dev >> 12n) & ~0xffn));
  }));

function userNamespace(task: number | 'self'): string {
  try {
    return readlinkSync(`/proc/${task}/ns/user`);
  } catch {
    return `of ${task}`;
  }
}

/** The mappings of files that need not answer; mostly none. */
export function silentMappings(maps: readonly Mapping[], task: number): Mapping[] {
  const systems = new FileSystems(task);
  return maps.filter(({ inode, device }) => inode !== 0n && !systems.answers(device));
}

/** @param silent sorted by address */
export const isSilent = (silent: readonly Mapping[], address: bigint, size: number): boolean =>
  silent.length > 0 && mappingAt(silent, address, BigInt(size)) !== undefined;
