import { isTensorFlow } from '../engines/installed-engine.js';
import type { InstallationPlan } from './installation-plan.js';

/** Describes for a person what an installation will fetch, from where, and what is done with it. */
export function describeInstallation(plan: InstallationPlan): string {
  const { name, folder, files, diskBytes, compiler, isInstalled } = plan;
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  const rows = files.map((file) => [`${file.name} ${file.version}`, formatBytes(file.bytes)] as const);
  const [names, sizes] = [0, 1].map((column) => Math.max(...rows.map((row) => row[column]!.length))) as [
    number,
    number,
  ];
  return [
    `${name}: ${isInstalled ? 'installed in' : 'can be installed into'} ${folder}`,
    ...files.map(({ registry, purpose }, index) => {
      const [what, size] = rows[index]!;
      return `  from ${registry}  ${what.padEnd(names)}  ${size.padStart(sizes)}  ${purpose}`;
    }),
    `  ${formatBytes(bytes)} through your own npm and pip, each file checked by its SHA-256;` +
      ` needs ${formatBytes(diskBytes)} of disk`,
    ...(isTensorFlow(name) ? [`  compiled with ${compiler?.description ?? 'the compiler that is fetched'}`] : []),
  ].join('\n');
}

/** Formats a size as package managers do, in powers of 1000. */
export function formatBytes(bytes: number): string {
  if (bytes < 1e6) return `${Math.ceil(bytes / 1e3)} kB`;
  return bytes < 1e9 ? `${Math.round(bytes / 1e6)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
}
