import { defineConfig, type Options } from 'tsup';

/**
 * The build of a package: one ES module. `tsc -p tsconfig.build.json` adds the declarations. A
 * package with more entry points spreads this and replaces `entry`.
 */
export const packageBuild = {
  entry: ['src/index.ts'],
  format: 'esm',
  target: 'es2022',
  platform: 'node',
  clean: true,
  sourcemap: true,
} satisfies Options;

/** The build of a package that runs in browsers too: modules of Node are refused. */
export const neutralBuild = { ...packageBuild, platform: 'neutral' } satisfies Options;

export default defineConfig(packageBuild);
