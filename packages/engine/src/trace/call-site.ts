/** Lines of a stack that belong to TensorFlow.js, to this package or to the runtime. */
const internal = /@tensorflow|tfjs-core\/src|vitvq\/engine|packages\/engine\/(src|dist)|node:internal/;

/** Returns the first line of a stack that is the caller's, as `at name (file:line:column)`. */
export function callSite(stack: string | undefined): string | undefined {
  return stack
    ?.split('\n')
    .slice(1)
    .find((line) => /\.[cm]?[jt]s/.test(line) && !internal.test(line))
    ?.trim();
}
