/** Describes a system error in words: `no space left on the device (ENOSPC)`. */
export function systemReason(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  const reasons: Record<string, string> = {
    ENOSPC: 'no space left on the device',
    EDQUOT: 'the disk quota is used up',
    EFBIG: 'the file would be larger than the system allows',
    EACCES: 'permission denied',
    EPERM: 'operation not permitted',
    EROFS: 'a read-only file system',
    ENOENT: 'no such file or directory',
    EEXIST: 'a file of that name',
    EISDIR: 'a directory',
    ENOTDIR: 'a file where a directory should be',
    EIO: 'an input/output error of the device',
    ESTALE: 'a folder of a network that is no longer there',
    ENOTCONN: 'a folder of a network that is not connected',
    EMFILE: 'too many open files',
  };
  return code === undefined ? String(message) : `${reasons[code] ?? message} (${code})`;
}
