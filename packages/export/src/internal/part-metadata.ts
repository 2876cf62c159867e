/** Notes in an ONNX file: what the manifest says of it, as JSON under names of ours, and those of whoever exports. */
export function partMetadata(
  part: string,
  facts: Readonly<Record<string, unknown>>,
  notes: Readonly<Record<string, string>>,
): Record<string, string> {
  const ours = Object.entries({ part, ...facts }).map(([name, value]) => [`vitvq.${name}`, JSON.stringify(value)]);
  return { ...notes, ...(Object.fromEntries(ours) as Record<string, string>) };
}
