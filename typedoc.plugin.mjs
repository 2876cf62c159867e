/** Calls pages of the documentation site by their first heading, where TypeDoc has the file's name. */
import { Converter, ReflectionKind } from 'typedoc';

/** What TypeDoc calls at its start. */
export function load(app) {
  app.converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => {
    for (const document of project.getReflectionsByKind(ReflectionKind.Document)) {
      const [first] = document.content;
      const heading = /^# (.+)$/m.exec(first?.text ?? '');
      if (heading) document.name = heading[1];
    }
  });
}
