/** Returns an option's name as it is typed: `--image-size` for `imageSize`. */
export function optionName(name: string): string {
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/**
 * Describes the arguments that commander did not recognise, one message for each. A value that
 * follows an unknown option counts as that option's.
 */
export function unknownArguments(args: readonly string[]): string[] {
  return args.flatMap((argument, index) => {
    if (argument.startsWith('-')) return [`${argument} is not an option`];
    return args[index - 1]?.startsWith('-') ? [] : [`"${argument}" is not expected`];
  });
}
