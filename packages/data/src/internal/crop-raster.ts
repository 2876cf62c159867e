import type { Resampling } from '@vitvq/core';
import { cropRegion, type CropRequest, type Pixels2D } from './crop-region.js';
import { copyRegion, nearestRegion, type Raster, type RasterView } from './raster.js';
import type { Resampler } from './resample.js';

/**
 * Writes the crop of a decoded image and returns the size of the whole image.
 * @throws {UnusableImageError} when the size of the image does not fit the request
 */
export function cropRaster(
  source: Raster,
  resampling: Resampling,
  request: CropRequest,
  resampler: Resampler,
  target: RasterView,
): Pixels2D {
  const size = [source.height, source.width] as const;
  const region = cropRegion(size, request);
  if (resampling === 'nearest') {
    nearestRegion(source, region, target);
  } else if (region.scaledHeight !== source.height || region.scaledWidth !== source.width) {
    resampler.resample(source, region, target);
  } else {
    copyRegion(source, region, target);
  }
  return size;
}
