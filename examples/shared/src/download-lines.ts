/** Where a download stands; that of `@vitvq/data` is such. */
export interface DownloadReport {
  readonly phase: 'download' | 'unpack';
  readonly bytes: number;
  /** Undefined when the other side does not say. */
  readonly totalBytes: number | undefined;
}

/** Tells of a download in a line each tenth of it, or each 16 MB where its size is not known. */
export function downloadLines(name: string, say: (line: string) => void): (report: DownloadReport) => void {
  let told = '';
  return ({ phase, bytes, totalBytes }) => {
    const megabytes = (count: number): string => (count / 1e6).toFixed(0);
    const step = `${phase} ${totalBytes ? Math.floor((10 * bytes) / totalBytes) : Math.floor(bytes / 16e6)}`;
    if (told === step) return;
    told = step;
    const amount = `${megabytes(bytes)}${totalBytes ? ` of ${megabytes(totalBytes)}` : ''} MB`;
    say(`${name}, ${phase === 'download' ? 'fetching it once' : 'unpacking'}: ${amount}`);
  };
}
