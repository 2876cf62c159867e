import { cp } from 'node:fs/promises';
import { defineConfig } from 'tsup';
import { packageBuild } from '../../tsup.config.base.js';

export default defineConfig({
  ...packageBuild,
  // The configs of the repository are shipped with the package: `readRunConfig('quickstart')`.
  onSuccess: () => cp('../../configs', 'dist/configs', { recursive: true }),
});
