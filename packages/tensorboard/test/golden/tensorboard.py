"""Prints tensorboard.json: records of TensorBoard's own messages and writer, and a histogram of TensorFlow.

pip install tensorboard tensorflow-cpu && python tensorboard.py > tensorboard.json
"""
import base64
import io
import json

import tensorflow as tf
from tensorboard import version
from tensorboard.compat.proto import event_pb2, summary_pb2, tensor_pb2
from tensorboard.summary.writer.record_writer import RecordWriter

Event, Summary = event_pb2.Event, summary_pb2.Summary
png = bytes(range(40))


def summary(**value):
    return Summary(value=[Summary.Value(**value)])


image = Summary.Image(height=2, width=3, colorspace=4, encoded_image_string=png)
histogram = summary_pb2.HistogramProto(
    min=-1, max=2, num=3, sum=1.5, sum_squares=5.25, bucket_limit=[-0.5, 0, 3], bucket=[1, 0, 2]
)
text = tensor_pb2.TensorProto(dtype=7, tensor_shape={}, string_val=["# größe".encode()])
plugin = summary_pb2.SummaryMetadata(plugin_data={"plugin_name": "text"})
events = [
    Event(wall_time=1.5, file_version="brain.Event:2"),
    Event(wall_time=2.5, step=501, session_log=event_pb2.SessionLog(status=1)),
    Event(wall_time=3.25, step=7, summary=summary(tag="loss/total", simple_value=0.125)),
    Event(wall_time=3.5, step=0, summary=summary(tag="zero", simple_value=0)),
    Event(wall_time=4.0, step=2**40, summary=summary(tag="nan", simple_value=float("nan"))),
    Event(wall_time=5.0, step=0, summary=summary(tag="image", image=image)),
    Event(wall_time=6.0, step=1, summary=summary(tag="weights", histo=histogram)),
    Event(wall_time=7.0, step=1, summary=summary(tag="text", tensor=text, metadata=plugin)),
]
file = io.BytesIO()
writer = RecordWriter(file)
for event in events:
    writer.write(event.SerializeToString())

values = [-3e4, -1.0, -1.0, -1e-13, 0.0, 0.0, 1e-12, 1.1e-12, 0.05, 0.5, 1.0, 1.0, 1.0, 2.5, 1e19, 3e25]
with tf.Graph().as_default():
    operation = tf.compat.v1.summary.histogram("h", tf.constant(values, tf.float64))
    with tf.compat.v1.Session() as session:
        counted = Summary.FromString(session.run(operation)).value[0].histo

print(
    json.dumps(
        {
            "script": "tensorboard.py",
            "tensorboard": version.VERSION,
            "tensorflow": tf.__version__,
            "file": base64.b64encode(file.getvalue()).decode(),
            "histogram": {
                "values": values,
                "min": counted.min,
                "max": counted.max,
                "num": counted.num,
                "sum": counted.sum,
                "sumSquares": counted.sum_squares,
                "bucketLimit": list(counted.bucket_limit),
                "bucket": list(counted.bucket),
            },
        },
        indent=1,
    )
)
