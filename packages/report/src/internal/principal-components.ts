/** A direction of data with the position of each row along it. */
export interface PrincipalComponent {
  /**
   * Position of each row, with mean 0 and variance 1; all zero where the data has no variance left.
   */
  readonly scores: Float64Array;
  /** Standard deviation of the data along this component. */
  readonly deviation: number;
}

/**
 * Computes the first principal components of `rows` vectors. The largest coefficient of each
 * direction is made positive, so that equal data gives equal scores.
 */
export function principalComponents(
  data: ArrayLike<number>,
  rows: number,
  columns: number,
  count: number,
): PrincipalComponent[] {
  const means = new Float64Array(columns);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) means[column]! += data[row * columns + column]! / rows;
  }
  const covariance = Array.from({ length: columns }, () => new Float64Array(columns));
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < columns; i++) {
      const centred = data[row * columns + i]! - means[i]!;
      for (let j = 0; j <= i; j++) covariance[i]![j]! += (centred * (data[row * columns + j]! - means[j]!)) / rows;
    }
  }
  for (let i = 0; i < columns; i++) for (let j = 0; j < i; j++) covariance[j]![i] = covariance[i]![j]!;

  const { values, vectors } = symmetricEigen(covariance);
  const order = [...values.keys()].sort((a, b) => values[b]! - values[a]!).slice(0, count);
  const total = values.reduce((sum, value) => sum + value, 0);
  return order.map((axis) => {
    const scores = new Float64Array(rows);
    const variance = values[axis]!;
    if (!(variance > 1e-12 * total)) return { scores, deviation: 0 };
    const direction = vectors.map((row) => row[axis]!);
    const largest = direction.reduce((best, value) => (Math.abs(value) > Math.abs(best) ? value : best), 0);
    const factor = Math.sign(largest) / Math.sqrt(variance);
    for (let row = 0; row < rows; row++) {
      let score = 0;
      for (let column = 0; column < columns; column++) {
        score += (data[row * columns + column]! - means[column]!) * direction[column]!;
      }
      scores[row] = score * factor;
    }
    return { scores, deviation: Math.sqrt(variance) };
  });
}

/**
 * Computes eigenvalues and eigenvectors (in columns) of a symmetric matrix by cyclic Jacobi
 * rotations. Overwrites the matrix.
 */
function symmetricEigen(matrix: Float64Array[]): { values: number[]; vectors: Float64Array[] } {
  const size = matrix.length;
  const vectors = matrix.map((_, index) =>
    Float64Array.from({ length: size }, (_, column) => (column === index ? 1 : 0)),
  );
  for (let sweep = 0; sweep < 50; sweep++) {
    let offDiagonal = 0;
    let diagonal = 0;
    for (let i = 0; i < size; i++) {
      diagonal += matrix[i]![i]! ** 2;
      for (let j = 0; j < i; j++) offDiagonal += matrix[i]![j]! ** 2;
    }
    if (offDiagonal <= 1e-24 * diagonal) break;
    for (let p = 0; p < size; p++) {
      for (let q = p + 1; q < size; q++) {
        const element = matrix[p]![q]!;
        if (element === 0) continue;
        const theta = (matrix[q]![q]! - matrix[p]![p]!) / (2 * element);
        const tangent = (theta < 0 ? -1 : 1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1));
        const cosine = 1 / Math.sqrt(tangent * tangent + 1);
        const sine = tangent * cosine;
        for (let k = 0; k < size; k++) {
          const row = matrix[k]!;
          const left = row[p]!;
          row[p] = cosine * left - sine * row[q]!;
          row[q] = sine * left + cosine * row[q]!;
        }
        for (let k = 0; k < size; k++) {
          const left = matrix[p]![k]!;
          matrix[p]![k] = cosine * left - sine * matrix[q]![k]!;
          matrix[q]![k] = sine * left + cosine * matrix[q]![k]!;
          const vector = vectors[k]!;
          const first = vector[p]!;
          vector[p] = cosine * first - sine * vector[q]!;
          vector[q] = sine * first + cosine * vector[q]!;
        }
      }
    }
  }
  return { values: matrix.map((row, index) => row[index]!), vectors };
}
