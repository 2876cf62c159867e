/**
 * Tells Nx of the targets that every workspace has by its kind, beside the scripts of its
 * package.json: what they run and what they depend on. What they read stands in nx.json.
 *
 * Where `VITVQ_BUILT` is set, as in CI, no target but `build` builds anything. Everything is built
 * then and is in use: without its daemon, Nx takes a cached build out of its cache by deleting
 * `dist` and copying it anew, under the programs that run on it at the same time.
 */
import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

const isBuilt = Boolean(process.env.VITVQ_BUILT);

const program = (name) => `node --import tsx --conditions=@vitvq/source tools/checks/src/${name}.ts`;
const command = (text, rest = {}) => ({
  executor: 'nx:run-commands',
  options: { command: text, cwd: '{workspaceRoot}' },
  ...rest,
});

/**
 * Returns the target of other projects, of those that a package is installed with. A package's
 * tests may use packages that are built of it, which Nx's `^` would take for a cycle.
 */
function ofInstalled(target, manifest) {
  const names = Object.keys({
    ...manifest.dependencies,
    ...manifest.optionalDependencies,
    ...manifest.peerDependencies,
  });
  const projects = names.filter((name) => name.startsWith('@vitvq/'));
  return projects.length ? [{ target, projects }] : [];
}

/** The build runs the script of its name. */
const build = (manifest) => ({
  executor: 'nx:run-script',
  options: { script: 'build' },
  dependsOn: ofInstalled('build', manifest),
});

const packageTargets = (name, manifest) =>
  manifest.private
    ? {}
    : {
        build: build(manifest),
        pack: command(`${program('pack')} ${name}`, {
          dependsOn: [...(isBuilt ? [] : ['build']), ...ofInstalled('pack', manifest)],
          outputs: [`{workspaceRoot}/.packed/${name}.tgz`],
        }),
        'check-package': command(`${program('check-package')} ${name}`, {
          dependsOn: ['pack', { target: 'registry', projects: ['@vitvq-tools/checks'] }],
        }),
      };

const exampleTargets = (name, _manifest, root) =>
  existsSync(join(root, 'src/main.ts')) ? { smoke: command(`${program('smoke')} ${name}`) } : {};

const toolTargets = (_name, manifest) => (manifest.scripts?.build ? { build: build(manifest) } : {});

/** Checks types by the native compiler: a second where the compiler of the build takes ten. */
function typecheckTargets(root, folder) {
  const configs = ['tsconfig.json', 'tsconfig.neutral.json'].filter((name) => existsSync(join(folder, name)));
  const commands = configs.map((name) => `node tools/types/node_modules/typescript/bin/tsc -p ${root}/${name}`);
  return configs.length ? { typecheck: command(commands.join(' && ')) } : {};
}

const targetsOf = { packages: packageTargets, examples: exampleTargets, tools: toolTargets };

/** What Nx calls with the package.json of every workspace. */
export const createNodesV2 = [
  '{packages,examples,tools}/*/package.json',
  (files, _options, { workspaceRoot }) =>
    files.map((file) => {
      const root = dirname(file);
      const manifest = JSON.parse(readFileSync(join(workspaceRoot, file), 'utf8'));
      const folder = join(workspaceRoot, root);
      const targets = {
        ...typecheckTargets(root, folder),
        ...targetsOf[dirname(root)](basename(root), manifest, folder),
      };
      return [file, { projects: { [root]: { targets } } }];
    }),
];
