import { join } from 'node:path';
import { defaultCacheDirectory } from '@vitvq/files';

/** Engines of TensorFlow's library. */
export const tensorFlowEngines = ['tensorflow', 'tensorflow-gpu'] as const;

/** Whether an engine is one of TensorFlow's, whose native part is compiled when it is installed. */
export const isTensorFlow = (name: InstallableEngine): boolean => tensorFlowEngines.some((engine) => engine === name);

/** Engines that `installEngine` puts into the user's cache. */
export const installableEngines = [...tensorFlowEngines, 'pjrt'] as const;

/** Name of an engine that can be installed. */
export type InstallableEngine = (typeof installableEngines)[number];

/** File of an installed engine's folder that says what it was made of. */
export const installationFile = 'installed.json';

/**
 * Symbol of the global under which the program's TensorFlow.js is handed to an installed package,
 * which would need a second copy otherwise.
 */
export const tensorFlowJsKey = '@vitvq/engine: TensorFlow.js';

/** Folder of an installed engine's folder into which wheels of Python are unpacked. */
export const sitePackages = 'site-packages';

/** Returns the folder of an installed engine in the user's cache, whether it exists or not. */
export function installedEngineFolder(name: InstallableEngine): string {
  return join(defaultCacheDirectory(), 'engines', name);
}
