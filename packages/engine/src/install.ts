export { installableEngines, type InstallableEngine } from './engines/installed-engine.js';
export { describeInstallation } from './install/describe-installation.js';
export { installEngine, type InstallOptions } from './install/install-engine.js';
export { planInstallation, type InstallationPlan } from './install/installation-plan.js';
export type { Registry, RegistryFetcher, RegistryFile } from './install/registry-file.js';
