/**
 * Adds weighted rows to a vector: `out[i] += Σ weights[r] · source[begin + r · stride + i]`. Four
 * rows pass together, which spares most of the loads and stores of the vector.
 */
export function addWeightedRows(
  out: Float64Array,
  weights: Float64Array,
  source: Float64Array,
  begin: number,
  stride: number,
): void {
  const { length } = out;
  let row = 0;
  for (; row + 4 <= weights.length; row += 4) {
    const [w0, w1, w2, w3] = [weights[row]!, weights[row + 1]!, weights[row + 2]!, weights[row + 3]!];
    const at0 = begin + row * stride;
    const [at1, at2, at3] = [at0 + stride, at0 + 2 * stride, at0 + 3 * stride];
    for (let i = 0; i < length; i++) {
      out[i]! += w0 * source[at0 + i]! + w1 * source[at1 + i]! + w2 * source[at2 + i]! + w3 * source[at3 + i]!;
    }
  }
  for (; row < weights.length; row++) {
    const [weight, at] = [weights[row]!, begin + row * stride];
    for (let i = 0; i < length; i++) out[i]! += weight * source[at + i]!;
  }
}

/**
 * Returns G `[rank, n]` row-major with `matrix = GᵀG`, for a symmetric matrix without negative
 * eigenvalues, such as a covariance. The largest remaining diagonal element is eliminated first, so
 * that what is left out at the end is rounding only, also where the matrix is singular.
 */
export function pivotedCholesky(matrix: Float64Array, n: number): { rank: number; factor: Float64Array } {
  const rest = Float64Array.from({ length: n }, (_, i) => matrix[i * n + i]!);
  const negligible = n * Number.EPSILON * rest.reduce((most, value) => Math.max(most, value), 0);
  const factor = new Float64Array(n * n);
  let rank = 0;
  while (rank < n) {
    const pivot = rest.reduce((best, value, i) => (value > rest[best]! ? i : best), 0);
    if (!(rest[pivot]! > negligible)) break;
    const row = factor.subarray(rank * n, (rank + 1) * n);
    row.set(matrix.subarray(pivot * n, (pivot + 1) * n));
    const weights = Float64Array.from({ length: rank }, (_, before) => -factor[before * n + pivot]!);
    addWeightedRows(row, weights, factor, 0, n);
    const root = Math.sqrt(rest[pivot]!);
    for (let i = 0; i < n; i++) {
      row[i]! /= root;
      rest[i]! -= row[i]! * row[i]!;
    }
    // A pivot that is done must not come again for a rounding error.
    rest[pivot] = 0;
    rank++;
  }
  return { rank, factor: factor.subarray(0, rank * n) };
}

/**
 * Returns the lower triangle of `G M Gᵀ`, `[rows, rows]` row-major, of G `[rows, n]` and a
 * symmetric M `[n, n]`.
 */
export function sandwich(factor: Float64Array, rows: number, matrix: Float64Array, n: number): Float64Array {
  const result = new Float64Array(rows * rows);
  const product = new Float64Array(n);
  const transposed = Float64Array.from(factor, (_, at) => factor[(at % rows) * n + Math.floor(at / rows)]!);
  for (let row = 0; row < rows; row++) {
    product.fill(0);
    addWeightedRows(product, factor.subarray(row * n, (row + 1) * n), matrix, 0, n);
    addWeightedRows(result.subarray(row * rows, row * rows + row + 1), product, transposed, 0, rows);
  }
  return result;
}

/**
 * Returns the eigenvalues of a symmetric matrix in no order: Householder's reduction to a
 * tridiagonal matrix, then QL steps with implicit shifts (Golub and Van Loan, Matrix Computations,
 * 8.3). Libraries for JavaScript compute the vectors as well, which takes several times as long for
 * 2,048 features.
 * @param matrix  `[n, n]` row-major; only its lower triangle is read
 */
export function symmetricEigenvalues(matrix: Float64Array, n: number): Float64Array {
  const { diagonal, beside } = tridiagonalize(matrix.slice(), n);
  for (let first = 0; first < n; first++) {
    for (;;) {
      const last = endOfBlock(diagonal, beside, first);
      if (last === first) break;
      stepOfQL(diagonal, beside, first, last);
    }
  }
  return diagonal;
}

