/**
 * What the documentation site needs beyond TypeDoc: pages are called by their first heading, links
 * to folders lead to the repository, and drawings are drawn without a network.
 */
import { copyFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Application, ReflectionKind, RendererEvent } from 'typedoc';

const repository = 'https://github.com/vitvq/vitvq/tree/main';
const mermaid = fileURLToPath(import.meta.resolve('@mermaid-js/tiny'));

/**
 * Replaces the links that lead to no page: those to folders, and those to the README of the
 * repository, which TypeDoc sends to the folder of `index.html`. Every page that has one lies one
 * folder below it.
 */
function mendLinks(parts, project) {
  for (const part of parts) {
    if (part.kind !== 'relative-link' || part.target === undefined) continue;
    const target = project.files.resolve(part.target, project);
    if (target === project) Object.assign(part, { kind: 'text', text: '../index.html' });
    if (typeof target !== 'string' || !statSync(target, { throwIfNoEntry: false })?.isDirectory()) continue;
    const path = relative(process.cwd(), target).replaceAll('\\', '/');
    Object.assign(part, { kind: 'text', text: `${repository}/${path}` });
  }
}

/** What TypeDoc calls at its start. */
export function load(app) {
  app.on(Application.EVENT_PROJECT_REVIVE, (project) => {
    mendLinks(project.readme ?? [], project);
    for (const module of project.getReflectionsByKind(ReflectionKind.Module)) mendLinks(module.readme ?? [], project);
    for (const document of project.getReflectionsByKind(ReflectionKind.Document)) {
      mendLinks(document.content, project);
      const heading = /^# (.+)$/m.exec(document.content[0]?.text ?? '');
      if (heading) document.name = heading[1];
    }
  });
  app.renderer.on(RendererEvent.END, ({ outputDirectory }) => {
    copyFileSync(mermaid, join(outputDirectory, 'assets/mermaid.js'));
  });
}
