import tseslint from 'typescript-eslint';

/** Of what strictTypeChecked asks for, what is otherwise here, and why. */
const OTHERWISE = {
  // `() => f()` of a void function is how callbacks are written here.
  '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
  // Numbers and bigints have one text; objects and undefined have none that is meant.
  '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
  // An interface may promise an answer later although this one has it at once: `async` makes one.
  '@typescript-eslint/require-await': 'off',
  // Columns are counted in code points, [...text].length.
  '@typescript-eslint/no-misused-spread': ['error', { allow: ['string'] }],
  // What was caught is thrown on, and is unknown.
  '@typescript-eslint/only-throw-error': ['error', { allowThrowingUnknown: true }],
  // Not in the set: a case that nobody thought of is an error, unless there is a default.
  '@typescript-eslint/switch-exhaustiveness-check': [
    'error',
    { considerDefaultExhaustiveForUnions: true },
  ],
};

export default tseslint.config(
  { ignores: ['**/node_modules/', '**/dist/', '**/build/', '**/bin/*.js', '.nx/'] },
  ...tseslint.configs.strict,
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeCheckedOnly],
    languageOptions: {
      parserOptions: { project: 'tsconfig.sources.json', tsconfigRootDir: import.meta.dirname },
    },
    rules: OTHERWISE,
  },
  {
    // What is missing shows as `undefined` in an expectation that fails.
    files: ['**/test/**/*.ts'],
    rules: {
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowNullish: true },
      ],
    },
  },
  {
    files: ['**/*.mjs', '**/*.js'],
    languageOptions: { globals: { process: 'readonly', console: 'readonly' } },
  },
  {
    // Code is prettier's; comments, it leaves as they are.
    rules: {
      'max-len': [
        'error',
        {
          code: 100,
          ignoreUrls: true,
          ignoreStrings: true,
          ignoreTemplateLiterals: true,
          ignoreRegExpLiterals: true,
        },
      ],
    },
  },
  {
    // A test that waits, or starts a program, does so with a bound.
    files: ['packages/*/test/**', 'runtime/test/**', 'test-targets/**'],
    ignores: ['test-targets/harness/programs.cjs'],
    rules: {
      'no-restricted-syntax': [
        'error',
        {
          selector:
            ':matches(WhileStatement, DoWhileStatement, ForStatement)[body.type="EmptyStatement"]',
          message: 'It may never end: wait with waitFor() or waitSync() of harness/wait.cjs.',
        },
        {
          selector:
            'WhileStatement AwaitExpression > :matches(NewExpression, CallExpression[callee.name="delay"])',
          message: 'It may never end: wait with waitFor() of harness/wait.cjs.',
        },
        {
          selector: 'ForStatement[test=null], WhileStatement[test.value=true]',
          message: 'It may never end: wait with waitFor() or waitSync() of harness/wait.cjs.',
        },
      ],
      '@typescript-eslint/no-restricted-imports': [
        'error',
        {
          name: 'node:child_process',
          allowTypeImports: true,
          message: 'It may never end: start programs by harness/programs.cjs or harness/asked.cjs.',
        },
      ],
    },
  },
  { files: ['**/*.cjs'], rules: { '@typescript-eslint/no-require-imports': 'off' } },
);
