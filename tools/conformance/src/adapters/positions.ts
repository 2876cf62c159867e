import { sinCosPositions2D } from '@vitvq/layers';
import { ConfigReader } from '../config.js';
import { tensorAdapter } from './adapter.js';

/** The reference's `get_2d_sincos_pos_embed`. */
export const positions = tensorAdapter(async ({ name, config }) => {
  const reader = new ConfigReader(config, name);
  const table = sinCosPositions2D(reader.number('dim'), reader.size('grid'));
  reader.finish();
  return new Map([['out/posEmbed', table]]);
});
