import { openSafetensors, restoreVariables, variableTensors, writeSafetensors } from '@vitvq/checkpoint';
import { ConfigError, DataError, parseOptions, skipInitialization } from '@vitvq/core';
import { z } from 'zod';
import { ProxyClassifier } from './proxy-classifier.js';
import { ProxyNetwork, proxyNetworkSchema } from './proxy-network.js';

/** Name of the metadata that describe a proxy. */
const entry = 'vitvq-proxy-classifier';

const descriptionSchema = z.strictObject({
  network: proxyNetworkSchema,
  facts: z.strictObject({
    steps: z.int().min(0),
    seed: z.int().min(0),
    accuracy: z.number().min(0).max(1).nullable(),
    classNames: z.array(z.string()).readonly().default([]),
  }),
});

/**
 * Writes a proxy classifier as one safetensors file, with its sizes and facts among the metadata.
 * @throws {DataError} naming the file and the system's reason
 */
export async function saveProxyClassifier(file: string, { network, facts }: ProxyClassifier): Promise<void> {
  const metadata = { [entry]: JSON.stringify({ network: network.config, facts }) };
  await writeSafetensors(file, variableTensors(network.namedVariables()), metadata);
}

/**
 * Reads a proxy classifier that {@link saveProxyClassifier} wrote. The file may come from anywhere.
 * The caller disposes of the classifier.
 * @throws {DataError} naming the file, for anything but a proxy classifier
 * @throws {ShapeError} for weights that are not those of its sizes
 */
export async function loadProxyClassifier(file: string): Promise<ProxyClassifier> {
  const opened = await openSafetensors(file);
  try {
    const { network: config, facts } = descriptionOf(file, opened.metadata[entry]);
    const network = skipInitialization((key) => new ProxyNetwork(config, key), opened);
    try {
      await restoreVariables(opened, network.namedVariables());
      return await ProxyClassifier.of(network, facts);
    } catch (error) {
      network.dispose();
      throw error;
    }
  } finally {
    await opened.close();
  }
}

function descriptionOf(file: string, text: string | undefined): z.output<typeof descriptionSchema> {
  const refuse = (got: string, cause?: unknown): DataError =>
    new DataError({ where: file, expected: 'a proxy classifier of saveProxyClassifier', got }, { cause });
  if (text === undefined) throw refuse(`a file without the metadata ${entry}`);
  try {
    return parseOptions(descriptionSchema, JSON.parse(text), file);
  } catch (error) {
    if (error instanceof SyntaxError) throw refuse('a description that is no JSON', error);
    if (error instanceof ConfigError) throw refuse(error.got, error);
    throw error;
  }
}
