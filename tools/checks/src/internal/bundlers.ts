import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as esbuild from 'esbuild';
import { build as buildWithVite } from 'vite';
import webpack from 'webpack';
import { CheckError } from './run.js';

/** Bundles `entry` for browsers and returns the script. */
type Bundler = (entry: string, folder: string, external: readonly string[]) => Promise<string>;

async function withEsbuild(entry: string, folder: string, external: readonly string[]): Promise<string> {
  const { outputFiles } = await esbuild.build({
    entryPoints: [entry],
    absWorkingDir: folder,
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    external: [...external],
    write: false,
    logLevel: 'silent',
  });
  return outputFiles.map(({ text }) => text).join('');
}

async function withWebpack(entry: string, folder: string, external: readonly string[]): Promise<string> {
  const path = join(folder, 'webpack');
  const compiler = webpack({
    mode: 'production',
    target: 'web',
    context: folder,
    entry,
    output: { path, filename: 'bundle.js' },
    externals: Object.fromEntries(external.map((name) => [name, 'var {}'])),
    performance: { hints: false },
    optimization: { splitChunks: false },
  });
  if (!compiler) throw new CheckError('webpack does not start');
  const stats = await new Promise<webpack.Stats>((resolve, reject) => {
    compiler.run((error, result) => (error || !result ? reject(error ?? new Error('no result')) : resolve(result)));
  });
  await new Promise<void>((resolve) => compiler.close(() => resolve()));
  if (stats.hasErrors() || stats.hasWarnings()) throw new CheckError(stats.toString('errors-warnings'));
  return readFile(join(path, 'bundle.js'), 'utf8');
}

async function withVite(entry: string, folder: string, external: readonly string[]): Promise<string> {
  const root = join(folder, 'vite');
  await mkdir(root);
  await writeFile(join(root, 'index.html'), `<script type="module" src="/entry.js"></script>`);
  await writeFile(join(root, 'entry.js'), `import ${JSON.stringify(entry)};\n`);
  await buildWithVite({
    root,
    configFile: false,
    logLevel: 'error',
    build: { outDir: join(root, 'dist'), rolldownOptions: { external: [...external] }, modulePreload: false },
  });
  const assets = join(root, 'dist/assets');
  const scripts = (await readdir(assets)).filter((name) => name.endsWith('.js'));
  if (scripts.length !== 1) throw new CheckError(`vite: expected one script, got ${scripts.join(', ')}`);
  return readFile(join(assets, scripts[0]!), 'utf8');
}

/** The bundlers that packages for browsers are checked with. */
export const bundlers: Readonly<Record<string, Bundler>> = {
  esbuild: withEsbuild,
  webpack: withWebpack,
  vite: withVite,
};
