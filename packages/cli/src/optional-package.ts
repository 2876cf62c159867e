import { ConfigError } from '@vitvq/core';

/**
 * Imports a package that only one command needs, and on which @vitvq/cli therefore does not depend.
 * @param command  name of the command, for the message
 * @param name  name of the package
 * @param load  imports the package: `() => import('@vitvq/export')`
 * @throws {ConfigError} saying how to install the package when it is missing
 */
export async function loadOptional<T>(command: string, name: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code !== 'ERR_MODULE_NOT_FOUND' || !message.includes(`'${name}'`)) throw error;
    throw new ConfigError(
      {
        where: `vitvq ${command}`,
        expected: `the package ${name}`,
        got: 'an installation without it',
        fix: `Run "npm install --ignore-scripts ${name}", or "npx --ignore-scripts -p @vitvq/cli -p ${name} vitvq ${command}".`,
      },
      { cause: error },
    );
  }
}
