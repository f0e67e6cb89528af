/** The arguments of a system call, as /proc/PID/syscall tells them. */
export type Arguments = readonly bigint[];

export const argument = (args: Arguments, index: number): bigint => args[index] ?? 0n;

/** Its lower half, without a sign: the kernel looks at no more of an int. */
export const int = (args: Arguments, index: number): bigint =>
  BigInt.asUintN(32, argument(args, index));

export const has = (flags: bigint, flag: bigint): boolean => (flags & flag) !== 0n;
