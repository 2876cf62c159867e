import protobuf from 'protobufjs';
import type { Histogram } from './histogram.js';

/**
 * The fields of TensorFlow's event.proto, summary.proto and tensor.proto that this package writes.
 * Field numbers are the wire format and never change. Scalars, images and histograms have the form
 * of TensorFlow 1, which every version of TensorBoard reads.
 */
const schema = protobuf.Root.fromJSON({
  nested: {
    Event: {
      fields: {
        wallTime: { type: 'double', id: 1 },
        step: { type: 'int64', id: 2 },
        fileVersion: { type: 'string', id: 3 },
        summary: { type: 'Summary', id: 5 },
        sessionLog: { type: 'SessionLog', id: 7 },
      },
      oneofs: { what: { oneof: ['fileVersion', 'summary', 'sessionLog'] } },
    },
    SessionLog: { fields: { status: { type: 'int32', id: 1 } } },
    Summary: { fields: { value: { rule: 'repeated', type: 'Value', id: 1 } } },
    Value: {
      fields: {
        tag: { type: 'string', id: 1 },
        simpleValue: { type: 'float', id: 2 },
        image: { type: 'Image', id: 4 },
        histo: { type: 'Histogram', id: 5 },
        tensor: { type: 'Tensor', id: 8 },
        metadata: { type: 'Metadata', id: 9 },
      },
      // The oneof is needed: protobufjs writes a zero only as a member of a oneof.
      oneofs: { value: { oneof: ['simpleValue', 'image', 'histo', 'tensor'] } },
    },
    Image: {
      fields: {
        height: { type: 'int32', id: 1 },
        width: { type: 'int32', id: 2 },
        colorspace: { type: 'int32', id: 3 },
        encodedImageString: { type: 'bytes', id: 4 },
      },
    },
    Histogram: {
      fields: {
        min: { type: 'double', id: 1 },
        max: { type: 'double', id: 2 },
        num: { type: 'double', id: 3 },
        sum: { type: 'double', id: 4 },
        sumSquares: { type: 'double', id: 5 },
        bucketLimit: { rule: 'repeated', type: 'double', id: 6, options: { packed: true } },
        bucket: { rule: 'repeated', type: 'double', id: 7, options: { packed: true } },
      },
    },
    Tensor: {
      fields: {
        dtype: { type: 'int32', id: 1 },
        tensorShape: { type: 'Shape', id: 2 },
        stringVal: { rule: 'repeated', type: 'bytes', id: 8 },
      },
    },
    Shape: { fields: { dim: { rule: 'repeated', type: 'Dimension', id: 2 } } },
    Dimension: { fields: { size: { type: 'int64', id: 1 } } },
    Metadata: { fields: { pluginData: { type: 'PluginData', id: 1 } } },
    PluginData: { fields: { pluginName: { type: 'string', id: 1 } } },
  },
});
const eventType = schema.lookupType('Event');

/** `SessionLog.START`: a writer starts or resumes at the event's step. */
const sessionStart = 1;
/** `DT_STRING`, the dtype of a text. */
const stringDtype = 7;

/** A PNG file with the size that TensorBoard wants beside it. */
export interface EncodedPicture {
  readonly width: number;
  readonly height: number;
  /** Values of a pixel: 1 grey, 2 grey and alpha, 3 RGB, 4 RGBA. */
  readonly channels: number;
  readonly png: Uint8Array;
}

/** The content of an event. */
export type EventContent =
  | { readonly kind: 'version' }
  | { readonly kind: 'start' }
  | { readonly kind: 'scalar'; readonly tag: string; readonly value: number }
  | { readonly kind: 'image'; readonly tag: string; readonly picture: EncodedPicture }
  | { readonly kind: 'histogram'; readonly tag: string; readonly histogram: Histogram }
  | { readonly kind: 'text'; readonly tag: string; readonly text: string };

/** Returns the bytes of an `Event` message. @param wallTime  seconds since 1970 */
export function encodeEvent(wallTime: number, step: number, content: EventContent): Uint8Array {
  return eventType.encode({ wallTime, step, ...fields(content) }).finish();
}

function fields(content: EventContent): object {
  switch (content.kind) {
    case 'version':
      return { fileVersion: 'brain.Event:2' };
    case 'start':
      return { sessionLog: { status: sessionStart } };
    case 'scalar':
      return summary({ tag: content.tag, simpleValue: content.value });
    case 'image': {
      const { height, width, channels, png } = content.picture;
      return summary({ tag: content.tag, image: { height, width, colorspace: channels, encodedImageString: png } });
    }
    case 'histogram':
      return summary({ tag: content.tag, histo: content.histogram });
    case 'text':
      return summary({
        tag: content.tag,
        tensor: { dtype: stringDtype, tensorShape: {}, stringVal: [new TextEncoder().encode(content.text)] },
        metadata: { pluginData: { pluginName: 'text' } },
      });
  }
}

function summary(value: object): object {
  return { summary: { value: [value] } };
}
