/** Returns the version of an installed package, for messages. */
export async function installedVersion(name: string): Promise<string> {
  try {
    const { createRequire } = await import('node:module');
    const { version } = createRequire(import.meta.url)(`${name}/package.json`) as { version: string };
    return version;
  } catch {
    return 'unknown version';
  }
}
