import { defineConfig } from 'tsup';

/** The one build shape of every package: ESM and types. A package with more entry points spreads it and replaces `entry`. */
export const packageBuild = {
  entry: ['src/index.ts'],
  format: ['esm' as const],
  target: 'node20',
  platform: 'node' as const,
  clean: true,
  sourcemap: true,
  // TypeScript 6 warns about the baseUrl that tsup sets for its own declaration build.
  dts: { compilerOptions: { ignoreDeprecations: '6.0' } },
};

export default defineConfig(packageBuild);
