/**
 * Tells Nx of the targets that every workspace has by its kind, beside the scripts of its
 * package.json: what they run, what they depend on, and what they read. See nx.json for the rest.
 */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const sourceProgram = 'node --import tsx --conditions=@vitvq/source';

/**
 * Packages of ours that users of a package install. A package's tests may use a package that is
 * built of it, which `^build` takes for a cycle; hence dependencies are named one by one.
 */
const installedWith = (manifest) =>
  Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies }).filter((name) =>
    name.startsWith('@vitvq/'),
  );

const script = (name, rest) => ({ executor: 'nx:run-script', options: { script: name }, ...rest });
const command = (text, rest) => ({
  executor: 'nx:run-commands',
  options: { command: text, cwd: '{workspaceRoot}' },
  ...rest,
});
const after = (target, projects) => (projects.length ? [{ target, projects }] : []);

const lint = (root) => command(`eslint ${root} --max-warnings 0`, {});

function packageTargets(root, manifest) {
  const needed = installedWith(manifest);
  const name = root.split('/')[1];
  const targets = { build: script('build', { dependsOn: after('build', needed) }), lint: lint(root) };
  if (manifest.private) return targets;
  return {
    ...targets,
    pack: command(`${sourceProgram} tools/checks/src/pack.ts ${name}`, {
      dependsOn: ['build', ...after('pack', needed)],
      outputs: [`{workspaceRoot}/.packed/${name}.tgz`],
    }),
    'check-package': command(`${sourceProgram} tools/checks/src/check-package.ts ${name}`, { dependsOn: ['pack'] }),
  };
}

function exampleTargets(root, manifest) {
  const name = root.split('/')[1];
  if (!manifest.vitvq?.smoke) return { lint: lint(root) };
  return { lint: lint(root), smoke: command(`${sourceProgram} tools/checks/src/smoke.ts ${name}`, {}) };
}

function toolTargets(root, manifest) {
  const targets = { lint: lint(root) };
  return manifest.scripts?.build
    ? { ...targets, build: script('build', { dependsOn: after('build', installedWith(manifest)) }) }
    : targets;
}

const targetsOf = { packages: packageTargets, examples: exampleTargets, tools: toolTargets };

export const createNodesV2 = [
  '{packages,examples,tools}/*/package.json',
  (files, _options, { workspaceRoot }) =>
    files.map((file) => {
      const root = dirname(file);
      const manifest = JSON.parse(readFileSync(join(workspaceRoot, file), 'utf8'));
      return [file, { projects: { [root]: { targets: targetsOf[root.split('/')[0]](root, manifest) } } }];
    }),
];
