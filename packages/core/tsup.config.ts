export { neutralBuild as default } from '../../tsup.config.base.js';
