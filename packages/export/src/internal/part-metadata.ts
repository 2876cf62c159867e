/**
 * Returns the metadata of an ONNX file: what the manifest says of the file, as JSON under names
 * that begin with `vitvq.`, and the caller's notes.
 */
export function partMetadata(
  part: string,
  facts: Readonly<Record<string, unknown>>,
  notes: Readonly<Record<string, string>>,
): Record<string, string> {
  const known = Object.entries({ part, ...facts }).filter(([, value]) => value !== undefined);
  const ours = known.map(([name, value]) => [`vitvq.${name}`, JSON.stringify(value)]);
  return { ...notes, ...(Object.fromEntries(ours) as Record<string, string>) };
}
