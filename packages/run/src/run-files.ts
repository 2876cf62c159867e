/** Name of the file with the config in the folder of a run. */
export const runConfigFile = 'config.yaml';

/** Name of the file with the numbers of a run, written last: where it exists, the run is done. */
export const metricsFile = 'metrics.json';

/** Name of the file that tells the images of a run apart from others. */
export const imagesFile = 'images.json';

/** Name of the file of a run that holds its proxy classifier. */
export const proxyFile = 'proxy.safetensors';
