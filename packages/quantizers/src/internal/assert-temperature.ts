import { assertShape } from '@vitvq/core';
import type { QuantizeContext } from '@vitvq/core';
import { assertPositive } from './assert-positive.js';

/** Checks the temperature of a call. @throws {ConfigError} @throws {ShapeError} */
export function assertTemperature(temperature: NonNullable<QuantizeContext['temperature']>, where: string): void {
  if (typeof temperature === 'number') assertPositive(temperature, 'temperature', where);
  else assertShape(temperature, [], `${where}, temperature`);
}
