/**
 * The error of one image that cannot be used. Batches do without such a image, or fail where its
 * source is strict. Throw it from `read` of an `ImageSource`; the message is the reason, such as
 * `it is damaged`.
 */
export class UnusableImageError extends Error {}
