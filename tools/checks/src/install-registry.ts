/**
 * The Nx target `registry`: installs what our packages need of the registry once, so that
 * `check-package` unpacks it for no package again.
 */
import { installRegistry } from './internal/install.js';

await installRegistry();