/** Returns a tridiagonal matrix with the same eigenvalues: `beside[i]` lies between i and i + 1. */
function tridiagonalize(a: Float64Array, n: number): { diagonal: Float64Array; beside: Float64Array } {
  const beside = new Float64Array(n);
  const product = new Float64Array(n);
  for (let last = n - 1; last > 0; last--) {
    const reflector = a.subarray(last * n, last * n + last);
    const end = last - 1;
    const scale = reflector.reduce((sum, value) => sum + Math.abs(value), 0);
    if (last === 1 || scale === 0) {
      beside[end] = reflector[end]!;
      continue;
    }
    let square = 0;
    for (let i = 0; i < last; i++) {
      reflector[i]! /= scale;
      square += reflector[i]! * reflector[i]!;
    }
    const length = reflector[end]! >= 0 ? -Math.sqrt(square) : Math.sqrt(square);
    beside[end] = scale * length;
    const half = square - reflector[end]! * length;
    reflector[end]! -= length;
    multiplySymmetric(a, n, reflector, product);
    let overlap = 0;
    for (let i = 0; i < last; i++) {
      product[i]! /= half;
      overlap += product[i]! * reflector[i]!;
    }
    for (let i = 0; i < last; i++) product[i]! -= (overlap / (2 * half)) * reflector[i]!;
    for (let i = 0; i < last; i++) {
      const [own, ownProduct, at] = [reflector[i]!, product[i]!, i * n];
      for (let j = 0; j <= i; j++) a[at + j]! -= own * product[j]! + ownProduct * reflector[j]!;
    }
  }
  return { diagonal: Float64Array.from({ length: n }, (_, i) => a[i * n + i]!), beside };
}

/** Writes the product of the leading block of a symmetric matrix and a vector of its size. */
function multiplySymmetric(a: Float64Array, n: number, vector: Float64Array, product: Float64Array): void {
  product.fill(0);
  for (let i = 0; i < vector.length; i++) {
    const [own, at] = [vector[i]!, i * n];
    let sum = a[at + i]! * own;
    for (let j = 0; j < i; j++) {
      sum += a[at + j]! * vector[j]!;
      product[j]! += a[at + j]! * own;
    }
    product[i]! += sum;
  }
}

/** Returns the end of the block that begins at `first`: what lies beside it there is negligible. */
function endOfBlock(diagonal: Float64Array, beside: Float64Array, first: number): number {
  let last = first;
  while (last < diagonal.length - 1) {
    const size = Math.abs(diagonal[last]!) + Math.abs(diagonal[last + 1]!);
    if (Math.abs(beside[last]!) <= Number.EPSILON * size) break;
    last++;
  }
  return last;
}

/** Makes one QL step with an implicit shift on a block of a tridiagonal matrix. */
function stepOfQL(diagonal: Float64Array, beside: Float64Array, first: number, last: number): void {
  const ratio = (diagonal[first + 1]! - diagonal[first]!) / (2 * beside[first]!);
  const root = Math.hypot(ratio, 1);
  let g = diagonal[last]! - diagonal[first]! + beside[first]! / (ratio + (ratio >= 0 ? root : -root));
  let [sine, cosine, shift] = [1, 1, 0];
  for (let i = last - 1; i >= first; i--) {
    const f = sine * beside[i]!;
    const b = cosine * beside[i]!;
    const length = Math.hypot(f, g);
    beside[i + 1] = length;
    if (length === 0) {
      diagonal[i + 1]! -= shift;
      beside[last] = 0;
      return;
    }
    sine = f / length;
    cosine = g / length;
    const rest = diagonal[i + 1]! - shift;
    const turned = (diagonal[i]! - rest) * sine + 2 * cosine * b;
    shift = sine * turned;
    diagonal[i + 1] = rest + shift;
    g = cosine * turned - b;
  }
  diagonal[first]! -= shift;
  beside[first] = g;
  beside[last] = 0;
}
