import stylistic from '@stylistic/eslint-plugin';
import vitest from '@vitest/eslint-plugin';
import { defineConfig } from 'eslint/config';
import jsdoc from 'eslint-plugin-jsdoc';
import tseslint from 'typescript-eslint';

export default defineConfig(
  { ignores: ['**/dist/', '**/coverage/', '.nx/', '.packed/', 'runs/', 'site/'] },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.recommendedTypeChecked],
    languageOptions: {
      parserOptions: {
        // As one program: the configs of the folders would have everything read forty times.
        project: ['tsconfig.all.json', 'examples/browser/tsconfig.json'],
        tsconfigRootDir: import.meta.dirname,
      },
    },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      eqeqeq: 'error',
      'no-console': 'error',
      // A run is a function of its config and seed: randomness comes from keys of `@vitvq/core`.
      'no-restricted-properties': [
        'error',
        { object: 'Math', property: 'random', message: 'Draw from a random key of @vitvq/core.' },
        ...['randomNormal', 'randomUniform', 'randomGamma', 'truncatedNormal', 'multinomial', 'dropout'].map(
          (property) => ({ object: 'tf', property, message: 'Draw from a random key of @vitvq/core.' }),
        ),
      ],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      // noUncheckedIndexedAccess makes `!` the way to index in a loop.
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-unnecessary-condition': 'off', // Wrong for values that await or a callback changes.
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/prefer-readonly': 'error',
      '@typescript-eslint/require-await': 'off', // An async function may satisfy a contract without awaiting.
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true, allowArray: true }, // Shapes.
      ],
      '@typescript-eslint/return-await': ['error', 'error-handling-correctness-only'],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
    },
  },
  {
    // Prettier keeps code within its width; comments are prose, which narrower lines suit.
    files: ['**/*.ts', '**/*.mjs'],
    plugins: { '@stylistic': stylistic },
    rules: { '@stylistic/max-len': ['error', { code: 1000, comments: 100, ignoreUrls: true }] },
  },
  {
    files: ['packages/*/src/**/*.ts'],
    plugins: { jsdoc },
    rules: {
      'jsdoc/require-jsdoc': [
        'error',
        {
          publicOnly: true,
          require: { ClassDeclaration: true, FunctionDeclaration: true },
          contexts: ['TSInterfaceDeclaration', 'ExportNamedDeclaration > VariableDeclaration'],
          enableFixer: false,
        },
      ],
    },
  },
  {
    // A test that asserts nothing, or only now and then, passes whatever the code does.
    files: ['**/test/**/*.test.ts'],
    plugins: { vitest },
    rules: {
      'vitest/expect-expect': ['error', { assertFunctionNames: ['expect*', '**.expect*'] }],
      'vitest/no-commented-out-tests': 'error',
      'vitest/no-conditional-tests': 'error',
      'vitest/no-focused-tests': 'error',
      'vitest/no-identical-title': 'error',
      'vitest/valid-describe-callback': 'error',
      'vitest/valid-expect': ['error', { maxArgs: 2 }],
      'vitest/valid-expect-in-promise': 'error',
    },
  },
  {
    // The clock of the day jumps; durations and intervals of trainings go by `performance.now()`.
    files: ['packages/{training,stage1-trainer,stage2-trainer,classifier-trainer,checkpoint}/src/**/*.ts'],
    rules: {
      'no-restricted-globals': ['error', { name: 'Date', message: 'Durations go by performance.now().' }],
    },
  },
  {
    // Programs talk to a terminal.
    files: ['examples/**/*.ts', 'tools/**/*.ts', 'packages/cli/**/*.ts'],
    rules: { 'no-console': 'off' },
  },
  {
    // While a function is traced, Math.random is replaced by something that refuses.
    files: ['packages/engine/src/trace/trace.ts'],
    rules: { 'no-restricted-properties': 'off', '@typescript-eslint/unbound-method': 'off' },
  },
  {
    files: ['**/test/**/*.ts'],
    rules: {
      'no-restricted-properties': 'off',
      '@typescript-eslint/unbound-method': 'off',
    },
  },
);
